import { accessDenied, GraphError, unreadableBody } from '../http/graph-error.ts';
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
import type { StoredAttachment } from '../mailbox/model.ts';
import { readAttachment } from './attachment-input.ts';
import { addAttachment, findAttachment, removeAttachment, renderAttachment, renderAttachments } from './attachments.ts';
import { openUpload } from './upload-sessions.ts';

/** `…/events/{id}/attachments` and what is below (Microsoft Graph "attachment", "Attach large files"). */
export function answerAttachments(
  context: RouteContext,
  actor: Actor,
  found: FoundEvent,
  rest: string[],
): SimulatedResponse {
  const [id, part, ...more] = rest;
  if (more.length > 0) throw noSuchSegment(more[0]!);
  if (id === undefined) return answerList(context, actor, found);
  if (id.toLowerCase() === 'createuploadsession') return answerUpload(context, found);
  const attachment = findAttachment(context.mailbox, found, id);
  if (part === undefined) return answerOne(context, actor, found, attachment);
  if (part !== '$value') throw noSuchSegment(part);
  requireMethod(context, 'GET');
  return contentOf(attachment);
}

function answerList(context: RouteContext, actor: Actor, found: FoundEvent): SimulatedResponse {
  requireMethod(context, 'GET', 'POST');
  const { mailbox, request, preferences, query } = context;
  const eventId = mailbox.itemId(found.item, preferences.view.form, found.date);
  const path = `events('${encodeURIComponent(eventId)}')/attachments`;
  if (request.method === 'GET') {
    const value = renderAttachments(mailbox, found, preferences.view, readSelect(query.get('$select')));
    const count = query.get('$count') === 'true' ? { '@odata.count': value.length } : {};
    return ok({ '@odata.context': metadataUrl(context, path), ...count, value });
  }
  const body = readJson(request);
  if (body === undefined) throw unreadableBody('The request body is empty.');
  const attachment = renderAttachment(eventId, addAttachment(actor, found, readAttachment(body)));
  const location = `${userUrl(context)}/events('${eventId}')/attachments('${attachment['id'] as string}')`;
  return ok({ '@odata.context': metadataUrl(context, `${path}/$entity`), ...attachment }, 201, { location });
}

function answerOne(
  context: RouteContext,
  actor: Actor,
  found: FoundEvent,
  attachment: StoredAttachment,
): SimulatedResponse {
  requireMethod(context, 'GET', 'DELETE');
  const { mailbox, request, preferences, query } = context;
  if (request.method === 'DELETE') {
    removeAttachment(actor, found, attachment);
    return noContent();
  }
  const eventId = mailbox.itemId(found.item, preferences.view.form, found.date);
  const withItem = /(^|[/,])\s*item\s*(\(|,|$)/i.test(query.get('$expand') ?? '');
  const rendered = renderAttachment(eventId, attachment, { select: readSelect(query.get('$select')), withItem });
  const path = `events('${encodeURIComponent(eventId)}')/attachments/$entity`;
  return ok({ '@odata.context': metadataUrl(context, path), ...rendered });
}

const NAMES = new Set([
  ...['id', 'name', 'contenttype', 'size', 'isinline', 'lastmodifieddatetime'],
  ...['contentid', 'contentlocation', 'contentbytes', 'item'],
]);

/** Names may carry their type: `microsoft.graph.fileAttachment/contentBytes`. */
function readSelect(text: string | undefined): Set<string> | undefined {
  if (text === undefined) return undefined;
  const names = text.split(',').map((name) => name.trim().replace(/^microsoft\.graph\.\w+\//i, ''));
  for (const name of names) {
    if (NAMES.has(name.toLowerCase())) continue;
    throw new GraphError(
      400,
      'RequestBroker--ParseUri',
      `Could not find a property named '${name}' on type 'microsoft.graph.attachment'.`,
    );
  }
  return new Set(names.map((name) => name.toLowerCase()));
}

/** `$value`: the file itself. Of an attached item Graph gives its MIME form, which is not simulated. */
function contentOf(attachment: StoredAttachment): SimulatedResponse {
  if (attachment.type === 'item') {
    throw new GraphError(501, 'NotImplemented', 'The MIME content of an attached item is not simulated.');
  }
  if (attachment.type === 'reference') {
    throw new GraphError(405, 'ErrorMethodNotAllowed', 'The OData request is not supported.');
  }
  const headers = { 'content-type': attachment.contentType ?? 'application/octet-stream' };
  return { status: 200, headers, bytes: Buffer.from(attachment.bytes ?? '', 'base64') };
}

/** Into somebody else's mailbox a delegated token may not upload (Microsoft Graph "Known issues"). */
function answerUpload(context: RouteContext, found: FoundEvent): SimulatedResponse {
  requireMethod(context, 'POST');
  const { caller, mailbox, request, world } = context;
  const isOther = caller.oid !== undefined && world.findMailbox(caller.oid)?.state.id !== mailbox.state.id;
  if (isOther) throw accessDenied();
  const session = openUpload({ world, mailbox }, found, readJson(request), request.url.origin);
  return ok(
    { '@odata.context': `${request.url.origin}/v1.0/$metadata#microsoft.graph.uploadSession`, ...session },
    201,
    { location: session.uploadUrl },
  );
}
