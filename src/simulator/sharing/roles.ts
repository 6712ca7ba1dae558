import type { CalendarRole, StoredCalendar } from '../mailbox/model.ts';

/** How much of an event a role shows: nothing, busy time only, title and place as well, or all of it. */
export type Sight = 'nothing' | 'times' | 'titles' | 'details';

interface Rights {
  sight: Sight;
  isWriter: boolean;
  seesPrivate: boolean;
}

const RIGHTS: Record<CalendarRole, Rights> = {
  none: { sight: 'nothing', isWriter: false, seesPrivate: false },
  freeBusyRead: { sight: 'times', isWriter: false, seesPrivate: false },
  limitedRead: { sight: 'titles', isWriter: false, seesPrivate: false },
  read: { sight: 'details', isWriter: false, seesPrivate: false },
  write: { sight: 'details', isWriter: true, seesPrivate: false },
  delegateWithoutPrivateEventAccess: { sight: 'details', isWriter: true, seesPrivate: false },
  delegateWithPrivateEventAccess: { sight: 'details', isWriter: true, seesPrivate: true },
  custom: { sight: 'details', isWriter: false, seesPrivate: false },
};

export const rightsOf = (role: CalendarRole): Rights => RIGHTS[role];

export const isRole = (text: unknown): text is CalendarRole => typeof text === 'string' && Object.hasOwn(RIGHTS, text);

const READING: readonly CalendarRole[] = ['freeBusyRead', 'limitedRead', 'read'];
const DELEGATING: readonly CalendarRole[] = ['delegateWithoutPrivateEventAccess', 'delegateWithPrivateEventAccess'];

export const ORGANIZATION_ROLES: readonly CalendarRole[] = ['none', ...READING, 'write'];

/** The roles a sharee may be given: outsiders only read, and only the primary calendar has delegates. */
export function allowedRoles(calendar: StoredCalendar, isInside: boolean): readonly CalendarRole[] {
  if (!isInside) return READING;
  return calendar.isDefault ? [...READING, 'write', ...DELEGATING] : [...READING, 'write'];
}

const sameAddress = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** What the owner gave this person by name. */
export const grantedRole = (calendar: StoredCalendar, address: string): CalendarRole | undefined =>
  calendar.permissions?.find(({ emailAddress }) => sameAddress(emailAddress.address, address))?.role;

/** The role of everybody in the organisation; by default free/busy of the primary calendar. */
export const organizationRole = (calendar: StoredCalendar): CalendarRole =>
  calendar.organizationRole ?? (calendar.isDefault ? 'freeBusyRead' : 'none');

/** What somebody may do here: as granted, else as "My Organization". */
export const roleOf = (calendar: StoredCalendar, address: string): CalendarRole =>
  grantedRole(calendar, address) ?? organizationRole(calendar);

/** The same for opening the calendar itself: the organisation's free/busy right is for `getSchedule` only. */
export function openingRole(calendar: StoredCalendar, address: string): CalendarRole {
  const granted = grantedRole(calendar, address);
  if (granted !== undefined) return granted;
  const general = organizationRole(calendar);
  return general === 'freeBusyRead' ? 'none' : general;
}
