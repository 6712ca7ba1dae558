import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryContent, arbitraryEdit, edited } from '../../test/support/event-edits.ts';
import { anEvent, aSeries, at } from '../../test/support/events.ts';
import { asGraphSays } from '../../test/support/graph-spelling.ts';
import { changedUnits, sameUnit, type Unit, unitsOf, unitValue } from './canonical-event.ts';
import type { EventContent } from './event.ts';
import {
  type AgreedContent,
  applyDecisions,
  compareSides,
  type Sides,
  type UnitDecision,
  wasAgreed,
} from './three-way-merge.ts';

const agreedOn = (content: EventContent, ...conflictUnits: Unit[]): AgreedContent => ({
  local: content,
  remote: asGraphSays(content, 'own fields'),
  conflictUnits,
});
const noRuleChange = () => arbitraryEdit().map((edit) => ({ ...edit, rule: null }));
const change = (content: EventContent, edit: Parameters<typeof edited>[1]) =>
  edited(content, edit, { dropsDates: false });

describe('comparing two sides', () => {
  it('puts every unit where it belongs', () => {
    const base = anEvent({ subject: 'Visit', showAs: 'busy', importance: 'normal', categories: [] });
    const local = { ...base, subject: 'here', showAs: 'oof' as const, importance: 'high' as const };
    const remote = { ...base, subject: 'there', importance: 'high' as const, categories: ['Travel'] };
    expect(compareSides({ base: agreedOn(base), local, remote })).toEqual({
      fromLocal: ['showAs'],
      fromRemote: ['categories'],
      settled: ['importance'],
      conflicts: [{ unit: 'subject', base: 'Visit', local: 'here', remote: 'there', isEntangled: false }],
    });
  });

  it('does not take Graph’s own spelling for a change', () => {
    fc.assert(
      fc.property(arbitraryContent(), (content) => {
        const base = agreedOn(content);
        const nothing = { fromLocal: [], fromRemote: [], settled: [], conflicts: [] };
        expect(compareSides({ base, local: content, remote: base.remote })).toEqual(nothing);
      }),
    );
  });

  it('finds exactly what one side changed', () => {
    fc.assert(
      fc.property(arbitraryContent(), arbitraryEdit(), (content, edit) => {
        const base = agreedOn(content);
        const local = change(content, edit);
        const nothing = { fromRemote: [], settled: [], conflicts: [] };
        expect(compareSides({ base, local, remote: base.remote })).toEqual({
          ...nothing,
          fromLocal: changedUnits(content, local),
        });
      }),
    );
  });

  it('settles what both sides changed to the same', () => {
    fc.assert(
      fc.property(arbitraryContent(), noRuleChange(), (content, edit) => {
        const local = change(content, edit);
        const sides = { base: agreedOn(content), local, remote: asGraphSays(local, 'own fields') };
        const { conflicts, settled } = compareSides(sides);
        expect(conflicts).toEqual([]);
        expect([...settled].sort()).toEqual([...changedUnits(content, local)].sort());
      }),
    );
  });

  it('has an opinion on every unit of an event made on both sides', () => {
    fc.assert(
      fc.property(arbitraryContent(), noRuleChange(), (local, edit) => {
        const remote = change(local, edit);
        const { fromLocal, fromRemote, settled, conflicts } = compareSides({ base: null, local, remote });
        expect([fromLocal, fromRemote]).toEqual([[], []]);
        expect([...settled, ...conflicts.map(({ unit }) => unit)].sort()).toEqual([...unitsOf(local, remote)].sort());
        for (const conflict of conflicts) expect(conflict.base).toBeNull();
      }),
    );
  });

  it('carries all three values of a conflict', () => {
    fc.assert(
      fc.property(arbitraryContent(), arbitraryEdit(), arbitraryEdit(), (content, here, there) => {
        const sides: Sides = {
          base: agreedOn(content),
          local: change(content, here),
          remote: change(asGraphSays(content, 'own fields'), there),
        };
        for (const conflict of compareSides(sides).conflicts) {
          expect(conflict.base).toEqual(unitValue(content, conflict.unit));
          expect(conflict.local).toEqual(unitValue(sides.local, conflict.unit));
          expect(conflict.remote).toEqual(unitValue(sides.remote, conflict.unit));
        }
      }),
    );
  });
});

