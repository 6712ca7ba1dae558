import { accessDenied, type GraphError, invalidRequest, itemNotFound } from '../http/graph-error.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { CalendarRole, StoredCalendar, StoredPermission } from '../mailbox/model.ts';
import type { World } from '../mailbox/world.ts';
import { allowedRoles, grantedRole, ORGANIZATION_ROLES } from './roles.ts';

/** A calendar with the mailbox it lies in. */
export interface Place {
  world: World;
  mailbox: Mailbox;
  calendar: StoredCalendar;
}

/** What an entry of a calendar list leads to; undefined when the calendar is gone or no longer shared. */
export function targetOf(world: World, holder: Mailbox, entry: StoredCalendar): Place | undefined {
  const { link } = entry;
  if (link === undefined) return undefined;
  const mailbox = world.findMailbox(link.owner);
  const calendar = mailbox?.calendarByFolder(link.folder);
  if (mailbox === undefined || calendar === undefined || calendar.deleted) return undefined;
  const role = grantedRole(calendar, holder.state.address);
  return role === undefined || role === 'none' ? undefined : { world, mailbox, calendar };
}

/** Calendars of a mailbox as its list shows them: entries that lead nowhere are not there. */
export const listedCalendars = (world: World, mailbox: Mailbox): StoredCalendar[] =>
  mailbox.calendars.filter((calendar) => calendar.link === undefined || targetOf(world, mailbox, calendar));

function entryFor({ mailbox, calendar }: Place, holder: Mailbox): StoredCalendar | undefined {
  return holder.calendars.find(({ link }) => link?.owner === mailbox.state.id && link.folder === calendar.folder);
}

/**
 * Shares a calendar, or shares it again. A sharee who lives here finds it in their list, with an id of their own.
 *
 * @throws {GraphError} 400 `ErrorInvalidRequest` for a role that cannot be given
 * @returns the sharee's entry, when they live here
 */
export function share(
  place: Place,
  o: { address: string; name?: string | undefined; role: CalendarRole; isOldStyle?: boolean },
): StoredCalendar | undefined {
  const { world, mailbox, calendar } = place;
  const sharee = world.findMailbox(o.address);
  if (sharee === mailbox) throw invalidRequest('A calendar cannot be shared with its owner.');
  const possible = [...allowedRoles(calendar, sharee !== undefined), 'none', 'custom'];
  if (!possible.includes(o.role)) throw roleRefused(o.role);
  const name = o.name ?? sharee?.state.name ?? o.address;
  const permission: StoredPermission = { emailAddress: { name, address: o.address }, role: o.role };
  const before = calendar.permissions ?? [];
  const isKnown = before.some((each) => isFor(each, o.address));
  const after = isKnown ? before.map((each) => (isFor(each, o.address) ? permission : each)) : [...before, permission];
  change(place, { permissions: after });
  return sharee === undefined ? undefined : enter(place, sharee, o);
}

export const roleRefused = (role: string): GraphError =>
  invalidRequest(`The role '${role}' is not allowed for this user.`);

export const isFor = ({ emailAddress }: StoredPermission, address: string): boolean =>
  emailAddress.address.toLowerCase() === address.toLowerCase();

function enter(
  place: Place,
  sharee: Mailbox,
  o: { role: CalendarRole; isOldStyle?: boolean },
): StoredCalendar | undefined {
  const { mailbox, calendar } = place;
  const known = entryFor(place, sharee);
  sharee.markDirty();
  if (o.role === 'none') {
    if (known !== undefined) known.deleted = true;
    return undefined;
  }
  const name = calendar.isDefault ? mailbox.state.name : calendar.name;
  const entry = known ?? sharee.addCalendar({ name });
  entry.link = { owner: mailbox.state.id, folder: calendar.folder, isOldStyle: o.isOldStyle ?? false };
  return entry;
}

/** @throws {GraphError} 404 `ErrorItemNotFound` when it is not shared with this address */
export function unshare(place: Place, address: string): void {
  const { world, calendar } = place;
  const permissions = calendar.permissions ?? [];
  if (!permissions.some((each) => isFor(each, address))) throw itemNotFound();
  change(place, { permissions: permissions.filter((each) => !isFor(each, address)) });
  const sharee = world.findMailbox(address);
  const entry = sharee === undefined ? undefined : entryFor(place, sharee);
  if (entry === undefined) return;
  entry.deleted = true;
  sharee?.markDirty();
}

/** The role of "My Organization". @throws {GraphError} 400 `ErrorInvalidRequest` for a role it cannot have */
export function setOrganizationRole(place: Place, role: CalendarRole): void {
  if (!ORGANIZATION_ROLES.includes(role)) throw roleRefused(role);
  change(place, { organizationRole: role });
}

function change({ mailbox, calendar }: Place, what: Partial<StoredCalendar>): void {
  if (calendar.link !== undefined) throw accessDenied();
  Object.assign(calendar, what);
  mailbox.markDirty();
}
