import type { Mailbox } from '../mailbox/mailbox.ts';
import type { LogEntry, StoredItem } from '../mailbox/model.ts';
import type { World } from '../mailbox/world.ts';
import type { EventChange } from './payload.ts';
import type { ChangeType, Subscription } from './subscription.ts';

/** Reads from the change logs what subscribers are to be told. */
export class ChangeFeed {
  readonly #world: World;
  /** Highest item number seen per mailbox: numbers grow, so a higher one is a new event. */
  readonly #highest = new Map<string, number>();
  /** Events that left their calendar, by mailbox and number: on their way to another, or deleted. */
  readonly #gone = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  /** The mailboxes were replaced by others. */
  reset(): void {
    this.#highest.clear();
    this.#gone.clear();
    for (const mailbox of this.#world.mailboxes) {
      for (const { n, deleted } of mailbox.snapshot().items) if (deleted) this.#gone.add(keyOf(mailbox, n));
    }
    this.catchUp();
  }

  /** What the mailboxes hold now is known, however it got there. */
  catchUp(): void {
    for (const { state } of this.#world.mailboxes) this.#highest.set(state.id, state.nextItem - 1);
  }

  /**
   * The changes behind one entry of the log.
   *
   * A changed occurrence is told as a change of its master, as a removed one is known to be: Exchange keeps exceptions
   * inside the master's item, and the notification service watches items. `exceptionNotifications` tells the other tale.
   */
  changesIn(mailbox: Mailbox, entry: LogEntry): EventChange[] {
    const item = mailbox.item(entry.n);
    if (item === undefined) return [];
    const about = { n: entry.n, folder: entry.folder, generation: item.generation, date: '', version: item.version };
    const date = /^\d{4}-/.test(entry.what) ? entry.what : '';
    const told = (...kinds: ChangeType[]): EventChange[] => kinds.map((change) => ({ ...about, change }));
    const { switches } = this.#world;
    const edits = Array.from({ length: switches.updatedPerEdit }, (): ChangeType => 'updated');
    switch (this.#eventIn(mailbox, item, entry)) {
      case 'removed':
        return told('deleted');
      case 'arrived':
        return told('created');
      case 'created':
        return switches.createdIsAlsoUpdated ? told('created', 'updated') : told('created');
      case 'edited': {
        const isOwn = date !== '' && switches.exceptionNotifications === 'exception';
        const version = isOwn ? (item.exceptions[date]?.version ?? item.version) : item.version;
        return told(...edits).map((each) => ({ ...each, date: isOwn ? date : '', version }));
      }
    }
  }

  #eventIn(mailbox: Mailbox, item: StoredItem, entry: LogEntry): 'removed' | 'arrived' | 'created' | 'edited' {
    if (entry.what === 'removed') {
      this.#gone.add(keyOf(mailbox, item.n));
      return 'removed';
    }
    if (this.#gone.delete(keyOf(mailbox, item.n))) return 'arrived';
    const highest = this.#highest.get(mailbox.state.id) ?? 0;
    this.#highest.set(mailbox.state.id, Math.max(highest, item.n));
    return item.n > highest ? 'created' : 'edited';
  }

  /** Whether a subscription covers a calendar of its mailbox. */
  covers({ target }: Subscription, mailbox: Mailbox, folder: number): boolean {
    if (target.mailbox !== mailbox.state.id || target.what !== 'events') return false;
    if (target.folder !== undefined) return target.folder === folder;
    return this.#world.switches.userEventsScope === 'mailbox' || folder === mailbox.defaultCalendar.folder;
  }
}

const keyOf = ({ state }: Mailbox, n: number): string => `${state.id}/${n}`;