describe('a rule, and a date it does not have', () => {
  const date = { '2026-03-16': { isCancelled: true as const } };
  const tuesdays = aSeries({
    start: at('2026-03-10T09:00:00'),
    end: at('2026-03-10T10:00:00'),
    recurrence: {
      pattern: { type: 'weekly', interval: 1, daysOfWeek: ['tuesday'] },
      range: { type: 'noEnd', startDate: '2026-03-10' },
    },
  });
  const single = aSeries({ recurrence: null });
  const entangled = (local: EventContent, remote: EventContent, base: EventContent = aSeries()) =>
    compareSides({ base: agreedOn(base), local, remote }).conflicts.map(({ unit, isEntangled }) => [unit, isEntangled]);
  const both = [
    ['time', true],
    ['occurrence:2026-03-16', true],
  ];

  it.each<[string, EventContent, EventContent]>([
    ['a date here, another rule there', aSeries({ occurrences: date }), tuesdays],
    ['another rule here, a date there', tuesdays, aSeries({ occurrences: date })],
    ['a date here, no series any more there', aSeries({ occurrences: date }), single],
  ])('are decided together: %s', (_what, local, remote) => {
    expect(entangled(local, remote)).toEqual(both);
  });

  it('take along what went with the old rule', () => {
    const special = { '2026-03-23': { isCancelled: false as const, fields: { subject: 'Special' } } };
    const before = aSeries({ occurrences: special });
    const there = aSeries({ occurrences: { ...special, ...date } });
    expect(entangled(tuesdays, there, before)).toEqual([...both, ['occurrence:2026-03-23', true]]);
    expect(entangled(there, tuesdays, before)).toEqual([...both, ['occurrence:2026-03-23', true]]);
  });

  it('take along what else is said about dates only one of the rules has', () => {
    const moved = { ...tuesdays, occurrences: { '2026-03-17': { isCancelled: true as const } } };
    expect(entangled(moved, aSeries({ occurrences: date }))).toEqual([...both, ['occurrence:2026-03-17', true]]);
  });

  it('take along a date that says in text what its series says in markup: nothing is left on a rule without it', () => {
    const ofSeries = { body: { contentType: 'html' as const, content: '<p>Agenda</p>' } };
    const inText = {
      isCancelled: false as const,
      fields: { body: { contentType: 'text' as const, content: 'Agenda' } },
    };
    const before = aSeries({ ...ofSeries, occurrences: { '2026-03-16': inText } });
    const moved = { ...tuesdays, ...ofSeries, occurrences: { '2026-03-17': inText } };
    const there = aSeries({ ...ofSeries, occurrences: date });
    expect(entangled(moved, there, before)).toEqual([...both, ['occurrence:2026-03-17', true]]);
    const sides = { base: agreedOn(before), local: moved, remote: there };
    const { merged } = applyDecisions(sides, compareSides(sides), () => ({ kind: 'remote' }));
    expect(merged.occurrences).toEqual(date);
  });

  it.each<[string, EventContent, EventContent]>([
    ['here', tuesdays, aSeries({ end: at('2026-03-09T12:00:00'), occurrences: date })],
    ['there', aSeries({ end: at('2026-03-09T12:00:00'), occurrences: date }), tuesdays],
  ])(
    'are decided together when the date went with the old rule %s, and the other side has one of its own',
    (_side, local, remote) => {
      expect(entangled(local, remote, aSeries({ occurrences: date }))).toEqual(both);
    },
  );

  it.each<[string, EventContent, EventContent, EventContent?]>([
    ['the new rule has the date', aSeries({ occurrences: date }), aSeries({ end: at('2026-03-09T12:00:00') })],
    [
      'what is said about the date is only what it inherits',
      single,
      aSeries({ occurrences: { '2026-03-16': { isCancelled: false, fields: { subject: 'Weekly' } } } }),
      aSeries({ occurrences: { '2026-03-16': { isCancelled: false, fields: { subject: 'Special' } } } }),
    ],
    ['the date only lost what was said about it', aSeries(), tuesdays, aSeries({ occurrences: date })],
    [
      'Exchange dropped the date with the old rule',
      aSeries({ occurrences: date }),
      tuesdays,
      aSeries({ occurrences: date }),
    ],
  ])('are not, when %s', (_what, local, remote, base) => {
    expect(entangled(local, remote, base)).toEqual([]);
  });
});

