import { unreadableBody } from '../http/graph-error.ts';
import { readJson, type SimulatedResponse } from '../http/http-types.ts';
import { metadataUrl, noContent, ok, type RouteContext, requireMethod } from '../http/routing.ts';
import { addGroup, groupId, groupsOf, removeGroup, renameGroup } from '../mailbox/calendar-groups.ts';
import { encodeChangeKey } from '../mailbox/ids.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { StoredGroup } from '../mailbox/model.ts';
import { unknownProperty } from './calendar-input.ts';
import { answerCollection, answerCount, type Collection, selected } from './collection.ts';

const GROUPS: Collection = {
  path: 'calendarGroups',
  type: 'microsoft.graph.calendarGroup',
  properties: ['id', 'name', 'classId', 'changeKey'],
};

const renderGroup = (mailbox: Mailbox, { n, name, classId, version }: StoredGroup) => ({
  id: groupId(mailbox, n),
  name,
  classId,
  changeKey: encodeChangeKey(mailbox.state.id, version),
});

/** `/calendarGroups`, and `/calendarGroups/$count` when `isCount`. */
export function answerCalendarGroups(context: RouteContext, isCount: boolean): SimulatedResponse {
  requireMethod(context, 'GET', 'POST');
  const { mailbox, request, world } = context;
  if (request.method === 'POST' && !isCount) {
    const name = readName(readJson(request));
    if (name === undefined) throw unreadableBody('The name of the calendar group is missing.');
    const group = addGroup(mailbox, { name, classId: world.guid() });
    return entity(context, renderGroup(mailbox, group), 201);
  }
  const rows = groupsOf(mailbox).map((group) => renderGroup(mailbox, group));
  return isCount ? answerCount(context, rows, GROUPS) : answerCollection(context, rows, GROUPS);
}

/** `/calendarGroups/{id}` and `/calendarGroup`. */
export function answerCalendarGroup(context: RouteContext, group: StoredGroup): SimulatedResponse {
  requireMethod(context, 'GET', 'PATCH', 'DELETE');
  const { mailbox, request } = context;
  if (request.method === 'DELETE') {
    removeGroup(mailbox, group);
    return noContent();
  }
  if (request.method === 'GET') return entity(context, selected(context, renderGroup(mailbox, group), GROUPS));
  const name = readName(readJson(request));
  return entity(context, renderGroup(mailbox, name === undefined ? group : renameGroup(mailbox, group, name)));
}

const entity = (context: RouteContext, body: object, status = 200): SimulatedResponse =>
  ok({ '@odata.context': metadataUrl(context, 'calendarGroups/$entity'), ...body }, status);

function readName(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) throw unreadableBody('A calendar group was expected.');
  let name: string | undefined;
  for (const [key, value] of Object.entries(body)) {
    if (key.includes('@odata.') || ['id', 'classId', 'changeKey'].includes(key)) continue;
    if (key !== 'name') throw unknownProperty(key, 'microsoft.graph.calendarGroup');
    if (typeof value !== 'string' || value.trim() === '')
      throw unreadableBody("Cannot convert the value of 'name' to the expected type 'Edm.String'.");
    name = value;
  }
  return name;
}
