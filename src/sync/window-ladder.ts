import { createHash } from 'node:crypto';
import type { CalendarId, UserId } from '../core/ids.ts';
import type { DeltaCursor } from '../store/cursor.repository.ts';
import { type PullRound, readingMark, roundFrom, usableCursor } from './pull-round.ts';
import type { RunContext } from './run-context.ts';

/**
 * A delta token's window never moves (graph contract 5.1), so a calendar's window is read by several: as days pass, a slice
 * is added for what it has reached and read alone, and one that lies wholly behind it is retired. About weekly everything is
 * listed again under a single token, which every other one then makes way for.
 */
export interface Ladder {
  readonly rungs: readonly Rung[];
  /** Rungs that are not read any more: behind the window, or taken in by the one that reads all of it again. */
  readonly retired: readonly number[];
  /** A full round over the whole window takes the place of whatever there was. */
  readonly isWhole: boolean;
}

/** One slice of the window, and how it is read by this run. */
export interface Rung {
  readonly number: number;
  readonly cursor: DeltaCursor | undefined;
  readonly round: PullRound;
}

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
/** All-day events float, and zones differ by up to 26 hours: what lies at the seam is seen by one rung or by both. */
const OVERLAP_MS = 2 * DAY_MS;
/** One for each day between two reconciliations, and the one they begin with. */
const MAX_RUNGS = 8;
/** Graph promises no lifetime of Outlook's tokens and has lost events from its streams; weekly is what others do (contract 5.6). */
const RECONCILIATION_MS = 7 * DAY_MS;
/** Calendars that were connected in one hour come apart by up to a day a week. */
const RECONCILIATION_SPREAD_MS = DAY_MS;

/** How a run reads a calendar: which slices, each from where. */
export function ladderFrom(
  stored: readonly DeltaCursor[],
  of: Parameters<typeof roundFrom>[1] & Parameters<typeof usableCursor>[1] & Pick<RunContext, 'userId' | 'calendarId'>,
): Ladder {
  const isTrusted = stored.length > 0 && stored.every((cursor) => usableCursor(cursor, of));
  const reached = of.dateRange ? undefined : sliceReached(stored, of);
  const isLongest = stored.length >= MAX_RUNGS;
  // What was begun is finished before it is begun again.
  const isToMerge = stored.every(isComplete) && ((reached && isLongest) || isReconciliationDue(stored, of));
  if (!isTrusted || isToMerge) {
    const round = roundFrom(undefined, of);
    const retired = stored.map(({ rung }) => rung).filter((rung) => rung !== 0);
    return { rungs: [{ number: 0, cursor: undefined, round }], retired, isWhole: true };
  }
  const retired = retiredFrom(stored, of);
  const rungs = stored
    .filter(({ rung }) => !retired.includes(rung))
    .map((cursor): Rung => ({ number: cursor.rung, cursor, round: roundFrom(cursor, of) }));
  if (!reached || isLongest) return { rungs, retired, isWhole: false };
  const number = Math.max(...stored.map(({ rung }) => rung)) + 1;
  const round = { ...roundFrom(undefined, of), window: reached, isRolled: true };
  return { rungs: [...rungs, { number, cursor: undefined, round }], retired, isWhole: false };
}

/** The token of one slice died: that slice is listed again, as far as the window still reaches back. */
export function readAgain(
  { number, round }: Rung,
  of: Pick<RunContext, 'window' | 'readingId'> & { readonly roundId: string; readonly now: Date },
): Rung {
  const start = new Date(Math.min(Math.max(round.window.start.getTime(), of.window.start.getTime()), lastDayOf(round)));
  const window = { start, end: round.window.end };
  const roundId = `${of.roundId}${readingMark(of.readingId)}`;
  return { number, cursor: undefined, round: { ...round, roundId, isFullRound: true, window, startedAt: of.now } };
}

/** From the first instant any of the rungs reads to the last. */
export function spanOf(rungs: readonly Rung[]): PullRound['window'] {
  const windows = rungs.map(({ round }) => round.window);
  return {
    start: new Date(Math.min(...windows.map(({ start }) => start.getTime()))),
    end: new Date(Math.max(...windows.map(({ end }) => end.getTime()))),
  };
}

/** The part of the window no rung covers yet, and a little before it. */
function sliceReached(
  stored: readonly DeltaCursor[],
  { window }: Pick<RunContext, 'window'>,
): PullRound['window'] | undefined {
  if (stored.length === 0) return undefined;
  const covered = Math.max(...stored.map(({ windowEnd }) => windowEnd.getTime()));
  if (window.end.getTime() - covered < DAY_MS) return undefined;
  return { start: new Date(covered - OVERLAP_MS), end: window.end };
}

function retiredFrom(stored: readonly DeltaCursor[], { window }: Pick<RunContext, 'window'>): number[] {
  if (!stored.every(isComplete)) return [];
  return stored.filter(({ windowEnd }) => windowEnd <= window.start).map(({ rung }) => rung);
}

function isReconciliationDue(
  stored: readonly DeltaCursor[],
  { now, userId, calendarId }: { now: Date; userId: UserId; calendarId: CalendarId },
): boolean {
  const oldest = Math.min(...stored.map(({ roundStartedAt }) => roundStartedAt.getTime()));
  return now.getTime() - oldest >= RECONCILIATION_MS - spreadOf(userId, calendarId);
}

/** The same for a calendar always, and evenly spread over all of them. */
function spreadOf(userId: UserId, calendarId: CalendarId): number {
  const drawn = createHash('sha256').update(`${userId} ${calendarId}`).digest().readUInt32BE(0) / 2 ** 32;
  return Math.floor(drawn * RECONCILIATION_SPREAD_MS);
}

function lastDayOf({ window }: PullRound): number {
  return window.end.getTime() - DAY_MS;
}

function isComplete({ completedAt }: DeltaCursor): boolean {
  return completedAt !== undefined;
}
