import type { GraphEventId } from '../core/ids.ts';
import { type DeltaCursor, joinedMarks, type SeriesMark } from '../store/cursor.repository.ts';
import type { RunContext } from './run-context.ts';

/** How a run looks at what Graph says: `adopt` joins what exists on both sides and leaves everything else alone. */
export type PullMode = 'apply' | 'adopt';

export type PullOutcome = 'complete' | 'out-of-capacity';

/** One delta round: from the first page, or the stored link, to the deltaLink that closes it. */
export interface PullRound {
  readonly roundId: string;
  /** Lists everything in the window; what is known and not listed is looked for, never simply deleted. */
  readonly isFullRound: boolean;
  /** The first reading of a slice the window has just reached: of series, only their dates there can be expected in it. */
  readonly isRolled: boolean;
  readonly window: { readonly start: Date; readonly end: Date };
  readonly startedAt: Date;
  readonly mode: PullMode;
  /** A run over a date range, or one that only adopts, leaves no cursor behind. */
  readonly isCursorKept: boolean;
}

/**
 * Where a round goes on from.
 *
 * @param stored  the cursor of a slice, if it has one
 * @returns `undefined` when a full round is to be made: none is stored, its link is too old to be trusted, it was read by
 *   another window or other rules, or the run is to read everything
 */
export function usableCursor(
  stored: DeltaCursor | undefined,
  at: {
    readonly readingId: string;
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
  if (at.now.getTime() - stored.issuedAt.getTime() > at.tokenExpiryMs) return undefined;
  return stored.roundId.endsWith(readingMark(at.readingId)) ? stored : undefined;
}

/**
 * Whether everything in Graph's view has been seen at least once, so that creating there cannot double. What the window has
 * just reached was no more in view before.
 */
export function isRoundSeen(stored: readonly DeltaCursor[]): boolean {
  const isSeen = (cursor: DeltaCursor) => cursor.completedAt !== undefined || !cursor.isFullRound || cursor.isRolled;
  return stored.length > 0 && stored.every(isSeen);
}

/**
 * The series marks of a round that keeps no cursor. They live as long as it does, apart from the stored ones: those belong
 * to a round that somebody else goes on with, and that would not find its series again.
 */
export class OwnMarks {
  readonly #others: ReadonlySet<GraphEventId>;
  readonly #marks = new Map<GraphEventId, SeriesMark>();

  /** @param stored  what was marked before the round began */
  constructor(stored: readonly SeriesMark[]) {
    this.#others = new Set(stored.map(({ graphEventId }) => graphEventId));
  }

  get all(): SeriesMark[] {
    return [...this.#marks.values()];
  }

  /** Later signs of a series are added to earlier ones. */
  add(marks: readonly SeriesMark[]): void {
    for (const mark of marks) this.#marks.set(mark.graphEventId, joinedMarks(this.#marks.get(mark.graphEventId), mark));
  }

  /** @returns the stored marks that were made since the round began, and are its own */
  madeSince(stored: readonly SeriesMark[]): SeriesMark[] {
    return stored.filter(({ graphEventId }) => !this.#others.has(graphEventId));
  }
}

/** The round that a run makes, or goes on with. */
export function roundFrom(
  cursor: DeltaCursor | undefined,
  of: Pick<RunContext, 'dateRange' | 'window' | 'readingId'> & {
    readonly roundId: string;
    readonly now: Date;
    readonly mode: PullMode;
    readonly isCursorKept: boolean;
  },
): PullRound {
  const { mode, isCursorKept } = of;
  if (cursor && cursor.completedAt === undefined) {
    const { roundId, isFullRound, isRolled, roundStartedAt } = cursor;
    const window = { start: cursor.windowStart, end: cursor.windowEnd };
    return { roundId, isFullRound, isRolled, window, startedAt: roundStartedAt, mode, isCursorKept };
  }
  return {
    roundId: `${of.roundId}${readingMark(of.readingId)}`,
    isFullRound: cursor === undefined,
    isRolled: false,
    window: of.dateRange ?? (cursor ? { start: cursor.windowStart, end: cursor.windowEnd } : of.window),
    // When everything was last listed, which is what says when it is to be listed again.
    startedAt: cursor?.roundStartedAt ?? of.now,
    mode,
    isCursorKept,
  };
}

/** A round's id tells by which window and rules it reads, so that no change of them is missed, whenever it is made. */
export function readingMark(readingId: string): string {
  return `.${readingId}`;
}
