import { describe, expect, it } from 'vitest';
import { aGuest, aSeries, at } from '../../test/support/events.ts';
import type { EventContent, EventFields } from './event.ts';
import { withoutIdleDates, withSilencedDates } from './idle-dates.ts';
import { planOutgoing } from './outgoing-change.ts';
import type { ConflictStrategy } from './settings.ts';
import { planEvent } from './sync-plan.ts';

const DATE = '2026-03-16';
const says = (fields: Partial<EventFields>) => ({ [DATE]: { isCancelled: false as const, fields } });
const agreed = aSeries({ showAs: 'oof', occurrences: says({ subject: 'Special', showAs: 'free' }) });
/** The series came to say what its date says, which fell silent about it. */
const silenced = aSeries({ showAs: 'free', occurrences: says({ subject: 'Special' }) });
const tuesdays = {
  start: at('2026-03-10T09:00:00'),
  end: at('2026-03-10T10:00:00'),
  recurrence: {
    pattern: { type: 'weekly', interval: 1, daysOfWeek: ['tuesday'] },
    range: { type: 'noEnd', startDate: '2026-03-10' },
  },
} satisfies Partial<EventContent>;

function planned(local: EventContent, remote: EventContent, strategy: ConflictStrategy) {
  const base = { local: agreed, remote: agreed, conflictUnits: [] };
  const sides = {
    local: { state: 'present' as const, content: local },
    remote: { state: 'present' as const, content: remote },
  };
  const plan = planEvent({ base, ...sides, strategy });
  if (plan.base.kind !== 'save') throw new Error('two present sides always agree on something');
  return { plan, merged: plan.local.kind === 'write' ? plan.local.content : local, now: plan.base.agreed };
}

describe('a series that comes to say what one of its dates says', () => {
  it('is no change of that date: another rule there, which does not have the date, is followed', () => {
    const { plan, merged } = planned(silenced, aSeries({ showAs: 'oof', ...tuesdays }), 'prefer_local');
    expect(plan.conflict).toBeUndefined();
    expect(merged).toMatchObject({ ...tuesdays, showAs: 'free', occurrences: {} });
  });

  it('leaves the date what it says where the other side’s change of the series prevails', () => {
    const remote = { ...agreed, showAs: 'tentative' as const };
    const { plan, merged } = planned(silenced, remote, 'prefer_remote');
    expect(plan.conflict?.units).toEqual(['showAs']);
    expect(merged).toMatchObject({ showAs: 'tentative', occurrences: says({ subject: 'Special', showAs: 'free' }) });
    expect(plan.isPushNeeded).toBe(false);
  });

  it('while that waits, has nothing to send of the date', () => {
    const { plan, now } = planned(silenced, { ...agreed, showAs: 'tentative' }, 'manual');
    expect([plan.isPushNeeded, now.conflictUnits]).toEqual([false, ['showAs']]);
    const change = planOutgoing({ content: silenced, agreed: now, facts: undefined, policy: 'all' });
    expect([change.units, change.occurrences, change.held]).toEqual([[], [], []]);
  });

  it('while that is held, has nothing to send of the date either', () => {
    const attendees = [aGuest('ada@example.com')];
    const before = { ...agreed, attendees };
    const base = { local: before, remote: before, conflictUnits: [] };
    const change = planOutgoing({
      content: { ...silenced, attendees },
      agreed: base,
      facts: undefined,
      policy: 'never',
    });
    expect([change.occurrences, change.held]).toEqual([[], ['showAs']]);
  });

  it('by a merge, takes from its dates what they say alike, and from what is agreed on', () => {
    const local = { ...agreed, occurrences: says({ subject: 'Special', showAs: 'tentative' }) };
    const { merged, now } = planned(local, { ...agreed, showAs: 'tentative' }, 'merge');
    expect([merged.showAs, merged.occurrences]).toEqual(['tentative', says({ subject: 'Special' })]);
    expect(now.local.occurrences).toEqual(agreed.occurrences);
    const renamed = { ...agreed, subject: 'Special', occurrences: says({ showAs: 'free' }) };
    const reset = planned({ ...agreed, occurrences: {} }, renamed, 'merge');
    expect(reset.plan.conflict).toBeUndefined();
    expect([reset.merged.subject, reset.merged.occurrences]).toEqual(['Special', {}]);
    expect(reset.now.local.occurrences).toEqual(says({ showAs: 'free' }));
  });
});

describe('dates of their own', () => {
  it('are left as they are when each says only what differs, or is cancelled', () => {
    const cancelled = aSeries({ occurrences: { [DATE]: { isCancelled: true } } });
    const single = aSeries({ recurrence: null });
    for (const content of [agreed, silenced, cancelled, single]) expect(withoutIdleDates(content)).toBe(content);
    expect(withoutIdleDates(aSeries({ occurrences: says({ subject: 'Weekly' }) })).occurrences).toEqual({});
  });

  it.each<[string, EventContent]>([
    ['what they were changed to', { ...agreed, occurrences: says({ subject: 'Special', showAs: 'busy' }) }],
    ['nothing, of what the series does not say', { ...agreed, occurrences: says({ subject: 'Special' }) }],
    ['that they are cancelled', { ...silenced, occurrences: { [DATE]: { isCancelled: true } } }],
    ['nothing, off the rule', { ...silenced, ...tuesdays, occurrences: {} }],
  ])('go on saying %s', (_what, now) => {
    expect(withSilencedDates(agreed, now)).toBe(now);
  });

  it('say again what only their series’ change silenced', () => {
    expect(withSilencedDates(agreed, silenced).occurrences).toEqual(agreed.occurrences);
    expect(withSilencedDates(agreed, silenced, (unit) => unit === 'subject')).toBe(silenced);
  });
});
