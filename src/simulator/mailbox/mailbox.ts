import { itemNotFound, malformedId } from '../http/graph-error.ts';
import { CalendarIndex } from './calendar-index.ts';
import { decodeId, encodeId, type IdForm, type ObjectId } from './ids.ts';
import type { LogEntry, MailboxState, Seen, StoredCalendar, StoredItem } from './model.ts';

export interface MailboxSnapshot {
  state: MailboxState;
  items: StoredItem[];
  log: LogEntry[];
}

/** What one step changed, for the journal of a persistent simulator. */
export interface MailboxChanges {
  state: MailboxState;
  items: StoredItem[];
  log: LogEntry[];
}

/** One mailbox: calendars, items by number, and the change log that drives delta. */
export class Mailbox {
  readonly state: MailboxState;
  readonly #items = new Map<number, StoredItem>();
  readonly #folders = new Map<number, CalendarIndex>();
  readonly #logs = new Map<number, LogEntry[]>();
  readonly #transactions = new Map<string, number>();
  readonly #uids = new Map<string, number>();
  /** Of each item, the last entry of the change log when it was put. */
  readonly #putAt = new Map<number, number>();
  #dirtyItems = new Set<number>();
  #dirtyLog: LogEntry[] = [];
  #dirty = false;
  /** Set while somebody who is not the owner looks at it (see sharing/). */
  readonly seen: Seen | undefined;
  /** Told when there is something for {@link takeChanges}. */
  onDirty: (() => void) | undefined;
  /** Told of each new entry of the change log. */
  onLogged: ((entry: LogEntry) => void) | undefined;

  private constructor(state: MailboxState) {
    this.state = state;
  }

  static create(o: { id: string; address: string; name: string; timeZone: string }): Mailbox {
    const mailbox = new Mailbox({
      ...o,
      nextItem: 1,
      nextFolder: 1,
      nextVersion: 1,
      nextSeq: 1,
      tokensIssued: 0,
      oldestToken: 0,
      calendars: [],
    });
    mailbox.addCalendar({ name: 'Calendar', isDefault: true });
    return mailbox;
  }

  // --- calendars

  addCalendar(o: {
    name: string;
    isDefault?: boolean;
    canEdit?: boolean;
    color?: string;
    renumbered?: boolean;
  }): StoredCalendar {
    const calendar: StoredCalendar = {
      folder: this.state.nextFolder++,
      name: o.name,
      color: o.color ?? 'auto',
      isDefault: o.isDefault ?? false,
      canEdit: o.canEdit ?? true,
      version: this.nextVersion(),
      deleted: false,
      renumbered: o.renumbered ?? false,
    };
    this.state.calendars.push(calendar);
    return calendar;
  }

  get calendars(): StoredCalendar[] {
    return this.state.calendars.filter((calendar) => !calendar.deleted);
  }

  get defaultCalendar(): StoredCalendar {
    return this.state.calendars.find((calendar) => calendar.isDefault)!;
  }

  /** @throws {GraphError} `ErrorItemNotFound`, `ErrorInvalidIdMalformed` */
  calendarById(id: string): StoredCalendar {
    const decoded = this.decodeId(id);
    if (decoded.kind !== 'folder') throw decoded.kind === 'provisional-folder' ? itemNotFound() : malformedId();
    const calendar = this.state.calendars.find(({ folder }) => folder === decoded.folder);
    if (calendar === undefined || calendar.deleted) throw itemNotFound();
    return calendar;
  }

  calendarByFolder(folder: number): StoredCalendar | undefined {
    return this.state.calendars.find((calendar) => calendar.folder === folder);
  }

  calendarId(folder: number, provisional = false): string {
    const kind = provisional ? 'provisional-folder' : 'folder';
    return encodeId(this.state.id, { kind, form: 'default', folder, n: 0, date: '' });
  }

  /** Names whose ids its things have: its own, or those of somebody it is shared with. */
  get idSpace(): string {
    return this.state.id;
  }

  /** Of an item or calendar here. @throws {GraphError} as `decodeId` of ids.ts */
  decodeId(text: string): ObjectId {
    return decodeId(this.state.id, text);
  }

  // --- items

  item(n: number): StoredItem | undefined {
    return this.#items.get(n);
  }

  itemByTransaction(transactionId: string): StoredItem | undefined {
    return this.#items.get(this.#transactions.get(transactionId) ?? -1);
  }

  /** The living copy of a meeting, by the part of `iCalUId` all copies share. */
  itemByUid(uid: string): StoredItem | undefined {
    const item = this.#items.get(this.#uids.get(uid) ?? -1);
    return item?.deleted === false ? item : undefined;
  }

