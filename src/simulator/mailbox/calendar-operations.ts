import { accessDenied, GraphError, itemNotFound } from '../http/graph-error.ts';
import type { Mailbox } from './mailbox.ts';
import type { StoredCalendar } from './model.ts';

/** @throws {GraphError} 409 `ErrorFolderExists` when the name is taken */
export function addCalendar(
  mailbox: Mailbox,
  o: { name: string; color?: string | undefined; canEdit?: boolean; renumbered?: boolean },
): StoredCalendar {
  requireFreeName(mailbox, o.name);
  const { color, ...rest } = o;
  mailbox.markDirty();
  return mailbox.addCalendar({ ...rest, ...(color === undefined ? {} : { color }) });
}

/** @throws {GraphError} 409 `ErrorFolderExists` when another calendar has the name */
export function requireFreeName(mailbox: Mailbox, name: string, own?: StoredCalendar): void {
  const taken = mailbox.calendars.some((each) => each !== own && each.name.toLowerCase() === name.toLowerCase());
  if (taken) throw new GraphError(409, 'ErrorFolderExists', 'A folder with the specified name already exists.');
}

/** Removes a calendar with its events. @throws {GraphError} 403 for the default one */
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
