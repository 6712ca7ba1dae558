import type { JobId } from '../../core/ids.ts';
import { callerOf } from '../access.ts';
import type { ApiInstance } from '../api-instance.ts';
import type { EventStreams } from '../event-stream.ts';
import { STREAM_TIMEOUT_MS } from '../limits.ts';
import { findRun } from '../run-access.ts';
import { answer, answers, id, Strict, Subject } from '../schemas/common.ts';
import { Run } from '../schemas/run.ts';
import type { ServerParts } from '../services.ts';

const WHICH = { params: id('jobId', 'the run'), querystring: Strict({ userId: Subject }) };

/** How a run stands: once, or until it ends. */
export function statusRoutes(app: ApiInstance, { runService }: ServerParts, streams: EventStreams): void {
  app.get(
    '/calendar/sync/status/:jobId',
    {
      schema: {
        operationId: 'getSyncStatus',
        tags: ['Sync'],
        summary: 'How a run stands',
        ...WHICH,
        response: answers({ 200: answer('the run', Run) }, 403, 404),
      },
    },
    async (request) => {
      const { params, query } = request;
      return (await findRun(runService, callerOf(request), params.jobId as JobId, query.userId)).run;
    },
  );

  app.get(
    '/calendar/sync/status/:jobId/stream',
    {
      handlerTimeout: STREAM_TIMEOUT_MS,
      schema: {
        operationId: 'streamSyncStatus',
        tags: ['Sync'],
        summary: 'How a run stands, until it ends',
        description: 'Server-sent events named `status`, whose data is what `GET status` answers; the last is the end.',
        ...WHICH,
        response: answers({ 200: answer('server-sent events', Run, { mediaType: 'text/event-stream' }) }, 403, 404),
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const jobId = request.params.jobId as JobId;
      const { scope } = await findRun(runService, caller, jobId, request.query.userId);
      return streams.send(reply, caller.userId, 'status', (signal) => runService.watch(scope, jobId, signal));
    },
  );
}
