import { Type } from 'typebox';
import { CONFLICT_STRATEGIES } from '../../core/settings.ts';
import { Count, Instant, Nullable, OneOf, pageOf, Strict } from './common.ts';
import { EventPatch } from './event.ts';

const RESOLUTIONS = [...CONFLICT_STRATEGIES.map((name) => name.toUpperCase()), ...CONFLICT_STRATEGIES];

const Content = Type.Record(Type.String(), Type.Unknown(), { description: 'the event as it was, in Graph’s names' });

const CONFLICT = {
  id: Type.String(),
  eventId: Type.String(),
  calendarId: Type.String(),
  conflictType: OneOf([
    'UPDATE_UPDATE',
    'LOCAL_DELETE_REMOTE_UPDATE',
    'LOCAL_UPDATE_REMOTE_DELETE',
    'DUPLICATE_CREATE',
  ]),
  detectedAt: Instant,
  base: Nullable(Content),
  local: Nullable(Content),
  remote: Nullable(Content),
  fields: Type.Array(
    Type.Object({ field: Type.String(), base: Type.Unknown(), local: Type.Unknown(), remote: Type.Unknown() }),
  ),
  resolution: Nullable(Type.String({ description: 'null while it waits' })),
  resolvedAt: Nullable(Instant),
  resolutionData: Nullable(Type.Record(Type.String(), Type.Unknown())),
};

export const Conflict = Type.Object(CONFLICT, { title: 'Conflict' });
export const ConflictPage = pageOf('ConflictPage', Conflict);
export const ResolvedConflict = Type.Object(
  { ...CONFLICT, jobId: Type.String({ description: 'the run that carries the decision to Outlook' }) },
  { title: 'ResolvedConflict' },
);

export const Decision = Strict(
  {
    resolution: OneOf(RESOLUTIONS),
    resolvedData: Type.Optional(
      Type.Object(
        { event: Type.Optional(EventPatch) },
        {
          description: 'for MANUAL, event holds the fields to keep; all other keys are kept for the record',
          maxProperties: 50,
          additionalProperties: true,
        },
      ),
    ),
  },
  { title: 'Decision' },
);

export const ConflictStatistics = Type.Object(
  {
    days: Count,
    total: Count,
    pending: Count,
    resolved: Count,
    byType: Type.Record(Type.String(), Count),
    byResolution: Type.Record(Type.String(), Count),
    averageResolutionMs: Nullable(Type.Number()),
    byDay: Type.Array(Type.Object({ day: Type.String(), detected: Count, resolved: Count })),
  },
  { title: 'ConflictStatistics' },
);
