import type { Mailbox, MailboxSnapshot } from '../mailbox/mailbox.ts';
import type { World, WorldSnapshot } from '../mailbox/world.ts';
import { emptyCalendar, restoreFromBackup } from './backup.ts';
import { corrupt, ODDITIES, type Oddity, type RawEvent } from './odd-data.ts';
import { checkMisfortunes, type MailboxMisfortunes } from './state.ts';

/** What can befall one mailbox, in the hands of a test. */
export class MisfortunesOfMailbox {
  readonly #world: World;
  readonly #find: () => Mailbox;
  readonly #commit: () => void;

  constructor(world: World, find: () => Mailbox, commit: () => void) {
    this.#world = world;
    this.#find = find;
    this.#commit = commit;
  }

  get current(): MailboxMisfortunes {
    return { ...this.#find().state.misfortunes };
  }

  /**
   * Adds to what is wrong already; `undefined` or false takes one away.
   *
   * @throws {TypeError} for what is no misfortune
   */
  set(misfortunes: { [name in keyof MailboxMisfortunes]: MailboxMisfortunes[name] | undefined }): void {
    const wanted = Object.entries({ ...this.current, ...misfortunes }).filter(([, value]) => value !== undefined);
    const all = Object.fromEntries(wanted) as MailboxMisfortunes;
    checkMisfortunes(all);
    this.#save(all);
  }

  /** Everything is well again; what happened to the events stays. */
  clear(): void {
    this.#save({});
  }

  /** Replaced as a whole, never thinned out: a journal lays the new state over the old. */
  #save(misfortunes: MailboxMisfortunes): void {
    const mailbox = this.#find();
    mailbox.state.misfortunes = misfortunes;
    mailbox.markDirty();
    this.#commit();
  }

  /**
   * The mailbox comes back from a backup: every id, immutable ones and calendars' too, is another; delta links and
   * subscriptions are dead; contents and iCalUIds stay.
   *
   * @param snapshot what `GraphSimulator.snapshot()` gave earlier; the state of now unless given
   * @throws {Error} when the snapshot does not have this mailbox
   */
  restoreFromBackup(snapshot?: string): void {
    const mailbox = this.#find();
    restoreFromBackup(this.#world, mailbox, snapshot === undefined ? undefined : backupIn(snapshot, mailbox.state.id));
    this.#commit();
  }

  /** @param calendarId the default calendar unless given */
  emptyCalendar(calendarId?: string): void {
    const mailbox = this.#find();
    const calendar = calendarId === undefined ? mailbox.defaultCalendar : mailbox.calendarById(calendarId);
    emptyCalendar(this.#world, mailbox, calendar);
    this.#commit();
  }

  /** Writes into the store what no request could have written: one of the known oddities, or anything. */
  corrupt(id: string, raw: Oddity | RawEvent): void {
    corrupt(this.#world, this.#find(), id, raw);
    this.#commit();
  }

  /** Names of the oddities {@link corrupt} knows. */
  get oddities(): Oddity[] {
    return Object.keys(ODDITIES) as Oddity[];
  }
}

/** Takes both kinds of snapshot: of the whole world, and of one mailbox. */
function backupIn(snapshot: string, id: string): MailboxSnapshot {
  const read = JSON.parse(snapshot) as Partial<WorldSnapshot> & { mailbox?: MailboxSnapshot };
  const found = [...(read.mailboxes ?? []), ...(read.mailbox === undefined ? [] : [read.mailbox])].find(
    ({ state }) => state.id === id,
  );
  if (found === undefined) throw new Error(`the snapshot has no mailbox ${id}`);
  return found;
}
