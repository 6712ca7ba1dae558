import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aGuest, anEvent, arbitraryEvent, aSeries, at } from '../../test/support/events.ts';
import { changedUnits, equalContent, sameUnit, unitsOf, withUnit } from './canonical-event.ts';
import { type JournalLine, planRevert } from './revert-plan.ts';

const before = anEvent({ subject: 'Standup', categories: ['blue'] });
const after = anEvent({ subject: 'Daily', categories: ['blue', 'red'] });
const update: JournalLine = { side: 'local', operation: 'update', fields: ['subject', 'categories'], before, after };

describe('taking back an update', () => {
  it('brings back what it changed, on whichever side', () => {
    for (const side of ['local', 'remote'] as const) {
      const { revert, kept } = planRevert({ lines: [{ ...update, side }], current: after, isOurs: true });
      expect(revert).toEqual({ kind: 'restore', content: before, units: ['subject', 'categories'] });
      expect(kept).toEqual([]);
    }
  });

  it('leaves what somebody changed since', () => {
    const current = { ...after, subject: 'Newer', importance: 'high' as const };
    const { revert, kept } = planRevert({ lines: [update], current, isOurs: true });
    expect(revert).toMatchObject({ content: { ...current, categories: ['blue'] }, units: ['categories'] });
    expect(kept).toEqual([{ unit: 'subject', why: 'changed-since' }]);
  });

  it('goes back to before the first of several', () => {
    const later = { ...after, subject: 'Third' };
    const lines = [update, { ...update, fields: ['subject'], before: after, after: later }];
    expect(planRevert({ lines, current: later, isOurs: true }).revert).toMatchObject({ content: before });
  });

  it("takes back only what is ours to change of somebody else's meeting", () => {
    const { revert, kept } = planRevert({ lines: [update], current: after, isOurs: false });
    expect(revert).toMatchObject({ kind: 'restore', content: { ...after, categories: ['blue'] } });
    expect(kept).toEqual([{ unit: 'subject', why: 'not-ours' }]);
  });

  it('does nothing the second time', () => {
    const { revert, kept } = planRevert({ lines: [update], current: before, isOurs: true });
    expect(revert).toEqual({ kind: 'nothing' });
    expect(kept).toEqual([{ unit: 'event', why: 'already-as-before' }]);
  });

  it('brings a date of a series back alone', () => {
    const series = aSeries();
    const cancelled = { ...series, occurrences: { '2026-03-16': { isCancelled: true } as const } };
    const moved = { ...cancelled, start: at('2026-03-09T11:00:00'), end: at('2026-03-09T12:00:00') };
    const lines = [{ ...update, fields: ['occurrence:2026-03-16'], before: series, after: cancelled }];
    expect(planRevert({ lines, current: moved, isOurs: true }).revert).toMatchObject({
      kind: 'restore',
      content: { ...moved, occurrences: {} },
      units: ['occurrence:2026-03-16'],
    });
  });

  it('does nothing where it was taken back by the run itself', () => {
    const back = { ...update, before: after, after: before };
    expect(planRevert({ lines: [update, back], current: before, isOurs: true })).toEqual({
      revert: { kind: 'nothing' },
      kept: [{ unit: 'event', why: 'already-as-before' }],
    });
  });

  it('says that nothing is left to do also of what the run held back besides', () => {
    const lines = [update, { ...update, operation: 'hold' as const }];
    expect(planRevert({ lines, current: before, isOurs: true }).kept).toEqual([
      { unit: 'event', why: 'already-as-before' },
    ]);
  });

  it('of an event that was deleted since leaves it deleted', () => {
    expect(planRevert({ lines: [update], current: null, isOurs: true })).toEqual({
      revert: { kind: 'nothing' },
      kept: [{ unit: 'event', why: 'changed-since' }],
    });
  });

  it.each(['before', 'after'] as const)('needs to remember what was %s', (which) => {
    const lines = [{ ...update, [which]: undefined }];
    expect(planRevert({ lines, current: after, isOurs: true })).toEqual({
      revert: { kind: 'nothing' },
      kept: [{ unit: 'event', why: 'not-remembered' }],
    });
  });

  it('does not bring back a date that is deleted in Outlook, and brings back the rest', () => {
    const date = '2026-03-16';
    const series = aSeries();
    const cancelled = { ...series, subject: 'New', occurrences: { [date]: { isCancelled: true } as const } };
    const lines = [{ ...update, fields: ['subject', `occurrence:${date}`], before: series, after: cancelled }];
    expect(planRevert({ lines, current: cancelled, isOurs: true, there: cancelled })).toEqual({
      revert: { kind: 'restore', content: { ...cancelled, subject: series.subject }, units: ['subject'] },
      kept: [{ unit: `occurrence:${date}`, why: 'gone-in-outlook' }],
    });
  });
});

