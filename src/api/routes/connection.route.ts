import { Type } from 'typebox';
import { callerOf, ownerOf } from '../access.ts';
import type { ApiInstance } from '../api-instance.ts';
import { SLOW_HANDLER_TIMEOUT_MS } from '../limits.ts';
import { answer, answers, Strict } from '../schemas/common.ts';
import { ConnectApplication, Connection } from '../schemas/settings.ts';
import type { ServerParts } from '../services.ts';

const WHOSE = Strict({
  userId: Type.Optional(
    Type.String({ minLength: 1, maxLength: 255, description: 'for administrators: another user’s connection' }),
  ),
});

/** Whose calendars are kept in step with which mailbox. */
export function connectionRoutes(app: ApiInstance, { connectionService }: ServerParts): void {
  app.get(
    '/calendar/connection',
    {
      schema: {
        operationId: 'getConnection',
        tags: ['Connection'],
        summary: 'The mailbox, and whether it can be reached',
        querystring: WHOSE,
        response: answers({ 200: answer('the connection', Connection) }, 403, 404),
      },
    },
    async (request) => connectionService.get(ownerOf(callerOf(request), request.query.userId)),
  );

  app.put(
    '/calendar/connection',
    {
      handlerTimeout: SLOW_HANDLER_TIMEOUT_MS,
      schema: {
        operationId: 'connectMailbox',
        tags: ['Connection'],
        summary: 'Connect a mailbox with the application’s own permissions',
        description: 'A user connects the mailbox that their own token names; an administrator any, for anybody.',
        querystring: WHOSE,
        body: ConnectApplication,
        response: answers({ 200: answer('the connection', Connection) }, 403, 404, 409, 413, 415, 422),
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const userId = ownerOf(caller, request.query.userId);
      return connectionService.connectApplication(caller, {
        mailbox: request.body.mailbox,
        correlationId: request.id,
        ...(userId === caller.userId ? {} : { userId }),
      });
    },
  );

  app.delete(
    '/calendar/connection',
    {
      schema: {
        operationId: 'disconnectMailbox',
        tags: ['Connection'],
        summary: 'Let go of the mailbox',
        description: 'The application’s events stay, and what is in the mailbox stays; both can be connected again.',
        querystring: WHOSE,
        response: answers({ 204: answer('let go') }, 403, 404, 409),
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const userId = ownerOf(caller, request.query.userId);
      await connectionService.disconnect(userId, { caller, correlationId: request.id });
      return reply.code(204).send();
    },
  );
}
