import type { ConflictId } from '../../core/ids.ts';
import { callerOf, subjectOf } from '../access.ts';
import type { ApiInstance } from '../api-instance.ts';
import { answer, answers, days, id, limit, OneOf, offset, Strict, Subject } from '../schemas/common.ts';
import { Conflict, ConflictPage, ConflictStatistics, Decision, ResolvedConflict } from '../schemas/conflict.ts';
import type { ServerParts } from '../services.ts';

/** What both sides changed differently, and a person's decisions. Contents are for their owner alone; figures are not. */
export function conflictRoutes(app: ApiInstance, { conflicts, statisticsService }: ServerParts): void {
  app.get(
    '/calendar/sync/conflicts',
    {
      schema: {
        operationId: 'listConflicts',
        tags: ['Conflicts'],
        summary: 'Conflicts, newest first',
        querystring: Strict({
          status: { ...OneOf(['pending', 'resolved', 'all']), default: 'pending' },
          limit: limit(20, 100),
          offset,
        }),
        response: answers({ 200: answer('a page of conflicts', ConflictPage) }),
      },
    },
    async (request) => conflicts.list(callerOf(request).userId, request.query),
  );

  app.get(
    '/calendar/sync/conflicts/stats',
    {
      schema: {
        operationId: 'getConflictStatistics',
        tags: ['Conflicts'],
        summary: 'Conflicts in figures',
        querystring: Strict({ days: days(30), userId: Subject }),
        response: answers({ 200: answer('the figures', ConflictStatistics) }, 403),
      },
    },
    async (request) => {
      const subject = subjectOf(callerOf(request), request.query.userId);
      return statisticsService.conflicts(subject, request.query.days);
    },
  );

  app.get(
    '/calendar/sync/conflicts/:conflictId',
    {
      schema: {
        operationId: 'getConflict',
        tags: ['Conflicts'],
        summary: 'One conflict, with its three values',
        params: id('conflictId', 'the conflict'),
        response: answers({ 200: answer('the conflict', Conflict) }, 404),
      },
    },
    async (request) => conflicts.get(callerOf(request).userId, request.params.conflictId as ConflictId),
  );

  app.put(
    '/calendar/sync/conflicts/:conflictId/resolve',
    {
      schema: {
        operationId: 'resolveConflict',
        tags: ['Conflicts'],
        summary: 'Decide a conflict',
        description: 'The decision holds here at once; the run named in the answer carries it to Outlook.',
        params: id('conflictId', 'the conflict'),
        body: Decision,
        response: answers({ 200: answer('the conflict as decided', ResolvedConflict) }, 404, 409, 413, 415, 422),
      },
    },
    async (request) => {
      const { resolution, resolvedData } = request.body;
      const { conflict, jobId } = await conflicts.resolve(
        callerOf(request).userId,
        request.params.conflictId as ConflictId,
        { resolution, resolvedData, correlationId: request.id },
      );
      return { ...conflict, jobId };
    },
  );
}
