import { GraphError, invalidRequest } from '../http/graph-error.ts';
import { DAY_MS, parseInstant } from './zones.ts';

export interface Window {
  startMs: number;
  endMs: number;
}

/** Five years without leap days. */
const MAX_DAYS = 1825;

/** @throws {GraphError} 400 for a missing, malformed, inverted or too long window */
export function readWindow(query: ReadonlyMap<string, string>): Window {
  const start = query.get('startdatetime');
  const end = query.get('enddatetime');
  if (start === undefined || end === undefined) {
    throw new GraphError(
      400,
      'ErrorInvalidParameter',
      'This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.',
    );
  }
  const window = { startMs: instant('StartDateTime', start), endMs: instant('EndDateTime', end) };
  if (window.endMs < window.startMs) {
    throw new GraphError(400, 'ErrorInvalidParameter', 'The StartDateTime parameter must be earlier than EndDateTime.');
  }
  if (window.endMs - window.startMs > MAX_DAYS * DAY_MS) {
    throw invalidRequest(
      `The range between the start and end dates is greater than the allowed range. Maximum number of days: ${MAX_DAYS}`,
    );
  }
  return window;
}

/** A window whose end may be left out. @throws {GraphError} 400 `ErrorInvalidParameter` */
export function readOpenWindow(query: ReadonlyMap<string, string>): Window {
  const startMs = instant('StartDateTime', query.get('startdatetime') ?? '');
  const end = query.get('enddatetime');
  const window = { startMs, endMs: end === undefined ? LAST_MS : instant('EndDateTime', end) };
  if (window.endMs < window.startMs) {
    throw new GraphError(400, 'ErrorInvalidParameter', 'The StartDateTime parameter must be earlier than EndDateTime.');
  }
  return window;
}

/** The end of the calendar as Exchange has it. */
const LAST_MS = Date.UTC(9999, 11, 31);

function instant(name: string, text: string): number {
  const ms = parseInstant(text);
  if (ms === undefined)
    throw new GraphError(400, 'ErrorInvalidParameter', `The value '${text}' of parameter '${name}' is invalid.`);
  return ms;
}
