import { accessDenied, GraphError, itemNotFound } from '../http/graph-error.ts';
import type { Mailbox } from './mailbox.ts';
import type { StoredCalendar } from './model.ts';

/** @throws {GraphError} 409 `ErrorFolderExists` when the name is taken */
export function addCalendar(
  mailbox: Mailbox,
  o: {
    name: string;
    color?: string | undefined;
    canEdit?: boolean;
    renumbered?: boolean;
    group?: number | undefined;
    allowsOnlineMeetings?: boolean;
  },
): StoredCalendar {
  requireFreeName(mailbox, o.name);
  const { color, group, allowsOnlineMeetings, ...rest } = o;
  mailbox.markDirty();
  const calendar = mailbox.addCalendar({ ...rest, ...(color === undefined ? {} : { color }) });
  if (group !== undefined && group !== 0) calendar.group = group;
  if (allowsOnlineMeetings === false) calendar.withoutMeetings = true;
  return calendar;
}

/** Entries for calendars of others have names of their own. @throws {GraphError} 409 `ErrorFolderExists` when it is taken */
export function requireFreeName(mailbox: Mailbox, name: string, own?: StoredCalendar): void {
  if (own?.link !== undefined) return;
  const taken = mailbox.calendars.some(
    (each) => each !== own && each.link === undefined && each.name.toLowerCase() === name.toLowerCase(),
  );
  if (taken) throw new GraphError(409, 'ErrorFolderExists', 'A folder with the specified name already exists.');
}

/** Removes a calendar with its events; of a shared one, the entry only. @throws {GraphError} 403 for the default one */
export function removeCalendar(mailbox: Mailbox, calendar: StoredCalendar): void {
  if (calendar.isDefault) throw accessDenied();
  if (calendar.deleted) throw itemNotFound();
  calendar.deleted = true;
  for (const item of [...mailbox.itemsIn(calendar.folder)]) {
    item.deleted = true;
    mailbox.put(item, 'removed', item.modifiedMs);
  }
  mailbox.markDirty();
}

/** Makes another calendar the one new events go to. */
export function makeDefault(mailbox: Mailbox, calendar: StoredCalendar): void {
  for (const each of mailbox.state.calendars) each.isDefault = each === calendar;
  mailbox.markDirty();
}
