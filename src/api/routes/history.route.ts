import { Type } from 'typebox';
import type { JobId } from '../../core/ids.ts';
import { callerOf, subjectOf } from '../access.ts';
import type { ApiInstance } from '../api-instance.ts';
import { findRun } from '../run-access.ts';
import { answer, answers, id, limit, OneOf, offset, Strict, Subject } from '../schemas/common.ts';
import { Revert, RUN_STATUSES, RunHistory, RunOperations } from '../schemas/run.ts';
import type { ServerParts } from '../services.ts';

/** What runs there were, and what each did to which event. */
export function historyRoutes(app: ApiInstance, { runService, journalService }: ServerParts): void {
  app.get(
    '/calendar/sync/history',
    {
      schema: {
        operationId: 'listSyncHistory',
        tags: ['Sync'],
        summary: 'Runs, newest first',
        querystring: Strict({
          limit: limit(10, 100),
          offset,
          calendarId: Type.Optional(Type.String({ maxLength: 255 })),
          status: Type.Optional(OneOf(RUN_STATUSES)),
          userId: Subject,
        }),
        response: answers({ 200: answer('a page of runs', RunHistory) }, 403),
      },
    },
    async (request) => {
      const { userId, ...query } = request.query;
      const subject = subjectOf(callerOf(request), userId);
      return runService.history({ ...query, ...(subject === undefined ? {} : { userId: subject }) });
    },
  );

  app.get(
    '/calendar/sync/history/:jobId/operations',
    {
      schema: {
        operationId: 'listSyncOperations',
        tags: ['Sync'],
        summary: 'What a run did: each event touched, where, how and why',
        params: id('jobId', 'the run'),
        querystring: Strict({ limit: limit(100, 1000), offset, userId: Subject }),
        response: answers({ 200: answer('a page of the audit trail', RunOperations) }, 403, 404),
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const { userId, ...page } = request.query;
      const jobId = request.params.jobId as JobId;
      const { scope } = await findRun(runService, caller, jobId, userId);
      // Values before and after are for the owner: whoever else may look is given what an operator sees.
      return runService.operations(scope === caller.userId ? caller.userId : undefined, jobId, page);
    },
  );

  app.post(
    '/calendar/sync/history/:jobId/revert',
    {
      schema: {
        operationId: 'revertSyncRun',
        tags: ['Sync'],
        summary: 'Take back what a run did, to all of its events or to some',
        description:
          'Events become what they were before the run, except where somebody changed them since. Everything happens here at once; the runs named in the answer carry it to Outlook, under the rules for guests and mass deletion. Asking again takes nothing back twice.',
        params: id('jobId', 'the run'),
        body: Strict({ eventIds: Type.Optional(Type.Array(Type.String({ maxLength: 255 }), { maxItems: 1000 })) }),
        response: answers({ 202: answer('what was taken back', Revert) }, 404, 409, 413, 415),
      },
    },
    async (request, reply) => {
      const { eventIds } = request.body;
      const how = { correlationId: request.id, ...(eventIds ? { eventIds } : {}) };
      const jobId = request.params.jobId as JobId;
      return reply.status(202).send(await journalService.revert(callerOf(request).userId, jobId, how));
    },
  );
}
