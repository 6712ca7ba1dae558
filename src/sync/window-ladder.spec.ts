import { describe, expect, it } from 'vitest';
import type { CalendarId, GraphCalendarId, UserId } from '../core/ids.ts';
import type { DeltaCursor } from '../store/cursor.repository.ts';
import { windowAround } from './run-context.ts';
import { ladderFrom, readAgain, spanOf } from './window-ladder.ts';

const DAY_MS = 24 * 60 * 60_000;
const FIRST_DAY = new Date('2026-03-02T08:00:00Z');
const WINDOW = { pastDays: 90, futureDays: 365 };
const EXPIRY_MS = DAY_MS;

/** A calendar that is read once a day, as its cursors are stored after each run. */
class Days {
  now = FIRST_DAY;
  stored: DeltaCursor[] = [];
  readonly calendarId: CalendarId;

  constructor(calendarId = 'default') {
    this.calendarId = calendarId as CalendarId;
  }

  run(change: { isFullForced?: boolean; tokenExpiryMs?: number; readingId?: string } = {}) {
    const ladder = ladderFrom(this.stored, {
      ...{ userId: 'ada' as UserId, calendarId: this.calendarId, graphCalendarId: 'there' as GraphCalendarId },
      ...{ roundId: 'round', now: this.now, mode: 'apply' as const, isCursorKept: true, isRestart: false },
      ...{ readingId: 'reading', isFullForced: false, tokenExpiryMs: EXPIRY_MS, dateRange: undefined },
      window: windowAround(this.now, WINDOW),
      ...change,
    });
    this.stored = ladder.rungs.map(({ number, round }) => ({
      ...{ userId: 'ada' as UserId, calendarId: this.calendarId, rung: number, isRolled: round.isRolled },
      ...{ link: 'link', linkKind: 'delta', windowStart: round.window.start, windowEnd: round.window.end, pages: 1 },
      ...{ roundId: round.roundId, isFullRound: round.isFullRound, roundStartedAt: round.startedAt },
      ...{ issuedAt: this.now, completedAt: this.now },
    }));
    return ladder;
  }

  pass(ms: number): this {
    this.now = new Date(this.now.getTime() + ms);
    return this;
  }
}

describe('the ladder of tokens by which a window is read', () => {
  it('begins as one, and stays so as long as the day lasts', () => {
    const days = new Days();
    expect(days.run()).toMatchObject({ isWhole: true, rungs: [{ number: 0, round: { isFullRound: true } }] });
    expect(days.pass(15 * 60_000).run()).toMatchObject({
      isWhole: false,
      rungs: [{ number: 0, round: { isFullRound: false } }],
    });
  });

  it('gets a rung for each day, over the new days and the seam alone, and leaves no gap', () => {
    const days = new Days();
    days.run();
    const before = spanOf(days.run().rungs).end;
    const { rungs, isWhole } = days.pass(DAY_MS).run();
    expect(isWhole).toBe(false);
    expect(rungs).toMatchObject([
      { number: 0, round: { isFullRound: false } },
      { number: 1, cursor: undefined, round: { isFullRound: true, isRolled: true } },
    ]);
    const { window } = rungs[1]!.round;
    expect(window.start.getTime()).toBeLessThan(before.getTime());
    expect(window).toEqual({
      start: new Date(before.getTime() - 2 * DAY_MS),
      end: new Date(before.getTime() + DAY_MS),
    });
    expect(days.run().rungs).toMatchObject([{ number: 0 }, { number: 1, round: { isRolled: false } }]);
  });

  it('is never longer than eight rungs, covers the whole window every day, and merges within a week', () => {
    const days = new Days();
    let lastWhole = days.now.getTime();
    for (let day = 0; day < 60; day += 1) {
      const ladder = days.run();
      expect(ladder.rungs.length).toBeLessThanOrEqual(8);
      const span = spanOf(ladder.rungs);
      const wanted = windowAround(days.now, WINDOW);
      expect(span.start <= wanted.start && span.end >= wanted.end).toBe(true);
      expect(span.end.getTime() - span.start.getTime()).toBeLessThan(1_825 * DAY_MS);
      if (ladder.isWhole) lastWhole = days.now.getTime();
      expect(days.now.getTime() - lastWhole).toBeLessThanOrEqual(7 * DAY_MS);
      days.pass(DAY_MS - 1);
    }
  });

  it('does not merge all calendars in one hour', () => {
    const hours = Array.from({ length: 50 }, (_, each) => {
      const days = new Days(`calendar ${each}`);
      days.run();
      let hour = 0;
      for (; hour < 200 && !days.pass(60 * 60_000).run().isWhole; ) hour += 1;
      return hour;
    });
    expect(Math.max(...hours)).toBeLessThanOrEqual(7 * 24);
    expect(Math.min(...hours)).toBeGreaterThanOrEqual(6 * 24 - 1);
    expect(new Set(hours).size).toBeGreaterThan(20);
  });

  it('retires what lies wholly behind the window, and nothing else', () => {
    const days = new Days();
    days.run();
    const [cursor] = days.stored;
    const past = { ...cursor!, rung: 5, windowEnd: windowAround(days.now, WINDOW).start };
    days.stored = [cursor!, past, { ...past, rung: 6, windowEnd: new Date(past.windowEnd.getTime() + 1) }];
    const { retired, rungs } = days.run();
    expect(retired).toEqual([5]);
    expect(rungs.map(({ number }) => number)).toEqual([0, 6]);
  });

  it('trusts a token by when it was issued, however long ago everything was listed', () => {
    const days = new Days();
    days.run();
    for (let day = 0; day < 5; day += 1) expect(days.pass(DAY_MS).run().isWhole).toBe(false);
    expect(days.pass(DAY_MS + 1).run()).toMatchObject({ isWhole: true, retired: [1, 2, 3, 4, 5] });
  });

  it('is read as a whole again when forced, or by other rules', () => {
    const days = new Days();
    days.run();
    expect(days.run({ isFullForced: true }).isWhole).toBe(true);
    expect(days.run({ readingId: 'other' }).isWhole).toBe(true);
  });

  it('finishes what was begun before it retires or merges anything, and takes the new day in all the same', () => {
    const days = new Days();
    days.run();
    days.stored = days.stored.map((cursor) => ({ ...cursor, linkKind: 'next', completedAt: undefined }));
    const { rungs, isWhole } = days.pass(10 * DAY_MS).run({ tokenExpiryMs: 100 * DAY_MS });
    expect(isWhole).toBe(false);
    expect(rungs).toMatchObject([
      { number: 0, round: { isFullRound: true, isRolled: false } },
      { number: 1, round: { isFullRound: true, isRolled: true } },
    ]);
  });

  it('reads a slice whose token died again, as far as the window still reaches back', () => {
    const days = new Days();
    days.run();
    const [rung] = days.pass(3 * DAY_MS).run({ tokenExpiryMs: 100 * DAY_MS }).rungs;
    const window = windowAround(days.now, WINDOW);
    const again = readAgain(rung!, { window, readingId: 'reading', roundId: 'again', now: days.now });
    expect(again).toMatchObject({ number: 0, cursor: undefined, round: { isFullRound: true, isRolled: false } });
    expect(again.round.window).toEqual({ start: window.start, end: rung!.round.window.end });
  });

  it('reads of a slice that fell behind the window its last day alone', () => {
    const days = new Days();
    days.run();
    const [rung] = days.run().rungs;
    const end = new Date(windowAround(days.now, WINDOW).start.getTime() - 5 * DAY_MS);
    const behind = { ...rung!, round: { ...rung!.round, window: { start: rung!.round.window.start, end } } };
    const window = windowAround(days.now, WINDOW);
    const again = readAgain(behind, { window, readingId: 'reading', roundId: 'again', now: days.now });
    expect(again.round.window).toEqual({ start: new Date(end.getTime() - DAY_MS), end });
  });
});

