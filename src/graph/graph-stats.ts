import type { SyncErrorCode } from '../core/errors.ts';

/** What one run's conversation with Graph cost; counted by the client, shown in the run's status and the metrics. */
export interface GraphStats {
  /** HTTP requests sent, retries included; a `$batch` is one. */
  requests: number;
  throttled: number;
  retried: number;
  failed: number;
  readonly byCategory: Partial<Record<SyncErrorCode, number>>;
}

export function newGraphStats(): GraphStats {
  return { requests: 0, throttled: 0, retried: 0, failed: 0, byCategory: {} };
}

export function countFailure(stats: GraphStats, code: SyncErrorCode): void {
  stats.failed += 1;
  stats.byCategory[code] = (stats.byCategory[code] ?? 0) + 1;
}
