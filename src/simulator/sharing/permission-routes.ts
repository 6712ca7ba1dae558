import { unknownProperty } from '../calendar/calendar-input.ts';
import { answerCollection, type Collection } from '../calendar/collection.ts';
import { accessDenied, GraphError, itemNotFound, unreadableBody } from '../http/graph-error.ts';
import { readJson, type SimulatedResponse } from '../http/http-types.ts';
import { metadataUrl, noContent, ok, type RouteContext, requireMethod } from '../http/routing.ts';
import type { CalendarRole, StoredPermission } from '../mailbox/model.ts';
import { isFor, type Place, roleRefused, setOrganizationRole, share, unshare } from './permissions.ts';
import { allowedRoles, isRole, ORGANIZATION_ROLES, organizationRole } from './roles.ts';

const PROPERTIES = ['id', 'isRemovable', 'isInsideOrganization', 'role', 'allowedRoles', 'emailAddress'];
/** "Default" in base64, as in every mailbox. */
const ORGANIZATION_ID = 'RGVmYXVsdA==';

/** Ids are base64 of the name Exchange has for the sharee. */
function permissionId({ world }: Place, { emailAddress: { address } }: StoredPermission): string {
  const insider = world.findMailbox(address);
  const name =
    insider === undefined
      ? `ExchangePublishedUser.${address.toLowerCase()}`
      : `/o=Exchange/cn=Recipients/cn=${insider.state.id}`;
  return Buffer.from(name).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

function renderPermission(place: Place, permission: StoredPermission): Record<string, unknown> {
  const isInside = place.world.findMailbox(permission.emailAddress.address) !== undefined;
  return {
    id: permissionId(place, permission),
    isRemovable: true,
    isInsideOrganization: isInside,
    role: permission.role,
    allowedRoles: allowedRoles(place.calendar, isInside),
    emailAddress: permission.emailAddress,
  };
}

const renderOrganization = ({ calendar }: Place): Record<string, unknown> => ({
  id: ORGANIZATION_ID,
  isRemovable: false,
  isInsideOrganization: true,
  role: organizationRole(calendar),
  allowedRoles: ORGANIZATION_ROLES,
  emailAddress: { name: 'My Organization', address: null },
});

/** `…/calendarPermissions` and one of them. */
export function answerPermissions(context: RouteContext, place: Place, segments: string[]): SimulatedResponse {
  const [id, beyond] = segments;
  if (beyond !== undefined) throw itemNotFound();
  const path = `${pathOf(place)}/calendarPermissions`;
  if (id !== undefined) return answerPermission(context, place, id, `${path}/$entity`);
  requireMethod(context, 'GET', 'POST');
  const about: Collection = { path, type: 'microsoft.graph.calendarPermission', properties: PROPERTIES };
  if (context.request.method === 'GET') {
    const named = (place.calendar.permissions ?? []).map((permission) => renderPermission(place, permission));
    return answerCollection(context, [...named, renderOrganization(place)], about);
  }
  const { address, name, role } = readPermission(readJson(context.request));
  if (address === undefined || role === undefined)
    throw unreadableBody('The address and the role of the sharee are required.');
  if ((place.calendar.permissions ?? []).some((permission) => isFor(permission, address)))
    throw new GraphError(400, 'ErrorDuplicateUserIdsSpecified', 'The user is already on the list of permissions.');
  give(place, { address, name, role });
  return entity(context, place, address, `${path}/$entity`, 201);
}

const pathOf = ({ mailbox, calendar }: Place): string =>
  calendar.isDefault ? 'calendar' : `calendars('${encodeURIComponent(mailbox.calendarId(calendar.folder))}')`;

function entity(context: RouteContext, place: Place, address: string, path: string, status = 200): SimulatedResponse {
  const permission = place.calendar.permissions?.find((each) => isFor(each, address));
  if (permission === undefined) throw itemNotFound();
  return ok({ '@odata.context': metadataUrl(context, path), ...renderPermission(place, permission) }, status);
}

function answerPermission(context: RouteContext, place: Place, id: string, path: string): SimulatedResponse {
  requireMethod(context, 'GET', 'PATCH', 'DELETE');
  const { request } = context;
  const role = request.method === 'PATCH' ? readPermission(readJson(request)).role : undefined;
  if (id === ORGANIZATION_ID) {
    if (request.method === 'DELETE') throw accessDenied();
    if (role !== undefined) setOrganizationRole(place, role);
    return ok({ '@odata.context': metadataUrl(context, path), ...renderOrganization(place) });
  }
  const wanted = id.replaceAll('+', '-').replaceAll('/', '_');
  const found = place.calendar.permissions?.find((permission) => permissionId(place, permission) === wanted);
  if (found === undefined) throw itemNotFound();
  const { address, name } = found.emailAddress;
  if (request.method === 'DELETE') {
    unshare(place, address);
    return noContent();
  }
  if (role !== undefined) give(place, { address, name, role });
  return entity(context, place, address, path);
}

/** Only what `allowedRoles` names can be given: `custom` comes about in Outlook, and taking away is DELETE. */
function give(place: Place, o: { address: string; name: string | undefined; role: CalendarRole }): void {
  const isInside = place.world.findMailbox(o.address) !== undefined;
  if (!allowedRoles(place.calendar, isInside).includes(o.role)) throw roleRefused(o.role);
  share(place, o);
}

interface PermissionInput {
  address?: string;
  name?: string;
  role?: CalendarRole;
}

function readPermission(body: unknown): PermissionInput {
  if (typeof body !== 'object' || body === null) throw unreadableBody('A calendar permission was expected.');
  const input: PermissionInput = {};
  for (const [key, value] of Object.entries(body)) {
    if (key.includes('@odata.')) continue;
    if (!PROPERTIES.includes(key)) throw unknownProperty(key, 'microsoft.graph.calendarPermission');
    if (key === 'role') {
      if (!isRole(value)) throw unreadableBody(`Requested value '${String(value)}' was not found.`);
      input.role = value;
    }
    if (key === 'emailAddress') Object.assign(input, readAddress(value));
  }
  return input;
}

function readAddress(value: unknown): PermissionInput {
  const { name, address, ...rest } = (value ?? {}) as { name?: unknown; address?: unknown };
  const [stranger] = Object.keys(rest).filter((key) => !key.includes('@odata.'));
  if (stranger !== undefined) throw unknownProperty(stranger, 'microsoft.graph.emailAddress');
  if (typeof address !== 'string' || !/^[^@\s]+@[^@\s]+$/.test(address))
    throw unreadableBody("Cannot convert the value of 'emailAddress' to the expected type.");
  if (name !== undefined && name !== null && typeof name !== 'string')
    throw unreadableBody("Cannot convert the value of 'name' to the expected type 'Edm.String'.");
  return { address, ...(typeof name === 'string' ? { name } : {}) };
}

/** `…/allowedCalendarSharingRoles(User='a@b')`. */
export function answerAllowedRoles(context: RouteContext, { calendar, world }: Place): SimulatedResponse {
  requireMethod(context, 'GET');
  const user = context.query.get('user');
  if (user === undefined) throw unreadableBody("The parameter 'User' is missing.");
  const value = allowedRoles(calendar, world.findMailbox(user) !== undefined);
  const type = 'Collection(microsoft.graph.calendarRoleType)';
  return ok({ '@odata.context': `${context.request.url.origin}/v1.0/$metadata#${type}`, value });
}
