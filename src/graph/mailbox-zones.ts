import { isSyncError } from '../core/errors.ts';
import type { GraphSession } from './calendar-graph.ts';
import type { GraphClient } from './graph.client.ts';
import { userPath } from './graph-paths.ts';

/** One short string each; beyond this many mailboxes it costs a request to ask again. */
const MAX_MAILBOXES = 5_000;

/**
 * The zone each mailbox is set to, asked for once: what events without a usable zone of their own are read in (graph
 * contract 2.2). An application that may not read mailbox settings has to do without.
 */
export class MailboxZones {
  readonly #known = new Map<string, string | undefined>();

  /** @returns `undefined` when the setting may not be read or is empty */
  async get(client: GraphClient, session: GraphSession): Promise<string | undefined> {
    const { mailbox } = session;
    return this.#known.has(mailbox) ? this.#known.get(mailbox) : this.refresh(client, session);
  }

  /** Asks again: people move, and permissions are granted later. */
  async refresh(client: GraphClient, session: GraphSession): Promise<string | undefined> {
    const { mailbox } = session;
    const zone = await fetchZone(client, session);
    if (this.#known.size >= MAX_MAILBOXES) this.#known.clear();
    this.#known.set(mailbox, zone);
    return zone;
  }
}

async function fetchZone(client: GraphClient, session: GraphSession): Promise<string | undefined> {
  const path = `${userPath(session)}/mailboxSettings/timeZone`;
  try {
    const { body } = await client.send(session, { method: 'GET', path });
    const zone = (body as { value?: unknown } | undefined)?.value;
    return typeof zone === 'string' && zone !== '' ? zone : undefined;
  } catch (error) {
    if (isSyncError(error, 'forbidden') || isSyncError(error, 'not-found')) return undefined;
    throw error;
  }
}
