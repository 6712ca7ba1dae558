import { addCalendar } from '../mailbox/calendar-operations.ts';
import { type Actor, createEvent } from '../mailbox/event-operations.ts';
import type { CalendarRole, StoredCalendar } from '../mailbox/model.ts';
import { listedCalendars, type Place, setOrganizationRole, share, targetOf, unshare } from './permissions.ts';
import { rightsOf, roleOf } from './roles.ts';

/** What people do in Outlook with whole calendars. */

/** Everybody in the organisation, where a sharee's address could stand. */
export const MY_ORGANIZATION = 'My Organization';

/** @returns the id of the calendar in the sharee's list; undefined when they live elsewhere or may do nothing */
export function shareAsOwner(
  place: Place,
  withAddress: string,
  role: CalendarRole,
  o: { oldStyle?: boolean },
): string | undefined {
  if (withAddress === MY_ORGANIZATION) {
    setOrganizationRole(place, role);
    return undefined;
  }
  const entry = share(place, { address: withAddress, role, isOldStyle: o.oldStyle ?? false });
  return entry === undefined ? undefined : place.world.mailbox(withAddress).calendarId(entry.folder);
}

export function unshareAsOwner(place: Place, address: string): void {
  if (address === MY_ORGANIZATION) setOrganizationRole(place, 'none');
  else unshare(place, address);
}

/** Holidays, birthdays, a calendar subscribed from an ICS address: filled by the service, read by people. */
export function addReadOnlyCalendar(actor: Actor, name: string, events: readonly object[]): StoredCalendar {
  const calendar = addCalendar(actor.mailbox, { name, canEdit: false });
  feed(actor, calendar, events);
  return calendar;
}

/** Replaces everything in a calendar people cannot write, as its source does when it is read again. */
export function feed(actor: Actor, calendar: StoredCalendar, events: readonly object[]): void {
  const { world, mailbox } = actor;
  if (calendar.canEdit) throw new TypeError(`feedCalendar: ${calendar.name} is not a read-only calendar`);
  for (const item of [...mailbox.itemsIn(calendar.folder)]) {
    item.deleted = true;
    mailbox.put(item, 'removed', world.now());
  }
  calendar.canEdit = true;
  try {
    for (const event of events) createEvent(actor, calendar, event);
  } finally {
    calendar.canEdit = false;
    mailbox.markDirty();
  }
}

/** The list of calendars as its owner sees it, shared ones included. */
export function ownList({ world, mailbox }: Actor): { id: string; name: string; canEdit: boolean }[] {
  return listedCalendars(world, mailbox).map((calendar) => {
    const target = targetOf(world, mailbox, calendar);
    const isWriter = target === undefined || rightsOf(roleOf(target.calendar, mailbox.state.address)).isWriter;
    const canEdit = (target?.calendar ?? calendar).canEdit && isWriter;
    return { id: mailbox.calendarId(calendar.folder), name: calendar.name, canEdit };
  });
}
