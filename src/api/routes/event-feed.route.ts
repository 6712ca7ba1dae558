import { Type } from 'typebox';
import { callerOf } from '../access.ts';
import type { ApiInstance } from '../api-instance.ts';
import { answer, answers, id, limit, listOf, Strict } from '../schemas/common.ts';
import { Event, EventChanges, TimeRange } from '../schemas/event.ts';
import type { ServerParts } from '../services.ts';

const Instances = listOf('EventInstances', Event);

/** Events as they come: what has changed, and what a series amounts to. */
export function eventFeedRoutes(app: ApiInstance, { eventService }: ServerParts): void {
  app.get(
    '/calendar/events/changes',
    {
      schema: {
        operationId: 'listEventChanges',
        tags: ['Events'],
        summary: 'What has changed since a cursor',
        description:
          'Without a cursor, from the beginning. No change is ever skipped; one may come twice. Deletions are told for RETENTION_TOMBSTONES_DAYS: a reader who stayed away longer is answered 410 and starts over.',
        querystring: Strict({
          cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 2000 })),
          limit: limit(100, 1000),
        }),
        response: answers({ 200: answer('changes, oldest first', EventChanges) }, 410),
      },
    },
    async (request) => eventService.changes(callerOf(request).userId, request.query),
  );

  app.get(
    '/calendar/events/:masterId/instances',
    {
      schema: {
        operationId: 'listEventInstances',
        tags: ['Events'],
        summary: 'A series’ occurrences in a range of time',
        params: id('masterId', 'the series'),
        querystring: Strict(TimeRange),
        response: answers({ 200: answer('occurrences, exceptions in place', Instances) }, 404, 422),
      },
    },
    async (request) => eventService.instances(callerOf(request).userId, request.params.masterId, request.query),
  );
}
