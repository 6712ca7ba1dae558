import { Type } from 'typebox';
import type { EventInput } from '../../core/event-input.ts';
import { callerOf } from '../access.ts';
import type { ApiInstance } from '../api-instance.ts';
import { answer, answers, id, limit, OneOf, Strict } from '../schemas/common.ts';
import { Event, EventBody, EventPage, EventPatch, NewEvent, TimeRange } from '../schemas/event.ts';
import type { ServerParts } from '../services.ts';

const ETag = { etag: Type.String({ description: 'the event’s etag, for If-Match' }) };
const PatchETag = {
  ...ETag,
  'idempotent-replayed': Type.String({ description: 'true when this is the answer to an earlier request' }),
};
const NewETag = { ...PatchETag, location: Type.String({ description: 'where the event is' }) };
const IfMatch = Type.Object({
  'if-match': Type.Optional(
    Type.String({ maxLength: 1000, description: 'only if the event still has this etag, or * if it exists at all' }),
  ),
});
const KEY = { minLength: 1, maxLength: 255, pattern: '^[^\\u0000-\\u001f\\u007f]+$' };
const IdempotencyKey = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      ...KEY,
      description: 'the same key and body again give the same event again',
    }),
  ),
});
const WHICH = id('id', 'an event’s id, or an occurrence’s: <master id>_<yyyy-MM-dd>');

const SCOPE = Strict({
  scope: Type.Optional(
    OneOf(['this', 'following'], {
      description:
        'of an occurrence: `this` (unless given), or with all that follow it. The series then ends before it; a change begins a new series on it, which is what is answered, and later dates with values of their own and cancelled dates go with it. From the first date on it is the whole series',
    }),
  ),
});

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

  app.get(
    '/calendar/events/:id/body',
    {
      schema: {
        operationId: 'getEventBody',
        tags: ['Events'],
        summary: 'An event’s body, made safe to show',
        description:
          'Bodies come from strangers’ mail: what runs, loads, navigates or reaches out of its place is taken out. The stored body stays as it was written.',
        params: WHICH,
        querystring: Strict({
          images: Type.Boolean({
            default: false,
            description: 'images from other hosts too, whose senders learn that they were looked at',
          }),
        }),
        response: answers({ 200: answer('the body', EventBody) }, 404),
      },
    },
    async (request) =>
      eventService.body(callerOf(request).userId, request.params.id, { withImages: request.query.images }),
  );

  app.patch(
    '/calendar/events/:id',
    {
      schema: {
        operationId: 'updateEvent',
        tags: ['Events'],
        summary: 'Change the fields that are named',
        params: WHICH,
        querystring: SCOPE,
        headers: Type.Object({
          ...IfMatch.properties,
          'idempotency-key': Type.Optional(
            Type.String({
              ...KEY,
              description: 'with scope=following: the same key and body again divide the series only once',
            }),
          ),
        }),
        body: EventPatch,
        response: answers(
          { 200: answer('the event; with scope=following the series from the date on', Event, { headers: PatchETag }) },
          ...[403, 404, 409, 412, 413, 415, 422],
        ),
      },
    },
    async (request, reply) => {
      const { userId } = callerOf(request);
      if (request.query.scope === 'following') {
        const key = request.headers['idempotency-key'];
        const { event, isRepeated } = await eventService.updateFollowing(
          userId,
          request.params.id,
          request.body as EventInput,
          { ...how(request), ...(key === undefined ? {} : { idempotencyKey: key }) },
        );
        if (isRepeated) reply.header('idempotent-replayed', 'true');
        return reply.header('etag', event.etag).send(event);
      }
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
        querystring: SCOPE,
        headers: IfMatch,
        response: answers({ 204: answer('gone here, and soon in Outlook') }, 403, 404, 409, 412, 422),
      },
    },
    async (request, reply) => {
      const { userId } = callerOf(request);
      if (request.query.scope === 'following')
        await eventService.deleteFollowing(userId, request.params.id, how(request));
      else await eventService.delete(userId, request.params.id, how(request));
      return reply.code(204).send();
    },
  );
}

function how(request: { id: string; headers: { 'if-match'?: string } }): { correlationId: string; ifMatch?: string } {
  const ifMatch = request.headers['if-match'];
  return { correlationId: request.id, ...(ifMatch === undefined ? {} : { ifMatch }) };
}
