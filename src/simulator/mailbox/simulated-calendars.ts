import { MisfortunesOfMailbox } from '../misfortunes/mailbox-misfortunes.ts';
import { addReadOnlyCalendar, feed, ownList, shareAsOwner, unshareAsOwner } from '../sharing/owner-actions.ts';
import { addGroup, findGroup, groupId } from './calendar-groups.ts';
import { addCalendar, removeCalendar } from './calendar-operations.ts';
import type { Mailbox } from './mailbox.ts';
import type { CalendarRole } from './model.ts';
import type { World } from './world.ts';

/** The calendars of a mailbox in the hands of its owner; what is in them is the subclass's. */
export class SimulatedCalendars {
  protected readonly world: World;
  readonly #id: string;
  /** Keeps what changed. */
  protected readonly commit: () => void;

  constructor(world: World, mailbox: Mailbox, commit: () => void) {
    this.world = world;
    this.#id = mailbox.state.id;
    this.commit = commit;
  }

  /** Looked up each time: a restored simulator has new objects for the same mailboxes. */
  protected get mailbox(): Mailbox {
    return this.world.mailbox(this.#id);
  }

  get address(): string {
    return this.mailbox.state.address;
  }

  get id(): string {
    return this.mailbox.state.id;
  }

  get name(): string {
    return this.mailbox.state.name;
  }

  get timeZone(): string {
    return this.mailbox.state.timeZone;
  }

  get defaultCalendarId(): string {
    return this.mailbox.calendarId(this.mailbox.defaultCalendar.folder);
  }

  /** What can befall the mailbox as a whole, and its stored data. */
  get misfortunes(): MisfortunesOfMailbox {
    return new MisfortunesOfMailbox(this.world, () => this.mailbox, this.commit);
  }

  protected get actor() {
    return { world: this.world, mailbox: this.mailbox };
  }

  // --- calendars

  listCalendars(): { id: string; name: string; canEdit: boolean }[] {
    return ownList(this.actor);
  }

  /** @returns the calendar's id */
  addCalendar(name: string, o: { canEdit?: boolean; groupId?: string; allowsOnlineMeetings?: boolean } = {}): string {
    const { groupId: id, ...rest } = o;
    const group = id === undefined ? undefined : findGroup(this.mailbox, id).n;
    const calendar = addCalendar(this.mailbox, { name, group, ...rest });
    this.commit();
    return this.mailbox.calendarId(calendar.folder);
  }

  removeCalendar(id: string): void {
    removeCalendar(this.mailbox, this.mailbox.calendarById(id));
    this.commit();
  }

  /** Withdraws or grants writing, as a sharer would. */
  setCanEdit(id: string, canEdit: boolean): void {
    this.mailbox.calendarById(id).canEdit = canEdit;
    this.mailbox.markDirty();
    this.commit();
  }

  /** @returns the group's id */
  addCalendarGroup(name: string): string {
    const group = addGroup(this.mailbox, { name, classId: this.world.guid() });
    this.commit();
    return groupId(this.mailbox, group.n);
  }

  /** Holidays, birthdays, or a calendar subscribed from an ICS address: people can only read it. */
  addReadOnlyCalendar(name: string, events: readonly object[] = []): string {
    const calendar = addReadOnlyCalendar(this.actor, name, events);
    this.commit();
    return this.mailbox.calendarId(calendar.folder);
  }

  /** Replaces the events of a read-only calendar, as its source does. */
  feedCalendar(id: string, events: readonly object[]): void {
    feed(this.actor, this.mailbox.calendarById(id), events);
    this.commit();
  }

  /**
   * Shares a calendar, or shares it again in another role. `withAddress` may be "My Organization".
   *
   * @returns its id in the sharee's mailbox; undefined when they live elsewhere or get no entry
   */
  shareCalendar(id: string, withAddress: string, role: CalendarRole, o: { oldStyle?: boolean } = {}) {
    const entryId = shareAsOwner(this.#place(id), withAddress, role, o);
    this.commit();
    return entryId;
  }

  unshareCalendar(id: string, address: string): void {
    unshareAsOwner(this.#place(id), address);
    this.commit();
  }

  #place(id: string) {
    return { ...this.actor, calendar: this.mailbox.calendarById(id) };
  }

  /** Of this mailbox: what is shared with it is changed by its owner, or over HTTP. */
  protected calendar(id: string | undefined) {
    const calendar = id === undefined ? this.mailbox.defaultCalendar : this.mailbox.calendarById(id);
    if (calendar.link !== undefined) throw new TypeError(`${calendar.name} lies in another mailbox: act there`);
    return calendar;
  }
}
