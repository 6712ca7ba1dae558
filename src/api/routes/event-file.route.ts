import { Type } from 'typebox';
import { callerOf } from '../access.ts';
import type { ApiInstance } from '../api-instance.ts';
import { acceptIcs } from '../body-parsers.ts';
import { ICS_BODY_BYTES, SLOW_HANDLER_TIMEOUT_MS } from '../limits.ts';
import { answer, answers, Strict } from '../schemas/common.ts';
import { ImportResult } from '../schemas/event.ts';
import type { ServerParts } from '../services.ts';
import { invalidInput } from '../validation.ts';

const IcsText = Type.String({ examples: ['BEGIN:VCALENDAR\r\nVERSION:2.0\r\n…'] });
const WHICH = Strict({ calendarId: Type.Optional(Type.String({ maxLength: 255 })) });

/** Events as iCalendar files. Must be registered in a scope of its own: bodies are iCalendar there, and not JSON. */
export function eventFileRoutes(app: ApiInstance, { eventService }: ServerParts): void {
  acceptIcs(app);
  app.post(
    '/calendar/events/import',
    {
      bodyLimit: ICS_BODY_BYTES,
      handlerTimeout: SLOW_HANDLER_TIMEOUT_MS,
      schema: {
        operationId: 'importEvents',
        tags: ['Events'],
        summary: 'Take in an iCalendar file',
        description: 'By UID and RECURRENCE-ID: the same file again changes nothing.',
        querystring: WHICH,
        body: { content: { 'text/calendar': { schema: IcsText } } },
        response: answers({ 200: answer('what became of each event', ImportResult) }, 403, 404, 413, 415, 422),
      },
    },
    async (request) => {
      // A request without a content type and without a body passes the parsers by.
      if (typeof request.body !== 'string')
        throw invalidInput([{ path: 'body', message: 'must be an iCalendar file' }]);
      return eventService.importIcs(callerOf(request).userId, request.body, {
        correlationId: request.id,
        ...request.query,
      });
    },
  );

  app.get(
    '/calendar/events/export.ics',
    {
      handlerTimeout: SLOW_HANDLER_TIMEOUT_MS,
      schema: {
        operationId: 'exportEvents',
        tags: ['Events'],
        summary: 'All events as an iCalendar file',
        querystring: WHICH,
        response: answers({ 200: answer('the file', IcsText, { mediaType: 'text/calendar' }) }, 404),
      },
    },
    async (request, reply) => {
      const ics = await eventService.exportIcs(callerOf(request).userId, request.query);
      return reply
        .type('text/calendar; charset=utf-8')
        .header('content-disposition', 'attachment; filename="calendar.ics"')
        .send(ics);
    },
  );
}
