import type { IncomingMessage } from 'node:http';
import type { Random } from '../core/runtime.ts';

export const CORRELATION_HEADER = 'x-correlation-id';

/** What is safe in a header, a log line and a database, and long enough for any tracing system's ids. */
const CORRELATION_ID = /^[A-Za-z0-9._:@/+=-]{1,128}$/;

/** @returns the caller's own id when it sent a good one, else a new UUID */
export function correlationIdOf(request: IncomingMessage, random: Random): string {
  const sent = request.headers[CORRELATION_HEADER];
  return typeof sent === 'string' && CORRELATION_ID.test(sent) ? sent : random.id();
}
