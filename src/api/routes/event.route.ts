import { Type } from 'typebox';
import type { EventInput } from '../../core/event-input.ts';
import { callerOf } from '../access.ts';
import type { ApiInstance } from '../api-instance.ts';
import { answer, answers, id, limit, OneOf, Strict } from '../schemas/common.ts';
import { Event, EventPage, EventPatch, NewEvent, TimeRange } from '../schemas/event.ts';
import type { ServerParts } from '../services.ts';

const ETag = { etag: Type.String({ description: 'the event’s etag, for If-Match' }) };
const NewETag = {
  ...ETag,
  location: Type.String({ description: 'where the event is' }),
  'idempotent-replayed': Type.String({ description: 'true when this is the answer to an earlier request' }),
};
const IfMatch = Type.Object({
  'if-match': Type.Optional(
    Type.String({ maxLength: 1000, description: 'only if the event still has this etag, or * if it exists at all' }),
  ),
});
const IdempotencyKey = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      pattern: '^[^\\u0000-\\u001f\\u007f]+$',
      description: 'the same key and body again give the same event again',
    }),
  ),
});
const WHICH = id('id', 'an event’s id, or an occurrence’s: <master id>_<yyyy-MM-dd>');

/** The application's own events. A write is stored, marked pending and on its way to Outlook within seconds. */
export function eventRoutes(app: ApiInstance, { eventService }: ServerParts): void {
  app.get(
    '/calendar/events',
    {
      schema: {
        operationId: 'listEvents',
        tags: ['Events'],
        summary: 'Events and series, or with expand their occurrences',
        querystring: Strict({
          calendarId: Type.Optional(Type.String({ maxLength: 255 })),
          start: Type.Optional(TimeRange.start),
          end: Type.Optional(TimeRange.end),
          expand: Type.Optional(
            OneOf(['occurrences'], { description: 'series as their occurrences; needs start and end' }),
          ),
          limit: limit(50, 1000),
          cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 2000 })),
        }),
        response: answers({ 200: answer('a page of events', EventPage) }, 404, 422),
      },
    },
    async (request) => eventService.list(callerOf(request).userId, request.query),
  );

  app.post(
    '/calendar/events',
    {
      schema: {
        operationId: 'createEvent',
        tags: ['Events'],
        summary: 'A new event or series',
        headers: IdempotencyKey,
        body: NewEvent,
        response: answers({ 201: answer('the event', Event, { headers: NewETag }) }, 403, 404, 409, 413, 415, 422),
      },
    },
    async (request, reply) => {
      const key = request.headers['idempotency-key'];
      const { event, isRepeated } = await eventService.create(callerOf(request).userId, request.body as EventInput, {
        correlationId: request.id,
        ...(key === undefined ? {} : { idempotencyKey: key }),
      });
      if (isRepeated) reply.header('idempotent-replayed', 'true');
      return reply
        .code(201)
        .headers({ etag: event.etag, location: `/calendar/events/${encodeURIComponent(event.id)}` })
        .send(event);
    },
  );

  app.get(
    '/calendar/events/:id',
    {
      schema: {
        operationId: 'getEvent',
        tags: ['Events'],
        summary: 'An event, a series, or one occurrence',
        params: WHICH,
        response: answers({ 200: answer('the event', Event, { headers: ETag }) }, 404),
      },
    },
    async (request, reply) => {
      const event = await eventService.get(callerOf(request).userId, request.params.id);
      return reply.header('etag', event.etag).send(event);
    },
  );

  app.patch(
    '/calendar/events/:id',
    {
      schema: {
        operationId: 'updateEvent',
        tags: ['Events'],
        summary: 'Change the fields that are named',
        params: WHICH,
        headers: IfMatch,
        body: EventPatch,
        response: answers({ 200: answer('the event', Event, { headers: ETag }) }, 403, 404, 409, 412, 413, 415, 422),
      },
    },
    async (request, reply) => {
      const { userId } = callerOf(request);
      const event = await eventService.update(userId, request.params.id, request.body as EventInput, how(request));
      return reply.header('etag', event.etag).send(event);
    },
  );

  app.delete(
    '/calendar/events/:id',
    {
      schema: {
        operationId: 'deleteEvent',
        tags: ['Events'],
        summary: 'Remove an event, a series, or one occurrence',
        params: WHICH,
        headers: IfMatch,
        response: answers({ 204: answer('gone here, and soon in Outlook') }, 403, 404, 409, 412),
      },
    },
    async (request, reply) => {
      await eventService.delete(callerOf(request).userId, request.params.id, how(request));
      return reply.code(204).send();
    },
  );
}

function how(request: { id: string; headers: { 'if-match'?: string } }): { correlationId: string; ifMatch?: string } {
  const ifMatch = request.headers['if-match'];
  return { correlationId: request.id, ...(ifMatch === undefined ? {} : { ifMatch }) };
}
