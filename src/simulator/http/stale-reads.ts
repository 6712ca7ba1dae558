import { findEvent } from '../mailbox/event-operations.ts';
import { decodeId } from '../mailbox/ids.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { StoredItem } from '../mailbox/model.ts';
import { bodyText } from './answers.ts';
import { readPath, type SimulatedRequest, type SimulatedResponse } from './http-types.ts';

interface Stale {
  mailboxId: string;
  before: StoredItem;
  left: number;
}

/**
 * Reads that lag behind a write, as from a replica: for so many reads an event is shown as it was.
 *
 * The old item takes the new one's place while such a read runs, so everything a route makes of it is old together:
 * properties, etag, occurrences, places in lists. Writes are never behind.
 */
export class StaleReads {
  #stale: Stale[] = [];

  /** The item a request is about to change, as it is now. */
  before(mailbox: Mailbox | undefined, request: SimulatedRequest): StoredItem | undefined {
    const id = eventIdIn(request);
    if (mailbox === undefined || id === undefined) return undefined;
    try {
      return structuredClone(findEvent(mailbox, id).item);
    } catch {
      return undefined;
    }
  }

  /** For an event a request has just made: that there was none. */
  absentBefore(mailbox: Mailbox, response: SimulatedResponse): StoredItem | undefined {
    try {
      const { id } = JSON.parse(bodyText(response)) as { id: string };
      return { ...structuredClone(findEvent(mailbox, id).item), deleted: true };
    } catch {
      return undefined;
    }
  }

  keep(mailbox: Mailbox, before: StoredItem | undefined, reads: number): void {
    if (before === undefined || reads === 0) return;
    const mailboxId = mailbox.state.id;
    this.#stale = this.#stale.filter((each) => each.mailboxId !== mailboxId || each.before.n !== before.n);
    this.#stale.push({ mailboxId, before, left: reads });
  }

  clear(): void {
    this.#stale = [];
  }

  /**
   * Runs a read with the old items in place. They are back before anybody else runs: what a read of events shows is
   * decided before it first waits.
   */
  reading<T>(mailbox: Mailbox | undefined, request: SimulatedRequest, read: () => Promise<T>): Promise<T> {
    if (this.#stale.length === 0 || mailbox === undefined) return read();
    const concerned = this.#concerned(mailbox, request);
    const current = concerned.map(({ before }) => mailbox.item(before.n)).filter((item) => item !== undefined);
    show(
      mailbox,
      concerned.map(({ before }) => before),
    );
    try {
      return read();
    } finally {
      show(mailbox, current);
      for (const stale of concerned) stale.left -= 1;
      this.#stale = this.#stale.filter(({ left }) => left > 0);
    }
  }

  #concerned(mailbox: Mailbox, request: SimulatedRequest): Stale[] {
    const path = request.url.pathname;
    if (request.method !== 'GET' || !/\/(events|calendarview)\b/i.test(path) || /\bdelta\b/i.test(path)) return [];
    // What a snapshot put back does not know has no past either.
    const own = this.#stale.filter(
      ({ mailboxId, before }) => mailboxId === mailbox.state.id && mailbox.item(before.n) !== undefined,
    );
    const id = eventIdIn(request);
    if (id === undefined) return own;
    const n = numberOf(mailbox, id);
    return own.filter(({ before }) => before.n === n);
  }
}

/** Puts items into a mailbox without a trace in its change log. */
function show(mailbox: Mailbox, items: StoredItem[]): void {
  if (items.length > 0) mailbox.apply({ state: mailbox.state, items, log: [] });
}

function numberOf(mailbox: Mailbox, id: string): number | undefined {
  try {
    return decodeId(mailbox.state.id, id).n;
  } catch {
    return undefined;
  }
}

function eventIdIn({ url }: SimulatedRequest): string | undefined {
  try {
    const { segments } = readPath(url.pathname);
    const at = segments.findIndex((segment) => segment.toLowerCase() === 'events');
    return at === -1 ? undefined : segments[at + 1];
  } catch {
    return undefined;
  }
}
