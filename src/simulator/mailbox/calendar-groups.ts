import { GraphError, invalidRequest, itemNotFound, malformedId } from '../http/graph-error.ts';
import { encodeId } from './ids.ts';
import type { Mailbox } from './mailbox.ts';
import type { StoredCalendar, StoredGroup } from './model.ts';

/** Number of the group every mailbox has and `/calendars` lists. */
export const DEFAULT_GROUP = 0;

/** The default group's class is the same in every mailbox. */
const DEFAULT_CLASS = '0006f0b7-0000-0000-c000-000000000046';

export const groupsOf = (mailbox: Mailbox): readonly StoredGroup[] =>
  mailbox.state.groups ?? [{ n: DEFAULT_GROUP, name: 'My Calendars', classId: DEFAULT_CLASS, version: 1 }];

export const groupId = (mailbox: Mailbox, n: number): string =>
  encodeId(mailbox.state.id, { kind: 'group', form: 'default', folder: 0, n, date: '' });

/** @throws {GraphError} 404 `ErrorItemNotFound`, 400 `ErrorInvalidIdMalformed` */
export function findGroup(mailbox: Mailbox, id: string): StoredGroup {
  const decoded = mailbox.decodeId(id);
  if (decoded.kind !== 'group') throw malformedId();
  return groupNumbered(mailbox, decoded.n);
}

/** @throws {GraphError} 404 `ErrorItemNotFound` */
export function groupNumbered(mailbox: Mailbox, n: number): StoredGroup {
  const found = groupsOf(mailbox).find((group) => group.n === n);
  if (found === undefined) throw itemNotFound();
  return found;
}

export const isInGroup = (calendar: StoredCalendar, n: number): boolean => (calendar.group ?? DEFAULT_GROUP) === n;

/** @throws {GraphError} 409 `ErrorFolderExists` when the name is taken */
export function addGroup(mailbox: Mailbox, o: { name: string; classId: string }): StoredGroup {
  requireFreeGroupName(mailbox, o.name);
  const groups = groupsOf(mailbox);
  const n = Math.max(...groups.map((group) => group.n)) + 1;
  const group = { ...o, n, version: mailbox.nextVersion() };
  save(mailbox, [...groups, group]);
  return group;
}

/** @throws {GraphError} 409 `ErrorFolderExists` when another group has the name */
export function renameGroup(mailbox: Mailbox, group: StoredGroup, name: string): StoredGroup {
  requireFreeGroupName(mailbox, name, group);
  const renamed = { ...group, name, version: mailbox.nextVersion() };
  save(
    mailbox,
    groupsOf(mailbox).map((each) => (each.n === group.n ? renamed : each)),
  );
  return renamed;
}

/** @throws {GraphError} 400 `ErrorInvalidRequest` for the default group and for one with calendars */
export function removeGroup(mailbox: Mailbox, { n }: StoredGroup): void {
  if (n === DEFAULT_GROUP) throw invalidRequest('The default calendar group cannot be deleted.');
  if (mailbox.calendars.some((calendar) => isInGroup(calendar, n)))
    throw invalidRequest('The calendar group is not empty.');
  save(
    mailbox,
    groupsOf(mailbox).filter((each) => each.n !== n),
  );
}

function requireFreeGroupName(mailbox: Mailbox, name: string, own?: StoredGroup): void {
  const isTaken = groupsOf(mailbox).some((each) => each.n !== own?.n && each.name.toLowerCase() === name.toLowerCase());
  if (isTaken) throw new GraphError(409, 'ErrorFolderExists', 'A folder with the specified name already exists.');
}

function save(mailbox: Mailbox, groups: StoredGroup[]): void {
  mailbox.state.groups = groups;
  mailbox.markDirty();
}