describe('taking back a creation', () => {
  const create: JournalLine = { side: 'remote', operation: 'create', fields: [], after: before };

  it('deletes what nobody touched since, whoever was to be invited', () => {
    const current = { ...before, attendees: [aGuest('bob@example.com')] };
    expect(planRevert({ lines: [create], current, isOurs: true }).revert).toEqual({ kind: 'delete' });
  });

  it('of an event that came from Outlook leaves it to the guests invited since', () => {
    const current = { ...before, attendees: [aGuest('bob@example.com')] };
    expect(planRevert({ lines: [{ ...create, side: 'local' }], current, isOurs: true })).toEqual({
      revert: { kind: 'nothing' },
      kept: [{ unit: 'event', why: 'changed-since' }],
    });
  });

  it('has nothing left to do once the event is gone', () => {
    expect(planRevert({ lines: [create], current: null, isOurs: true })).toEqual({
      revert: { kind: 'nothing' },
      kept: [{ unit: 'event', why: 'already-as-before' }],
    });
  });

  it('needs to remember what was made', () => {
    expect(planRevert({ lines: [{ ...create, after: undefined }], current: before, isOurs: true })).toEqual({
      revert: { kind: 'nothing' },
      kept: [{ unit: 'event', why: 'not-remembered' }],
    });
  });

  it('leaves an event that somebody has gone on with', () => {
    const { revert, kept } = planRevert({ lines: [create], current: after, isOurs: true });
    expect(revert).toEqual({ kind: 'nothing' });
    expect(kept).toEqual([{ unit: 'event', why: 'changed-since' }]);
  });
});

describe('taking back a deletion', () => {
  const deletion: JournalLine = { side: 'local', operation: 'delete', fields: [], before };

  it('makes the event anew', () => {
    const { revert } = planRevert({ lines: [deletion], current: null, isOurs: true });
    expect(revert).toEqual({ kind: 'recreate', content: before });
  });

  it("does not make somebody else's meeting ours", () => {
    const { revert, kept } = planRevert({ lines: [deletion], current: null, isOurs: false });
    expect(revert).toEqual({ kind: 'nothing' });
    expect(kept).toEqual([{ unit: 'event', why: 'not-ours' }]);
  });

  it('leaves an event that is there again, whatever it says now', () => {
    expect(planRevert({ lines: [deletion], current: after, isOurs: true })).toEqual({
      revert: { kind: 'nothing' },
      kept: [{ unit: 'event', why: 'already-as-before' }],
    });
  });

  it('makes no second one of what Outlook has still', () => {
    const lines = [{ ...deletion, isStillThere: true }];
    expect(planRevert({ lines, current: null, isOurs: true })).toEqual({
      revert: { kind: 'nothing' },
      kept: [{ unit: 'event', why: 'still-in-outlook' }],
    });
  });

  it('needs to remember what was deleted', () => {
    const { kept } = planRevert({ lines: [{ ...deletion, before: undefined }], current: null, isOurs: true });
    expect(kept).toEqual([{ unit: 'event', why: 'not-remembered' }]);
  });
});

it('takes nothing back of what changed nothing', () => {
  for (const operation of ['adopt', 'hold', 'fail'] as const) {
    expect(planRevert({ lines: [{ ...update, operation }], current: after, isOurs: true })).toEqual({
      revert: { kind: 'nothing' },
      kept: [],
    });
  }
});

describe('laws', () => {
  it('untouched since, everything is as before; touched since, exactly the edit stays', () => {
    fc.assert(
      fc.property(arbitraryEvent(), arbitraryEvent(), arbitraryEvent(), (was, became, edited) => {
        const lines: JournalLine[] = [{ ...update, fields: changedUnits(was, became), before: was, after: became }];
        const back = planRevert({ lines, current: became, isOurs: true }).revert;
        if (back.kind === 'restore') expect(equalContent(back.content, was)).toBe(true);
        const unit = 'subject' as const;
        const current = withUnit(became, unit, edited);
        const { revert } = planRevert({ lines, current, isOurs: true });
        const result = revert.kind === 'restore' ? revert.content : current;
        if (!sameUnit(edited, became, unit)) expect(result.subject).toBe(edited.subject);
        for (const other of unitsOf(was, became)) {
          if (other !== unit) expect(sameUnit(result, was, other)).toBe(true);
        }
      }),
    );
  });
});

describe('a rule that is taken back', () => {
  const rule = aSeries({ recurrence: null });
  const special = { '2026-03-16': { isCancelled: false as const, fields: { subject: 'Special' } } };
  const made = aSeries({ occurrences: special });
  const line = { side: 'local' as const, operation: 'update' as const, fields: ['time', 'occurrence:2026-03-16'] };

  it('takes along what is said about its dates', () => {
    const { revert } = planRevert({ lines: [{ ...line, before: rule, after: made }], current: made, isOurs: true });
    expect(revert).toMatchObject({
      kind: 'restore',
      units: ['time', 'occurrence:2026-03-16'],
      content: { occurrences: {} },
    });
  });

  it('alone does so: another field leaves alone what is said about a date its rule does not give', () => {
    const astray = { '2026-03-17': { isCancelled: false as const, fields: { subject: 'Astray' } } };
    const [was, is] = ['low', 'high'].map((importance) =>
      aSeries({ importance: importance as 'low', occurrences: astray }),
    );
    const lines = [{ ...line, fields: ['importance'], before: was, after: is }];
    const { revert } = planRevert({ lines, current: is!, isOurs: true });
    expect(revert).toMatchObject({ kind: 'restore', units: ['importance'], content: { occurrences: astray } });
  });

  it('stays when somebody said something since about a date of its own', () => {
    const later = aSeries({ occurrences: { '2026-03-16': { isCancelled: false, fields: { subject: 'Newer' } } } });
    const { revert, kept } = planRevert({
      lines: [{ ...line, before: rule, after: made }],
      current: later,
      isOurs: true,
    });
    expect(revert).toEqual({ kind: 'nothing' });
    expect(kept).toContainEqual({ unit: 'time', why: 'changed-since' });
  });
});
