import { isSyncError, SyncError } from '../core/errors.ts';
import type { GraphCalendarId, GraphEventId } from '../core/ids.ts';
import type { GraphSession, RemoteCalendar, RemoteMailbox } from './calendar-graph.ts';
import { batch, type GraphAccess, readList } from './graph-access.ts';
import type { BatchItem } from './graph-batch.ts';
import { isGone } from './graph-errors.ts';
import type { WireEvent } from './graph-event-reader.ts';
import { eventPath, query, segment, userPath } from './graph-paths.ts';
import { members, text } from './wire-values.ts';

/** Graph's pages are ten long unless asked; nobody has hundreds of calendars. */
const CALENDARS_PER_PAGE = '100';

/** @throws {SyncError} `not-found` for an address nobody has */
export async function readMailbox(access: GraphAccess, session: GraphSession): Promise<RemoteMailbox> {
  const path = `${userPath(session)}${query({ $select: 'id,displayName,mail,userPrincipalName' })}`;
  const { body } = await access.client.send(session, { method: 'GET', path });
  const { id, displayName, mail, userPrincipalName } = members(body);
  if (typeof id !== 'string') throw new SyncError('unavailable', "Graph answered without the mailbox's id");
  const address = [mail, userPrincipalName].find((value): value is string => typeof value === 'string' && value !== '');
  const timeZone = await access.zones.refresh(access.client, { ...session, mailbox: id });
  return {
    id,
    address: address ?? session.mailbox,
    ...(typeof displayName === 'string' ? { displayName } : {}),
    ...(timeZone === undefined ? {} : { timeZone }),
  };
}

/** `/calendars` lists the default group only (graph contract 1.1), so the other groups are asked one by one. */
export async function readCalendars(access: GraphAccess, session: GraphSession): Promise<RemoteCalendar[]> {
  const user = userPath(session);
  const top = query({ $top: CALENDARS_PER_PAGE });
  const calendars = await readList(access, session, { path: `${user}/calendars${top}` });
  const items = (await readGroups(access, session)).map(
    (id): BatchItem => ({ key: id, method: 'GET', path: `${user}/calendarGroups/${segment(id)}/calendars${top}` }),
  );
  for (const outcome of (await batch(access, session, items)).values()) {
    // A group deleted meanwhile has no calendars.
    if (!outcome.ok && outcome.error.code === 'not-found') continue;
    if (!outcome.ok) throw outcome.error;
    calendars.push(...(await readList(access, session, { body: outcome.body })));
  }
  if (calendars.some(({ id }) => text(id) === ''))
    throw new SyncError('unavailable', 'Graph listed a calendar without id');
  const byId = new Map<GraphCalendarId, RemoteCalendar>();
  for (const calendar of calendars.map(toRemoteCalendar)) if (!byId.has(calendar.id)) byId.set(calendar.id, calendar);
  return [...byId.values()];
}

/** @returns the calendar each event is in; nothing of an event whose calendar Graph does not tell */
export async function readCalendarsOf(
  access: GraphAccess,
  session: GraphSession,
  ids: readonly GraphEventId[],
): Promise<Map<GraphEventId, GraphCalendarId | 'gone'>> {
  const items = [...new Set(ids)].map(
    (id): BatchItem => ({ key: id, method: 'GET', path: `${eventPath(session, id)}/calendar` }),
  );
  const found = new Map<GraphEventId, GraphCalendarId | 'gone'>();
  for (const [key, outcome] of await batch(access, session, items)) {
    if (!outcome.ok && isGone(outcome.error)) found.set(key as GraphEventId, 'gone');
    if (!outcome.ok && outcome.error.recovery !== 'give-up') throw outcome.error;
    const { id } = members(outcome.ok ? outcome.body : undefined);
    if (typeof id === 'string' && id !== '') found.set(key as GraphEventId, id as GraphCalendarId);
  }
  return found;
}

/** Ids of the calendar groups; none where a mailbox does not offer them, as its default group is listed anyway. */
async function readGroups(access: GraphAccess, session: GraphSession): Promise<string[]> {
  try {
    const path = `${userPath(session)}/calendarGroups${query({ $top: CALENDARS_PER_PAGE })}`;
    const groups = await readList(access, session, { path });
    return groups.map(({ id }) => id).filter((id): id is string => typeof id === 'string');
  } catch (error) {
    if (isSyncError(error) && error.recovery === 'give-up') return [];
    throw error;
  }
}

function toRemoteCalendar(calendar: WireEvent): RemoteCalendar {
  const { address } = members(calendar['owner']);
  const color = [calendar['hexColor'], calendar['color']].find((value) => typeof value === 'string' && value !== '');
  return {
    id: text(calendar['id']) as GraphCalendarId,
    name: typeof calendar['name'] === 'string' ? calendar['name'] : '',
    isDefault: calendar['isDefaultCalendar'] === true,
    canEdit: calendar['canEdit'] !== false,
    ...(typeof address === 'string' && address !== '' ? { ownerAddress: address } : {}),
    ...(typeof color === 'string' ? { color } : {}),
  };
}
