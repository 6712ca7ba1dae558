import { Agent, fetch } from 'undici';
import type { Fetch } from '../core/runtime.ts';

/** Connections kept open to one host: four requests per mailbox, many mailboxes at once. */
const CONNECTIONS_PER_HOST = 64;
const KEEP_ALIVE_MS = 60_000;

/** The production network plug: pooled, kept-alive connections. */
export function createPooledFetch(): { fetch: Fetch; close: () => Promise<void> } {
  const dispatcher = new Agent({ connections: CONNECTIONS_PER_HOST, keepAliveTimeout: KEEP_ALIVE_MS });
  return {
    fetch: async (url, init) => (await fetch(url, { ...init, dispatcher })) as unknown as Response,
    close: () => dispatcher.close(),
  };
}
