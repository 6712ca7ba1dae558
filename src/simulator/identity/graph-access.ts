import { bodyValue } from '../http/answers.ts';
import { accessDenied, GraphError } from '../http/graph-error.ts';
import type { SimulatedResponse } from '../http/http-types.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { Caller } from './tokens.ts';

/** Which permissions Graph asks for (Microsoft Graph "permissions reference"), in one place for all routes. */

const READ = ['Calendars.Read', 'Calendars.ReadWrite'];
const READ_BASIC = ['Calendars.ReadBasic', ...READ];
const WRITE = ['Calendars.ReadWrite'];
const SETTINGS_READ = ['MailboxSettings.Read', 'MailboxSettings.ReadWrite'];
const PROFILE = ['User.Read', 'User.ReadWrite', 'User.Read.All', 'User.ReadBasic.All', 'User.ReadWrite.All'];
const PROFILE_OF_OTHERS = [
  ...['User.Read.All', 'User.ReadBasic.All', 'User.ReadWrite.All'],
  ...['Directory.Read.All', 'Directory.ReadWrite.All'],
];

const CALENDAR_ROOTS = new Set([
  ...['calendar', 'calendars', 'calendargroups', 'calendarview'],
  ...['events', 'reminderview', 'findmeetingtimes'],
]);

/** Questions asked by POST. */
const QUESTIONS = new Set(['getschedule', 'findmeetingtimes']);

/**
 * What every permission of `needed` does not give is refused; any one of them is enough.
 *
 * @param o.mailbox  a delegated caller needs `.Shared` for the calendars of somebody else
 * @throws {GraphError} 403 `ErrorAccessDenied`
 */
export function requireScope(
  caller: Caller,
  needed: readonly string[],
  o: { mailbox?: Mailbox | undefined } = {},
): void {
  const granted = permissionsOf(caller, o.mailbox);
  const isOthers = caller.oid !== undefined && o.mailbox !== undefined && o.mailbox.state.id !== caller.oid;
  const sufficient = isOthers
    ? needed.map((name) => `${name}.Shared`)
    : needed.flatMap((name) => [name, `${name}.Shared`]);
  if (!sufficient.some((name) => granted.has(name.toLowerCase()))) throw accessDenied();
}

function permissionsOf(caller: Caller, mailbox?: Mailbox): Set<string> {
  const names = caller.idtyp === 'user' ? (caller.scp ?? '').split(' ') : (caller.roles ?? []);
  const { rbac } = caller;
  const isInScope = rbac?.mailboxes === undefined || mailbox === undefined || isAmong(mailbox, rbac.mailboxes);
  // `Application Calendars.Read` is the name of the role, `Calendars.ReadBasic.All` an older one of the permission.
  const all = [...names, ...(rbac !== undefined && isInScope ? rbac.roles : [])].map((name) =>
    name
      .replace(/^Application /i, '')
      .replace(/^(Calendars\.\w+)\.All$/i, '$1')
      .toLowerCase(),
  );
  return new Set(all);
}

const isAmong = ({ state }: Mailbox, list: readonly string[]): boolean =>
  list.some((each) => [state.id, state.address].some((name) => name.toLowerCase() === each.toLowerCase()));

/**
 * Whether the caller may do this below `/me` or `/users/{id}`.
 *
 * @param o.mailbox   undefined for a user who is not there: a caller without permission does not learn that
 * @param o.segments  the path below the user
 * @throws {GraphError} 403
 */
export function requireAccess(
  caller: Caller,
  o: { method: string; segments: readonly string[]; mailbox?: Mailbox | undefined },
): void {
  const { method, mailbox } = o;
  const segments = o.segments.map((segment) => segment.toLowerCase());
  const first = segments[0];
  if (first === undefined) {
    requireProfile(caller, mailbox);
    return;
  }
  const needed = neededFor(caller, method, segments);
  if (needed === undefined) return;
  const isOutside =
    caller.restrictedTo !== undefined && mailbox !== undefined && !isAmong(mailbox, caller.restrictedTo);
  if (isOutside) throw new GraphError(403, 'ErrorAccessDenied', 'Access to OData is disabled.');
  requireScope(caller, needed, { mailbox });
}

function neededFor(caller: Caller, method: string, segments: readonly string[]): readonly string[] | undefined {
  const [first = ''] = segments;
  const isRead = method === 'GET' || QUESTIONS.has(segments.at(-1) ?? '');
  if (first === 'mailboxsettings') return isRead ? SETTINGS_READ : ['MailboxSettings.ReadWrite'];
  if (first === 'outlook') {
    // Categories are settings; applications are let write them with less, because the default one has no more.
    return isRead || caller.idtyp === 'app' ? [...SETTINGS_READ, ...PROFILE] : ['MailboxSettings.ReadWrite'];
  }
  if (!CALENDAR_ROOTS.has(first)) return undefined;
  if (!isRead) return WRITE;
  return segments.some((segment) => segment === 'attachments' || segment === 'extensions') ? READ : READ_BASIC;
}

function requireProfile(caller: Caller, mailbox: Mailbox | undefined): void {
  const granted = permissionsOf(caller);
  const isOwn = caller.oid !== undefined && caller.oid === mailbox?.state.id;
  const sufficient = isOwn ? PROFILE : PROFILE_OF_OTHERS;
  if (sufficient.some((name) => granted.has(name.toLowerCase()))) return;
  throw new GraphError(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.');
}

/** Properties a caller with no more than `Calendars.ReadBasic` does not see. */
const NOT_BASIC = new Set(['body', 'bodyPreview', 'attachments', 'extensions', 'hasAttachments']);

/** Takes out of an answer what `Calendars.ReadBasic` does not show. */
export function withoutBodies(caller: Caller, response: SimulatedResponse, mailbox?: Mailbox): SimulatedResponse {
  if (response.status !== 200) return response;
  const granted = permissionsOf(caller, mailbox);
  const has = (name: string) => [name, `${name}.Shared`].some((each) => granted.has(each.toLowerCase()));
  if (!has('Calendars.ReadBasic') || READ.some(has)) return response;
  if (response.json === undefined && response.body === undefined) return response;
  const { json: _json, ...rest } = response;
  return { ...rest, body: withoutProperties(bodyValue(response)) };
}

function withoutProperties(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutProperties);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !NOT_BASIC.has(name))
      .map(([name, each]) => [name, name === 'value' ? withoutProperties(each) : each]),
  );
}
