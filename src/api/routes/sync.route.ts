import { Type } from 'typebox';
import type { JobId } from '../../core/ids.ts';
import { callerOf, isAdmin, ownerOf } from '../access.ts';
import type { ApiInstance } from '../api-instance.ts';
import { SLOW_HANDLER_TIMEOUT_MS } from '../limits.ts';
import { findRun } from '../run-access.ts';
import { answer, answers, id, Strict, Subject } from '../schemas/common.ts';
import { Preview, Run, SyncStart, SyncStarted } from '../schemas/run.ts';
import type { ServerParts } from '../services.ts';

const StatusLocation = { location: Type.String({ description: 'where the run’s status is' }) };

/** Starting, trying out and stopping runs. */
export function syncRoutes(app: ApiInstance, { runService, previewService }: ServerParts): void {
  app.post(
    '/calendar/sync/start',
    {
      schema: {
        operationId: 'startSync',
        tags: ['Sync'],
        summary: 'Start a run',
        description: 'A run of the same calendar that would do just this and is queued or under way is joined instead.',
        body: SyncStart,
        response: answers(
          {
            200: answer('a run that does just this is under way already', SyncStarted, { headers: StatusLocation }),
            202: answer('queued', SyncStarted, { headers: StatusLocation }),
          },
          ...[404, 409, 413, 415, 422],
        ),
      },
    },
    async (request, reply) => {
      const started = await runService.start(callerOf(request).userId, request.body, { correlationId: request.id });
      return reply
        .code(started.status === 'started' ? 202 : 200)
        .header('location', statusPath(started.jobId))
        .send(started);
    },
  );

  app.post(
    '/calendar/sync/preview',
    {
      handlerTimeout: SLOW_HANDLER_TIMEOUT_MS,
      schema: {
        operationId: 'previewSync',
        tags: ['Sync'],
        summary: 'Say what a run would do, and change nothing',
        body: SyncStart,
        response: answers({ 200: answer('what a run would do', Preview) }, 404, 409, 413, 415, 422),
      },
    },
    async (request) => previewService.preview(callerOf(request).userId, request.body),
  );

  app.post(
    '/calendar/sync/cancel/:jobId',
    {
      schema: {
        operationId: 'cancelSync',
        tags: ['Sync'],
        summary: 'Stop a run',
        description: 'What was done stays done and consistent. An administrator may stop anybody’s.',
        params: id('jobId', 'the run'),
        querystring: Strict({ userId: Subject }),
        response: answers({ 202: answer('it will stop at its next safe point', Run) }, 403, 404, 409),
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const jobId = request.params.jobId as JobId;
      const { userId } = request.query;
      const scope = isAdmin(caller)
        ? (await findRun(runService, caller, jobId, userId)).scope
        : ownerOf(caller, userId);
      return reply
        .code(202)
        .header('location', statusPath(jobId))
        .send(await runService.cancel(scope, jobId, { caller, correlationId: request.id }));
    },
  );
}

function statusPath(jobId: string): string {
  return `/calendar/sync/status/${encodeURIComponent(jobId)}`;
}