describe('a ladder of several rungs', () => {
  /** Read by one rung for each day, the last read just now. */
  function climbed(rungs: number): Days {
    const days = new Days();
    days.run();
    for (let rung = 1; rung < rungs; rung += 1) {
      days.pass(DAY_MS).run({ tokenExpiryMs: 100 * DAY_MS });
      // As if everything had been listed lately, so that no reconciliation is due.
      days.stored = days.stored.map((cursor) => ({ ...cursor, roundStartedAt: days.now }));
    }
    return days;
  }
  const unfinished = (days: Days, number: number) => {
    days.stored = days.stored.map((cursor) =>
      cursor.rung === number ? { ...cursor, completedAt: undefined } : cursor,
    );
    return days;
  };
  const patient = { tokenExpiryMs: 100 * DAY_MS };

  it('is read as a whole again as soon as the token of one is not to be trusted', () => {
    for (const old of [0, 1, 2]) {
      const days = climbed(3);
      days.stored = days.stored.map((cursor) =>
        cursor.rung === old ? { ...cursor, issuedAt: new Date(days.now.getTime() - EXPIRY_MS - 1) } : cursor,
      );
      expect(days.run()).toMatchObject({ isWhole: true, rungs: [{ number: 0, cursor: undefined }], retired: [1, 2] });
    }
  });

  it('takes the eighth, and becomes one with the ninth', () => {
    for (const ladder of [climbed(7).pass(DAY_MS).run(patient), climbed(8).run(patient)]) {
      expect(ladder.isWhole).toBe(false);
      expect(ladder.rungs).toHaveLength(8);
    }
    expect(climbed(8).pass(DAY_MS).run(patient)).toMatchObject({ isWhole: true, retired: [1, 2, 3, 4, 5, 6, 7] });
  });

  it.each([0, 7])('does not become one before rung %i is read to its end, and grows no longer', (number) => {
    const { isWhole, rungs } = unfinished(climbed(8), number).pass(DAY_MS).run(patient);
    expect(isWhole).toBe(false);
    expect(rungs.map((rung) => rung.number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it.each([0, 1])('is not listed again before rung %i is read to its end, however long ago that was', (number) => {
    const days = unfinished(climbed(2), number);
    expect(days.pass(20 * DAY_MS).run(patient).isWhole).toBe(false);
    expect(days.run(patient).isWhole).toBe(true);
  });

  it('retires none before all are read to their end', () => {
    const days = unfinished(climbed(2), 1);
    const { start } = windowAround(days.now, WINDOW);
    days.stored = days.stored.map((cursor) => (cursor.rung === 0 ? { ...cursor, windowEnd: start } : cursor));
    expect(days.run(patient)).toMatchObject({ retired: [], rungs: [{ number: 0 }, { number: 1 }] });
    expect(days.run(patient)).toMatchObject({ retired: [0], rungs: [{ number: 1 }] });
  });
});
