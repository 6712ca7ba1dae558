import { Type } from 'typebox';
import { callerOf } from '../access.ts';
import type { ApiInstance } from '../api-instance.ts';
import { answer, answers, id } from '../schemas/common.ts';
import { Event, Response } from '../schemas/event.ts';
import type { ServerParts } from '../services.ts';

/** Answers to other people's meetings. */
export function eventResponseRoutes(app: ApiInstance, { responseService }: ServerParts): void {
  app.post(
    '/calendar/events/:id/respond',
    {
      schema: {
        operationId: 'respondToEvent',
        tags: ['Events'],
        summary: 'Answer somebody else’s meeting: the whole of it, or one occurrence',
        description:
          'The organizer is mailed whatever notifyAttendees says, unless sendResponse is false. The same answer again is sent once; a later one takes the place of one that has not been sent. Declining usually takes the meeting out of the calendar in Outlook, and then it goes here as well.',
        params: id('id', 'an event’s id, or an occurrence’s: <master id>_<yyyy-MM-dd>'),
        headers: Type.Object({
          'if-match': Type.Optional(
            Type.String({ maxLength: 1000, description: 'only if the event still has this etag' }),
          ),
        }),
        body: Response,
        response: answers(
          {
            202: answer('the event; the answer is on its way', Event, {
              headers: { etag: Type.String({ description: 'the event’s etag, for If-Match' }) },
            }),
          },
          ...[403, 404, 409, 412, 413, 415],
        ),
      },
    },
    async (request, reply) => {
      const ifMatch = request.headers['if-match'];
      const how = { correlationId: request.id, ...(ifMatch === undefined ? {} : { ifMatch }) };
      const event = await responseService.respond(callerOf(request).userId, request.params.id, request.body, how);
      return reply.code(202).header('etag', event.etag).send(event);
    },
  );
}