  /** What is in Deleted Items, oldest deletion first. */
  get deletedItems(): StoredItem[] {
    return [...this.#items.values()]
      .filter((item) => item.deleted && item.purged !== true)
      .sort((a, b) => a.modifiedMs - b.modifiedMs);
  }

  itemsIn(folder: number): Iterable<StoredItem> {
    return this.#folder(folder).items();
  }

  /** Item numbers of a calendar in ascending order: the key order of paging. */
  numbersIn(folder: number): readonly number[] {
    return this.#folder(folder).numbers;
  }

  /** Items of a calendar that may have something in [startMs, endMs); whether they do is left to the caller. */
  itemsNear(folder: number, startMs: number, endMs: number): Iterable<StoredItem> {
    return this.#folder(folder).itemsNear(startMs, endMs);
  }

  #folder(folder: number): CalendarIndex {
    let index = this.#folders.get(folder);
    if (index === undefined) {
      index = new CalendarIndex((n) => this.#items.get(n));
      this.#folders.set(folder, index);
    }
    return index;
  }

  itemId(item: { n: number; folder: number; generation?: number | undefined }, form: IdForm, date = ''): string {
    const kind = date === '' ? 'item' : 'occurrence';
    const { folder, n, generation } = item;
    return encodeId(this.state.id, { kind, form, folder, n, date, generation });
  }

  /** Moves with every change of an item: what was made of it before is good as long as this stands. */
  stampOf(n: number): number {
    return this.#putAt.get(n) ?? 0;
  }

  nextItemNumber(): number {
    return this.state.nextItem++;
  }

  nextVersion(): number {
    return this.state.nextVersion++;
  }

  /** Saves an item and writes the change log; the log is what delta reads. */
  put(item: StoredItem, what: string, at: number): void {
    this.#index(item);
    this.append({ folder: item.folder, n: item.n, what, at });
    this.#putAt.set(item.n, this.state.nextSeq);
    this.#dirtyItems.add(item.n);
    this.onDirty?.();
  }

  /** A move: gone from one calendar's log, new in the other's. */
  move(item: StoredItem, folder: number, at: number): void {
    this.append({ folder: item.folder, n: item.n, what: 'removed', at });
    this.#folder(item.folder).remove(item.n);
    item.folder = folder;
    this.put(item, 'all', at);
  }

  #index(item: StoredItem): void {
    this.#items.set(item.n, item);
    const folder = this.#folder(item.folder);
    if (item.deleted) folder.remove(item.n);
    else folder.put(item.n);
    if (item.transactionId !== null) this.#transactions.set(item.transactionId, item.n);
    if (!item.deleted) this.#uids.set(item.uid, item.n);
  }

  // --- change log

  append(entry: Omit<LogEntry, 'seq'>): void {
    const logged = { seq: this.state.nextSeq++, ...entry };
    this.#appendLogged(logged);
    this.#dirtyLog.push(logged);
    this.onDirty?.();
    this.onLogged?.(logged);
  }

  #appendLogged(entry: LogEntry): void {
    const log = this.#logs.get(entry.folder);
    if (log === undefined) this.#logs.set(entry.folder, [entry]);
    else log.push(entry);
  }

  /** Sequence number of the last change visible at `latest` (a change shows up only after its delay). */
  headSeq(folder: number, latest: number): number {
    const log = this.#logs.get(folder) ?? [];
    for (let at = log.length - 1; at >= 0; at -= 1) if (log[at]!.at <= latest) return log[at]!.seq;
    return 0;
  }

  /** Changes after `since` up to and including `until`. */
  logBetween(folder: number, since: number, until: number): LogEntry[] {
    const log = this.#logs.get(folder) ?? [];
    let low = 0;
    let high = log.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (log[middle]!.seq <= since) low = middle + 1;
      else high = middle;
    }
    let end = low;
    while (end < log.length && log[end]!.seq <= until) end += 1;
    return log.slice(low, end);
  }

  // --- persistence

  markDirty(): void {
    this.#dirty = true;
    this.onDirty?.();
  }

  /** What changed since the last call, or undefined. */
  takeChanges(): MailboxChanges | undefined {
    if (!this.#dirty && this.#dirtyItems.size === 0 && this.#dirtyLog.length === 0) return undefined;
    const changes = {
      state: this.state,
      items: [...this.#dirtyItems].map((n) => this.#items.get(n)!),
      log: this.#dirtyLog,
    };
    this.#dirtyItems = new Set();
    this.#dirtyLog = [];
    this.#dirty = false;
    return changes;
  }

  apply(changes: MailboxChanges): void {
    Object.assign(this.state, changes.state);
    for (const item of changes.items) {
      const before = this.#items.get(item.n);
      if (before !== undefined && before.folder !== item.folder) this.#folder(before.folder).remove(item.n);
      this.#index(item);
    }
    for (const entry of changes.log) this.#appendLogged(entry);
  }

  snapshot(): MailboxSnapshot {
    return { state: this.state, items: [...this.#items.values()], log: [...this.#logs.values()].flat() };
  }

  static restore(snapshot: MailboxSnapshot): Mailbox {
    const mailbox = new Mailbox({ ...snapshot.state });
    mailbox.apply({ state: snapshot.state, items: snapshot.items, log: snapshot.log });
    return mailbox;
  }

  /** Kills the delta tokens of a time that never was: those `undone` issued after this state was taken. */
  discardTokensOf(undone: Mailbox): void {
    const [after, upTo] = [this.state.tokensIssued, undone.state.tokensIssued];
    if (upTo <= after) return;
    this.state.discardedTokens = [...(this.state.discardedTokens ?? []), { after, upTo }];
    this.state.tokensIssued = upTo;
  }

  /** Numbers go on after those of `undone`, so that no id and no changeKey of that time comes again for something else. */
  continueNumbersOf(undone: Mailbox): void {
    for (const name of ['nextItem', 'nextFolder', 'nextVersion'] as const) {
      this.state[name] = Math.max(this.state[name], undone.state[name]);
    }
  }

  isTokenDiscarded(serial: number): boolean {
    return (this.state.discardedTokens ?? []).some(({ after, upTo }) => serial > after && serial <= upTo);
  }
}
