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
  /** Events on their way from one calendar to another, by mailbox and number. */
  readonly #moving = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  /** The mailboxes were replaced by others. */
  reset(): void {
    this.#highest.clear();
    this.#moving.clear();
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
    const about = { n: entry.n, folder: entry.folder, date: '', version: item.version };
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
    const key = `${mailbox.state.id}/${item.n}`;
    if (entry.what === 'removed') {
      if (!item.deleted) this.#moving.add(key);
      return 'removed';
    }
    if (this.#moving.delete(key)) return 'arrived';
    const highest = this.#highest.get(mailbox.state.id) ?? 0;
    this.#highest.set(mailbox.state.id, Math.max(highest, item.n));
    // The times keep a mailbox that came from elsewhere from announcing its old events as new.
    return item.n > highest && item.createdMs === item.modifiedMs ? 'created' : 'edited';
  }

  /** Whether a subscription covers a calendar of its mailbox. */
  covers({ target }: Subscription, mailbox: Mailbox, folder: number): boolean {
    if (target.mailbox !== mailbox.state.id || target.what !== 'events') return false;
    if (target.folder !== undefined) return target.folder === folder;
    return this.#world.switches.userEventsScope === 'mailbox' || folder === mailbox.defaultCalendar.folder;
  }
}
