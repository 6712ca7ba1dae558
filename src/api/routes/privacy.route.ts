import { Readable } from 'node:stream';
import { Type } from 'typebox';
import { widenScope } from '../../store/row-scope.ts';
import { callerOf, ownerOf } from '../access.ts';
import type { ApiInstance } from '../api-instance.ts';
import { SLOW_HANDLER_TIMEOUT_MS, STREAM_TIMEOUT_MS } from '../limits.ts';
import { AuditPage, AuditQuery } from '../schemas/audit.ts';
import { answer, answers, Strict } from '../schemas/common.ts';
import type { ServerParts } from '../services.ts';

const Archive = Type.String({ format: 'binary' });

/** What is held about somebody: all of it to take away, and none of it any more. And who did what to whose data. */
export function privacyRoutes(app: ApiInstance, { privacyService, auditService }: ServerParts): void {
  app.get(
    '/calendar/privacy/export',
    {
      handlerTimeout: STREAM_TIMEOUT_MS,
      schema: {
        operationId: 'exportPersonalData',
        tags: ['Privacy'],
        summary: 'Everything held about the caller',
        description: 'A zip archive of JSON files and one iCalendar file. Tokens, keys and secrets are not in it.',
        response: answers({ 200: answer('the archive', Archive, { mediaType: 'application/zip' }) }, 409),
      },
    },
    async (request, reply) => {
      const archive = await privacyService.export(callerOf(request), { correlationId: request.id });
      // Whoever went while their question was looked at needs no answer, and no reading either.
      if (reply.raw.destroyed || request.raw.socket.destroyed) return reply.hijack();
      return reply
        .type('application/zip')
        .header('content-disposition', 'attachment; filename="calendar-data.zip"')
        .send(Readable.from(archive, { objectMode: false }));
    },
  );

  app.delete(
    '/calendar/privacy/data',
    {
      handlerTimeout: SLOW_HANDLER_TIMEOUT_MS,
      schema: {
        operationId: 'erasePersonalData',
        tags: ['Privacy'],
        summary: 'Erase everything held about the caller',
        description:
          'Rows, jobs, sign-in and keys are gone; what is in Outlook stays. Again is as good as once. The same user may begin anew.',
        querystring: Strict({
          userId: Type.Optional(
            Type.String({ minLength: 1, maxLength: 255, description: 'for administrators: another user' }),
          ),
        }),
        response: answers({ 204: answer('gone') }, 403),
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const userId = ownerOf(caller, request.query.userId);
      await privacyService.erase(caller, userId, { correlationId: request.id });
      return reply.code(204).send();
    },
  );

  app.get(
    '/calendar/audit',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'listAuditEntries',
        tags: ['Privacy'],
        summary: 'Who did what to whose data, newest first',
        querystring: AuditQuery,
        response: answers({ 200: answer('a page of the log', AuditPage) }, 403),
      },
    },
    async (request) => {
      // The gate has seen that an administrator asks; the log is shown in nobody's own scope.
      widenScope();
      return auditService.list(request.query);
    },
  );
}
