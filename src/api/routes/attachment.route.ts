import { Type } from 'typebox';
import { callerOf } from '../access.ts';
import type { ApiInstance } from '../api-instance.ts';
import { dispositionOf, SAFE_DOWNLOAD } from '../download.ts';
import { ATTACHMENT_BODY_BYTES, ATTACHMENT_BYTES } from '../limits.ts';
import { HttpProblem } from '../problem.ts';
import { Attachment, AttachmentList, NewAttachment } from '../schemas/attachment.ts';
import { answer, answers, id } from '../schemas/common.ts';
import type { ServerParts } from '../services.ts';
import { invalidInput } from '../validation.ts';

const EVENT = id('id', 'an event’s id, or an occurrence’s: <master id>_<yyyy-MM-dd>');
const WHICH = Type.Object({ ...EVENT.properties, ...id('attachmentId', 'an attachment’s id').properties });
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Attachments of events: small files are carried between both sides, everything else is listed with a reason. */
export function attachmentRoutes(app: ApiInstance, { attachmentService }: ServerParts): void {
  app.get(
    '/calendar/events/:id/attachments',
    {
      schema: {
        operationId: 'listAttachments',
        tags: ['Events'],
        summary: 'What hangs on an event',
        params: EVENT,
        response: answers({ 200: answer('its attachments, oldest first', AttachmentList) }, 404),
      },
    },
    async (request) => attachmentService.list(callerOf(request).userId, request.params.id),
  );

  app.post(
    '/calendar/events/:id/attachments',
    {
      bodyLimit: ATTACHMENT_BODY_BYTES,
      schema: {
        operationId: 'addAttachment',
        tags: ['Events'],
        summary: 'Hang a file on an event',
        params: EVENT,
        body: NewAttachment,
        response: answers({ 201: answer('the attachment', Attachment) }, 403, 404, 409, 413, 415, 422),
      },
    },
    async (request, reply) => {
      const { contentBytes, ...named } = request.body;
      const content = decoded(contentBytes);
      const { userId } = callerOf(request);
      const how = { correlationId: request.id };
      const attachment = await attachmentService.add(userId, request.params.id, { ...named, content }, how);
      return reply.code(201).send(attachment);
    },
  );

  app.get(
    '/calendar/events/:id/attachments/:attachmentId/content',
    {
      schema: {
        operationId: 'downloadAttachment',
        tags: ['Events'],
        summary: 'A file, byte for byte',
        description: 'Always as a download of unknown kind: what somebody else wrote is nothing for a browser to open.',
        params: WHICH,
        response: answers(
          { 200: answer('the file', Type.String({ format: 'binary' }), { mediaType: 'application/octet-stream' }) },
          404,
          409,
        ),
      },
    },
    async (request, reply) => {
      const { id: eventId, attachmentId } = request.params;
      const { name, content } = await attachmentService.content(callerOf(request).userId, eventId, attachmentId);
      return reply
        .headers({ ...SAFE_DOWNLOAD, 'content-disposition': dispositionOf(name) })
        .send(Buffer.from(content.buffer, content.byteOffset, content.byteLength));
    },
  );

  app.delete(
    '/calendar/events/:id/attachments/:attachmentId',
    {
      schema: {
        operationId: 'deleteAttachment',
        tags: ['Events'],
        summary: 'Take an attachment off an event',
        params: WHICH,
        response: answers({ 204: answer('gone here, and soon in Outlook') }, 403, 404, 409, 422),
      },
    },
    async (request, reply) => {
      const { id: eventId, attachmentId } = request.params;
      const { userId } = callerOf(request);
      await attachmentService.remove(userId, eventId, attachmentId, { correlationId: request.id });
      return reply.code(204).send();
    },
  );
}

/** @throws {HttpProblem} 400 for what is no base64, 413 for a file that is too large */
function decoded(contentBytes: string): Buffer {
  const digits = contentBytes.replace(/=+$/, '').length;
  if (!BASE64.test(contentBytes) || digits % 4 === 1) {
    throw invalidInput([{ path: 'contentBytes', message: 'must be base64 (RFC 4648, not its form for addresses)' }]);
  }
  const bytes = Math.floor((digits * 3) / 4);
  if (bytes <= ATTACHMENT_BYTES) return Buffer.from(contentBytes, 'base64');
  const message = `an attachment has at most ${ATTACHMENT_BYTES} bytes (3 MB), this one has ${bytes}`;
  throw new HttpProblem(413, 'ATTACHMENT_TOO_LARGE', message, { problems: [{ path: 'contentBytes', message }] });
}
