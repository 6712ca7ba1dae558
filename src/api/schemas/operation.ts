import { Type } from 'typebox';
import { Count, Nullable, OneOf } from './common.ts';

const Check = Type.Object({ status: Type.String(), message: Type.Optional(Type.String()) }, { title: 'HealthCheck' });

export const Health = Type.Object(
  {
    status: OneOf(['ok', 'degraded', 'down']),
    checks: Type.Object({ database: Check, queue: Check, graph: Check, encryption: Check }),
    version: Type.String(),
  },
  { title: 'Health' },
);

export const Metrics = Type.Object(
  {
    days: Count,
    syncs: Type.Object({
      total: Count,
      completed: Count,
      failed: Count,
      cancelled: Count,
      averageDurationMs: Nullable(Type.Number()),
      p95DurationMs: Nullable(Type.Number()),
    }),
    events: Type.Object({ processed: Count, created: Count, updated: Count, deleted: Count, failed: Count }),
    conflicts: Type.Object({ detected: Count, resolved: Count }),
    graph: Type.Object({
      requests: Count,
      throttled: Count,
      retried: Count,
      failed: Count,
      byErrorCategory: Type.Record(Type.String(), Count),
    }),
    byDay: Type.Array(Type.Object({ day: Type.String(), syncs: Count, events: Count, conflicts: Count })),
  },
  { title: 'Metrics' },
);
