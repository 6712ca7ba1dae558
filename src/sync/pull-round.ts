import type { DeltaCursor } from '../store/cursor.repository.ts';
import type { RunContext } from './run-context.ts';

/** How a run looks at what Graph says: `adopt` joins what exists on both sides and leaves everything else alone. */
export type PullMode = 'apply' | 'adopt';

export type PullOutcome = 'complete' | 'out-of-capacity';

/** One delta round: from the first page, or the stored link, to the deltaLink that closes it. */
export interface PullRound {
  readonly roundId: string;
  /** Lists everything in the window; what is known and not listed is looked for, never simply deleted. */
  readonly isFullRound: boolean;
  readonly window: { readonly start: Date; readonly end: Date };
  readonly startedAt: Date;
  readonly mode: PullMode;
  /** A run over a date range, or one that only adopts, leaves no cursor behind. */
  readonly isCursorKept: boolean;
}

/**
 * Where a round goes on from.
 *
 * @param stored  the calendar's cursor, if it has one
 * @returns `undefined` when a full round is to be made: none is stored, it is too old to be trusted, the window's length
 *   has changed, or the run is to read everything
 */
export function usableCursor(
  stored: DeltaCursor | undefined,
  at: {
    readonly window: RunContext['window'];
    readonly isFullForced: boolean;
    readonly now: Date;
    readonly tokenExpiryMs: number;
    /** The round is made again because its token died. */
    readonly isRestart: boolean;
  },
): DeltaCursor | undefined {
  if (!stored) return undefined;
  const isUnfinished = stored.completedAt === undefined;
  // A continuation of the same forced round must not start it again.
  if (at.isFullForced && !at.isRestart && !(isUnfinished && stored.isFullRound)) return undefined;
  if (at.now.getTime() - stored.roundStartedAt.getTime() > at.tokenExpiryMs) return undefined;
  if (isUnfinished) return stored;
  return isSameWindow(stored, at.window) ? stored : undefined;
}

/** Whether everything in Graph's view has been seen at least once, so that creating there cannot double. */
export function isRoundSeen(cursor: DeltaCursor | undefined): boolean {
  return cursor?.completedAt !== undefined || (cursor !== undefined && !cursor.isFullRound);
}

/** The round that a run makes, or goes on with. */
export function roundFrom(
  cursor: DeltaCursor | undefined,
  of: Pick<RunContext, 'dateRange' | 'window'> & {
    readonly roundId: string;
    readonly now: Date;
    readonly mode: PullMode;
    readonly isCursorKept: boolean;
  },
): PullRound {
  const { mode, isCursorKept } = of;
  if (cursor && cursor.completedAt === undefined) {
    const { roundId, isFullRound, roundStartedAt } = cursor;
    const window = { start: cursor.windowStart, end: cursor.windowEnd };
    return { roundId, isFullRound, window, startedAt: roundStartedAt, mode, isCursorKept };
  }
  return {
    roundId: of.roundId,
    isFullRound: cursor === undefined,
    window: of.dateRange ?? (cursor ? { start: cursor.windowStart, end: cursor.windowEnd } : of.window),
    // A token's age counts from its last full round, so that its window moves on with the days.
    startedAt: cursor?.roundStartedAt ?? of.now,
    mode,
    isCursorKept,
  };
}

function isSameWindow(cursor: DeltaCursor, window: { start: Date; end: Date }): boolean {
  // The window moves on with each full round (at the latest when the token has aged); only a change of its length
  // calls for a new round at once.
  const length = (from: Date, to: Date) => to.getTime() - from.getTime();
  return length(cursor.windowStart, cursor.windowEnd) === length(window.start, window.end);
}
