import { callerOf } from '../access.ts';
import type { ApiInstance } from '../api-instance.ts';
import { SLOW_HANDLER_TIMEOUT_MS } from '../limits.ts';
import { answer, answers, id, Strict } from '../schemas/common.ts';
import { Calendar, CalendarList, CalendarPatch } from '../schemas/settings.ts';
import type { ServerParts } from '../services.ts';

/** The mailbox's calendars, and how each is kept in step. */
export function calendarRoutes(app: ApiInstance, { calendarService }: ServerParts): void {
  app.get(
    '/calendar/calendars',
    {
      schema: {
        operationId: 'listCalendars',
        tags: ['Calendars'],
        summary: 'The calendars as last seen',
        response: answers({ 200: answer('the calendars', CalendarList) }),
      },
    },
    async (request) => calendarService.list(callerOf(request).userId),
  );

  app.post(
    '/calendar/calendars/refresh',
    {
      handlerTimeout: SLOW_HANDLER_TIMEOUT_MS,
      schema: {
        operationId: 'refreshCalendars',
        tags: ['Calendars'],
        summary: 'Look which calendars the mailbox has now',
        body: Strict({}),
        response: answers({ 200: answer('the calendars', CalendarList) }, 409, 415, 422),
      },
    },
    async (request) => calendarService.refresh(callerOf(request).userId, { correlationId: request.id }),
  );

  app.patch(
    '/calendar/calendars/:id',
    {
      schema: {
        operationId: 'updateCalendar',
        tags: ['Calendars'],
        summary: 'Settings of one calendar, over the user’s',
        params: id('id', 'the calendar; the mailbox’s default one is "default"'),
        body: CalendarPatch,
        response: answers({ 200: answer('the calendar', Calendar) }, 404, 409, 413, 415, 422),
      },
    },
    async (request) =>
      calendarService.update(callerOf(request).userId, request.params.id, request.body, { correlationId: request.id }),
  );
}