describe('carrying decisions out', () => {
  const base = anEvent({ subject: 'Visit' });
  const sides: Sides = {
    base: agreedOn(base),
    local: anEvent({ subject: 'here' }),
    remote: anEvent({ subject: 'there' }),
  };
  const carry = (decision: UnitDecision, of: Sides = sides) => applyDecisions(of, compareSides(of), () => decision);

  it.each<[string, UnitDecision, string]>([
    ['local', { kind: 'local' }, 'here'],
    ['remote', { kind: 'remote' }, 'there'],
    ['a value of its own', { kind: 'value', from: anEvent({ subject: 'both' }) }, 'both'],
  ])('%s: what is acknowledged of the other side is what Graph has', (_what, decision, subject) => {
    const { merged, agreed } = carry(decision);
    expect(merged.subject).toBe(subject);
    expect(agreed).toMatchObject({ local: { subject: 'there' }, remote: { subject: 'there' }, conflictUnits: [] });
  });

  it('waiting: neither side moves, and what was agreed on before stays', () => {
    const { merged, agreed } = carry({ kind: 'wait' });
    expect(merged.subject).toBe('here');
    expect(agreed).toMatchObject({
      local: { subject: 'Visit' },
      remote: { subject: 'Visit' },
      conflictUnits: ['subject'],
    });
  });

  it('waiting, of an event made on both sides: each side’s own value stands for what was never agreed on', () => {
    const made: Sides = { ...sides, base: null };
    const { merged, agreed } = carry({ kind: 'wait' }, made);
    expect(merged.subject).toBe('here');
    expect(agreed).toMatchObject({
      local: { subject: 'here' },
      remote: { subject: 'there' },
      conflictUnits: ['subject'],
    });
    expect(wasAgreed({ base: agreed }, 'subject')).toBe(false);
    expect(wasAgreed({ base: agreed }, 'body')).toBe(true);
    const again = { base: agreed, local: made.local, remote: made.remote };
    expect(compareSides(again).conflicts).toMatchObject([{ unit: 'subject', base: null }]);
  });

  it('asks once for every conflict, and for nothing else', () => {
    fc.assert(
      fc.property(arbitraryContent(), arbitraryEdit(), arbitraryEdit(), (content, here, there) => {
        const of: Sides = {
          base: agreedOn(content),
          local: change(content, here),
          remote: change(asGraphSays(content, 'own fields'), there),
        };
        const comparison = compareSides(of);
        const asked: Unit[] = [];
        applyDecisions(of, comparison, ({ unit }) => {
          asked.push(unit);
          return { kind: 'wait' };
        });
        expect(asked).toEqual(comparison.conflicts.map(({ unit }) => unit));
      }),
    );
  });

  it('decided for one side altogether, ends with that side', () => {
    fc.assert(
      fc.property(arbitraryContent(), arbitraryEdit(), arbitraryEdit(), (content, here, there) => {
        const base = agreedOn(content);
        const of: Sides = { base, local: change(content, here), remote: change(base.remote, there) };
        const comparison = compareSides(of);
        const { merged } = applyDecisions(of, comparison, () => ({ kind: 'remote' }));
        const kept = comparison.fromLocal;
        for (const unit of unitsOf(merged, of.remote)) {
          if (!kept.includes(unit) && !unit.startsWith('occurrence:'))
            expect(sameUnit(merged, of.remote, unit)).toBe(true);
        }
        expect(applyDecisions(of, comparison, () => ({ kind: 'local' })).agreed.conflictUnits).toEqual([]);
      }),
    );
  });
});
