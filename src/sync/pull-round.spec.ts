import { describe, expect, it } from 'vitest';
import { DEFAULT_CALENDAR_ID, type GraphEventId, type UserId } from '../core/ids.ts';
import type { DeltaCursor } from '../store/cursor.repository.ts';
import { isRoundSeen, OwnMarks, roundFrom, usableCursor } from './pull-round.ts';

const NOW = new Date('2026-03-02T08:00:00Z');
const HOUR_MS = 60 * 60_000;
const ago = (ms: number) => new Date(NOW.getTime() - ms);
const window = { start: new Date('2026-01-01T00:00:00Z'), end: new Date('2026-06-01T00:00:00Z') };

/** Read to its end an hour ago. */
function cursor(more: Partial<DeltaCursor> = {}): DeltaCursor {
  return {
    ...{ userId: 'ada' as UserId, calendarId: DEFAULT_CALENDAR_ID, rung: 0, link: 'link', linkKind: 'delta', pages: 1 },
    ...{
      windowStart: window.start,
      windowEnd: window.end,
      roundId: 'before.reading',
      roundStartedAt: ago(5 * HOUR_MS),
    },
    ...{ isFullRound: false, isRolled: false, issuedAt: ago(HOUR_MS), completedAt: ago(HOUR_MS), ...more },
  };
}
const unfinished = { completedAt: undefined, linkKind: 'next' as const };

describe('a stored link', () => {
  const at = { readingId: 'reading', isFullForced: false, now: NOW, tokenExpiryMs: HOUR_MS, isRestart: false };
  const isUsed = (stored: DeltaCursor | undefined, how: Partial<typeof at> = {}) =>
    usableCursor(stored, { ...at, ...how }) !== undefined;

  it('is followed until it is too old, by when Graph gave it', () => {
    expect(isUsed(undefined)).toBe(false);
    expect(isUsed(cursor())).toBe(true);
    expect(isUsed(cursor({ issuedAt: ago(HOUR_MS + 1) }))).toBe(false);
  });

  it('is not followed when it was read by another window or other rules', () => {
    expect(isUsed(cursor({ roundId: 'before.other' }))).toBe(false);
    // An id that only looks alike is another one.
    expect(isUsed(cursor({ roundId: 'before.another-reading' }))).toBe(false);
  });

  it('is left by a forced run, unless that is the round it forced itself, or its token has died since', () => {
    const forced = { isFullForced: true };
    expect(isUsed(cursor(), forced)).toBe(false);
    expect(isUsed(cursor({ isFullRound: true }), forced)).toBe(false);
    expect(isUsed(cursor(unfinished), forced)).toBe(false);
    expect(isUsed(cursor({ ...unfinished, isFullRound: true }), forced)).toBe(true);
    expect(isUsed(cursor(), { ...forced, isRestart: true })).toBe(true);
  });
});

describe('everything in view', () => {
  it('has been seen when each slice was read to its end at least once', () => {
    expect(isRoundSeen([])).toBe(false);
    expect(isRoundSeen([cursor(), cursor({ rung: 1 })])).toBe(true);
    expect(isRoundSeen([cursor({ isFullRound: true })])).toBe(true);
    expect(isRoundSeen([cursor({ ...unfinished, isFullRound: true })])).toBe(false);
    expect(isRoundSeen([cursor(), cursor({ ...unfinished, rung: 1, isFullRound: true })])).toBe(false);
  });

  it('has been seen while a later look is under way, or one at what was in nobody’s view before', () => {
    expect(isRoundSeen([cursor(unfinished)])).toBe(true);
    expect(isRoundSeen([cursor(), cursor({ ...unfinished, isFullRound: true, isRolled: true })])).toBe(true);
  });
});

describe('a round', () => {
  const of = { dateRange: undefined, window, readingId: 'reading', roundId: 'now', now: NOW };
  const how = { mode: 'apply', isCursorKept: true } as const;

  it('goes on with one that was begun, as it was begun', () => {
    const begun = cursor({ ...unfinished, isFullRound: true, isRolled: true, windowStart: NOW });
    const dateRange = { start: ago(HOUR_MS), end: NOW };
    expect(roundFrom(begun, { ...of, ...how, dateRange })).toEqual({
      ...{ roundId: 'before.reading', isFullRound: true, isRolled: true, startedAt: begun.roundStartedAt },
      ...{ window: { start: NOW, end: window.end }, ...how },
    });
  });

  it('follows the link over the window that the link is for', () => {
    const known = cursor({ windowStart: NOW });
    expect(roundFrom(known, { ...of, ...how })).toEqual({
      ...{ roundId: 'now.reading', isFullRound: false, isRolled: false, startedAt: known.roundStartedAt },
      ...{ window: { start: NOW, end: window.end }, ...how },
    });
  });

  it('without a link reads the whole window, or the range that is asked for', () => {
    const adopting = { mode: 'adopt', isCursorKept: false } as const;
    const whole = { roundId: 'now.reading', isFullRound: true, isRolled: false, startedAt: NOW, ...adopting };
    expect(roundFrom(undefined, { ...of, ...adopting })).toEqual({ ...whole, window });
    const dateRange = { start: ago(HOUR_MS), end: NOW };
    expect(roundFrom(undefined, { ...of, ...adopting, dateRange })).toEqual({ ...whole, window: dateRange });
  });
});

describe('the marks of a round that keeps no cursor', () => {
  const mark = (id: string, more: object = {}) => ({ graphEventId: id as GraphEventId, suspicious: false, ...more });

  it('add later signs of a series to earlier ones', () => {
    const own = new OwnMarks([]);
    own.add([mark('a', { masterEtag: '1' }), mark('b')]);
    own.add([mark('a', { suspicious: true })]);
    expect(own.all).toMatchObject([mark('a', { masterEtag: '1', suspicious: true }), mark('b')]);
  });

  it('are apart from those that were stored before', () => {
    const own = new OwnMarks([mark('before')]);
    own.add([mark('before')]);
    expect(own.madeSince([mark('before'), mark('since')])).toEqual([mark('since')]);
  });
});
