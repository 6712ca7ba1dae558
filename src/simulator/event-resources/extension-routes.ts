import { itemNotFound, unreadableBody } from '../http/graph-error.ts';
import { readJson, type SimulatedResponse } from '../http/http-types.ts';
import {
  metadataUrl,
  noContent,
  noSuchSegment,
  ok,
  type RouteContext,
  requireMethod,
  userUrl,
} from '../http/routing.ts';
import type { Actor, FoundEvent } from '../mailbox/event-operations.ts';
import type { StoredExtension } from '../mailbox/model.ts';
import { hangingOn, saveHangings } from './hangings.ts';
import { extensionKey, rememberNames } from './named-properties.ts';
import { findExtension, nameTaken, patchedData, readExtension, renderExtension } from './open-extensions.ts';

/** `…/events/{id}/extensions` and `/{name}` (Microsoft Graph "openTypeExtension"). */
export function answerExtensions(
  context: RouteContext,
  actor: Actor,
  found: FoundEvent,
  rest: string[],
): SimulatedResponse {
  const [name, ...more] = rest;
  if (more.length > 0) throw noSuchSegment(more[0]!);
  if (name === undefined) return answerList(context, actor, found);
  requireMethod(context, 'GET', 'PATCH', 'DELETE');
  const { request } = context;
  const { extensions } = hangingOn(found.item, found.date);
  const extension = findExtension(extensions, name);
  if (extension === undefined) throw itemNotFound();
  if (request.method === 'DELETE') {
    saveHangings(actor, found, { extensions: extensions.filter((each) => each !== extension) });
    return noContent();
  }
  if (request.method === 'GET') return entity(context, found, extension);
  const body = readJson(request);
  if (body === undefined) throw unreadableBody('The request body is empty.');
  const after = { name: extension.name, data: patchedData(extension, body) };
  saveHangings(actor, found, { extensions: extensions.map((each) => (each === extension ? after : each)) });
  return entity(context, found, after);
}

function answerList(context: RouteContext, actor: Actor, found: FoundEvent): SimulatedResponse {
  requireMethod(context, 'GET', 'POST');
  const { request } = context;
  const { extensions } = hangingOn(found.item, found.date);
  if (request.method === 'GET') {
    return ok({
      '@odata.context': metadataUrl(context, pathOf(context, found)),
      value: extensions.map(renderExtension),
    });
  }
  const body = readJson(request);
  if (body === undefined) throw unreadableBody('The request body is empty.');
  const extension = readExtension(body);
  if (findExtension(extensions, extension.name) !== undefined) throw nameTaken();
  rememberNames(actor, [extensionKey(extension.name)]);
  saveHangings(actor, found, { extensions: [...extensions, extension] });
  return entity(context, found, extension, 201);
}

function entity(
  context: RouteContext,
  found: FoundEvent,
  extension: StoredExtension,
  status: 200 | 201 = 200,
): SimulatedResponse {
  const body = renderExtension(extension);
  const path = pathOf(context, found);
  const headers: Record<string, string> =
    status === 201
      ? { location: `${userUrl(context)}/${path}('${encodeURIComponent(String(body['id']).toWellFormed())}')` }
      : {};
  return ok({ '@odata.context': metadataUrl(context, `${path}/$entity`), ...body }, status, headers);
}

function pathOf({ mailbox, preferences }: RouteContext, { item, date }: FoundEvent): string {
  return `events('${encodeURIComponent(mailbox.itemId(item, preferences.view.form, date))}')/extensions`;
}
