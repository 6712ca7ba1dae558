import { Type } from 'typebox';
import { CONFLICT_STRATEGIES, SYNC_DIRECTIONS } from '../../core/settings.ts';
import { Count, Instant, InstantText, Nullable, OneOf, pageOf, Strict } from './common.ts';

export const RUN_STATUSES = ['PENDING', 'IN_PROGRESS', 'COMPLETED', 'FAILED', 'CANCELLED'] as const;

export const SyncStart = Strict(
  {
    direction: Type.Optional(OneOf(SYNC_DIRECTIONS)),
    calendarId: Type.Optional(
      Type.String({ maxLength: 255, description: 'from /calendar/calendars, "default" or "all"' }),
    ),
    conflictResolution: Type.Optional(OneOf(CONFLICT_STRATEGIES)),
    forceFull: Type.Optional(Type.Boolean({ description: 'read everything again instead of what changed' })),
    dateRange: Type.Optional(
      Strict({ start: InstantText, end: InstantText }, { description: 'only events that overlap it' }),
    ),
    confirmDeletions: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        description: 'error.details.confirmationToken of the run that asked',
      }),
    ),
  },
  {
    title: 'SyncRequest',
    description: 'What is left out comes from the calendar’s, then the user’s settings.',
  },
);

export const SyncStarted = Type.Object(
  { jobId: Type.String(), status: OneOf(['started', 'already_running']) },
  { title: 'SyncStarted' },
);

const Side = Type.Object({ created: Count, updated: Count, deleted: Count }, { title: 'SideCounts' });

const RUN = {
  jobId: Type.String(),
  status: OneOf(RUN_STATUSES),
  direction: OneOf(SYNC_DIRECTIONS),
  calendarId: Type.String(),
  progress: Type.Object({
    total: Count,
    processed: Count,
    percentage: Type.Number({ minimum: 0, maximum: 100, description: 'never goes back' }),
  }),
  startedAt: Nullable(Instant),
  completedAt: Nullable(Instant),
  result: Nullable(
    Type.Object(
      {
        totalEvents: Count,
        createdEvents: Count,
        updatedEvents: Count,
        deletedEvents: Count,
        conflictsDetected: Count,
        failedEvents: Count,
        local: Side,
        remote: Side,
        graphRequests: Count,
        durationMs: Nullable(Count),
      },
      { title: 'RunResult' },
    ),
  ),
  error: Nullable(
    Type.Object(
      {
        code: Type.String(),
        message: Type.String(),
        details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      },
      { title: 'RunError' },
    ),
  ),
};

export const Run = Type.Object(RUN, { title: 'Run' });

const PastRun = Type.Object(
  {
    ...RUN,
    userId: Type.String(),
    trigger: OneOf(['api', 'schedule', 'change', 'continuation', 'resolution', 'notification']),
    queuedAt: Instant,
  },
  { title: 'PastRun' },
);
export const RunHistory = pageOf('RunHistory', PastRun);

const Operation = Type.Object(
  {
    id: Type.String(),
    eventId: Type.String(),
    graphEventId: Nullable(Type.String()),
    calendarId: Type.String(),
    side: OneOf(['local', 'remote']),
    operation: OneOf(['create', 'update', 'delete', 'adopt', 'fail', 'hold']),
    fields: Type.Array(Type.String()),
    reason: Type.String(),
    at: Instant,
    errorCode: Nullable(Type.String()),
    graphRequestId: Nullable(Type.String()),
    before: Type.Optional(Type.Unknown({ description: 'for the owner: the event as it was' })),
    after: Type.Optional(Type.Unknown({ description: 'for the owner: the event as it became' })),
  },
  { title: 'Operation' },
);
export const RunOperations = pageOf('RunOperations', Operation);

export const Revert = Type.Object(
  {
    jobIds: Type.Array(Type.String(), { description: 'the runs that carry it to Outlook' }),
    reverted: Type.Array(
      Type.Object({
        eventId: Type.String(),
        action: OneOf(['restored', 'recreated', 'deleted']),
        fields: Type.Array(Type.String()),
        newEventId: Nullable(Type.String({ description: 'of a recreated event that Outlook does not have any more' })),
      }),
    ),
    kept: Type.Array(
      Type.Object({
        eventId: Type.String(),
        field: Type.String({ description: 'a unit of the event, or `event` for all of it' }),
        why: OneOf([
          'changed-since',
          'not-ours',
          'already-as-before',
          'not-remembered',
          'still-in-outlook',
          'gone-in-outlook',
          'read-only',
        ]),
      }),
      { description: 'what was left as it is' },
    ),
  },
  { title: 'Revert' },
);

export const Preview = Type.Object(
  {
    local: Side,
    remote: Side,
    conflicts: Count,
    items: Type.Array(
      Type.Object({
        eventId: Nullable(Type.String()),
        graphEventId: Nullable(Type.String()),
        side: OneOf(['local', 'remote']),
        operation: Type.String(),
        fields: Type.Array(Type.String()),
        reason: Type.String(),
        mailsGuests: Type.Boolean(),
      }),
    ),
    truncated: Type.Boolean({ description: 'there is more than what items shows' }),
    mails: Type.Array(
      Type.Object({
        eventId: Type.String(),
        subject: Type.Optional(Type.String()),
        operation: OneOf(['invite', 'update', 'cancel', 'respond']),
        recipients: Type.Array(Type.String()),
      }),
      { description: 'the mail Exchange would send because of the run, the first 200' },
    ),
    mailsTotal: Count,
    graphRequests: Count,
    wouldRefuse: Nullable(
      Type.Object(
        { side: OneOf(['local', 'remote']), count: Count, of: Count },
        { description: 'the mass-deletion brake would stop the run' },
      ),
    ),
  },
  { title: 'Preview' },
);
