import { describe, expect, it } from 'vitest';
import { aGuest, anEvent, aSeries, at } from '../../test/support/events.ts';
import { TwoSides } from '../../test/support/two-sides.ts';
import type { EventContent, PatternedRecurrence } from './event.ts';

const visit = anEvent({ subject: 'Visit' });
const named =
  (subject: string) =>
  (content: EventContent): EventContent => ({ ...content, subject });
const contentOf = ({ local, remote }: TwoSides) =>
  [local, remote].map((side) => side.state === 'present' && side.content);

/** A conflict about the subject that waits. */
function waiting(): TwoSides {
  const sides = TwoSides.agreedOn(visit);
  sides.edit('local', named('here'));
  sides.edit('remote', named('there'));
  sides.sync('merge');
  return sides;
}

describe('while a conflict waits', () => {
  it('each side keeps its own value', () => {
    const sides = waiting();
    expect(contentOf(sides)).toMatchObject([{ subject: 'here' }, { subject: 'there' }]);
    expect(sides.records).toMatchObject([{ type: 'UPDATE_UPDATE', status: 'pending', units: ['subject'] }]);
  });

  it('every other field keeps flowing, both ways', () => {
    const sides = waiting();
    sides.edit('local', (content) => ({ ...content, showAs: 'oof' }));
    sides.edit('remote', (content) => ({ ...content, locations: [{ displayName: 'Yard' }] }));
    sides.sync('merge');
    for (const content of contentOf(sides)) {
      expect(content).toMatchObject({ showAs: 'oof', locations: [{ displayName: 'Yard' }] });
    }
    expect(sides.base?.conflictUnits).toEqual(['subject']);
  });

  it('further edits of the field bring the record up to date, with what was agreed on before', () => {
    const sides = waiting();
    sides.edit('local', named('here again'));
    sides.sync('merge');
    sides.edit('remote', named('there again'));
    sides.sync('merge');
    const [before, middle, after] = sides.records;
    expect(before).toMatchObject({
      base: { subject: 'Visit' },
      local: { subject: 'here' },
      remote: { subject: 'there' },
    });
    expect(middle).toMatchObject({ base: { subject: 'Visit' }, local: { subject: 'here again' } });
    expect(after).toMatchObject({
      base: { subject: 'Visit' },
      local: { subject: 'here again' },
      remote: { subject: 'there again' },
    });
  });

  it('a second field joins the record', () => {
    const sides = waiting();
    sides.edit('local', (content) => ({ ...content, importance: 'high' }));
    sides.edit('remote', (content) => ({ ...content, importance: 'low' }));
    sides.sync('merge');
    expect(sides.records.at(-1)?.units).toEqual(['subject', 'importance']);
    expect(sides.base?.conflictUnits).toEqual(['subject', 'importance']);
  });

  it('another strategy decides it, and the record keeps what lost', () => {
    const sides = waiting();
    sides.sync('prefer_local');
    expect(contentOf(sides)).toMatchObject([{ subject: 'here' }, { subject: 'here' }]);
    expect(sides.records.at(-1)).toMatchObject({ status: 'decided', remote: { subject: 'there' } });
  });
});

describe('a conflict ends by itself', () => {
  it.each<[string, 'local' | 'remote', string]>([
    ['the other side’s words', 'local', 'there'],
    ['our words', 'remote', 'here'],
  ])('when both sides hold the same: %s', (_what, side, subject) => {
    const sides = waiting();
    sides.edit(side, named(subject));
    sides.sync('merge');
    expect(sides.base?.conflictUnits).toEqual([]);
    expect(sides.records).toHaveLength(1);
    expect(contentOf(sides)).toMatchObject([{ subject }, { subject }]);
  });

  it.each<[string, 'local' | 'remote', string]>([
    ['ours', 'local', 'there'],
    ['theirs', 'remote', 'here'],
  ])('when one change is taken back: %s, and the other one then is the only one', (_what, side, subject) => {
    const sides = waiting();
    sides.edit(side, named('Visit'));
    sides.sync('merge');
    expect(contentOf(sides)).toMatchObject([{ subject }, { subject }]);
    expect(sides.base?.conflictUnits).toEqual([]);
  });

  it('when both are taken back', () => {
    const sides = waiting();
    sides.edit('local', named('Visit'));
    sides.edit('remote', named('Visit'));
    expect(sides.sync('merge')).toBe(false);
    expect(sides.base?.conflictUnits).toEqual([]);
  });

  it('when the event is gone on both sides', () => {
    const sides = waiting();
    sides.delete('local');
    sides.delete('remote');
    sides.sync('merge');
    expect(sides.base).toBeNull();
  });
});

describe('a deletion that waits', () => {
  it('of ours: the event stays there, is not deleted, and its record follows the edits', () => {
    const sides = TwoSides.agreedOn(visit);
    sides.delete('local');
    sides.edit('remote', named('there'));
    sides.sync('manual');
    sides.edit('remote', (content) => ({ ...content, showAs: 'oof' }));
    sides.sync('manual');
    expect(sides.remote.state).toBe('present');
    expect(sides.records.at(-1)).toMatchObject({
      type: 'LOCAL_DELETE_REMOTE_UPDATE',
      status: 'pending',
      units: ['subject', 'showAs'],
      remote: { subject: 'there', showAs: 'oof' },
    });
  });

  it('of theirs: the event stays here, and is not made there again', () => {
    const sides = TwoSides.agreedOn(visit);
    sides.delete('remote');
    sides.edit('local', named('here'));
    sides.sync('manual');
    expect([sides.local.state, sides.remote.state]).toEqual(['present', 'deleted']);
    expect(sides.records.at(-1)).toMatchObject({ type: 'LOCAL_UPDATE_REMOTE_DELETE', status: 'pending' });
  });

  it('is done once the edit has been taken back', () => {
    const sides = TwoSides.agreedOn(visit);
    sides.delete('local');
    sides.edit('remote', named('there'));
    sides.sync('manual');
    sides.edit('remote', named('Visit'));
    sides.sync('manual');
    expect([sides.local.state, sides.remote.state]).toEqual(['absent', 'absent']);
  });

  it('takes over a conflict that waited already', () => {
    const sides = waiting();
    sides.delete('local');
    sides.sync('manual');
    expect(sides.records.at(-1)).toMatchObject({ type: 'LOCAL_DELETE_REMOTE_UPDATE', units: ['subject'] });
  });
});

describe('what was made on both sides', () => {
  const twice = () =>
    TwoSides.madeTwice(
      anEvent({ ...visit, showAs: 'free', attendees: [aGuest('ada@example.com')] }),
      anEvent({ ...visit, showAs: 'oof', attendees: [aGuest('ben@example.com')] }),
    );

  it('stays so until it is decided: nothing about it was ever agreed on', () => {
    const sides = twice();
    sides.sync('manual');
    sides.edit('local', (content) => ({ ...content, showAs: 'tentative' }));
    sides.sync('manual');
    for (const record of sides.records) {
      expect(record).toMatchObject({ type: 'DUPLICATE_CREATE', base: null, units: ['attendees', 'showAs'] });
    }
    expect(sides.records.at(-1)?.local).toMatchObject({ showAs: 'tentative' });
  });

  it('loses no guest when a person merges it later', () => {
    const sides = twice();
    sides.sync('manual');
    sides.decide({ resolution: 'merge' });
    for (const content of contentOf(sides)) {
      expect(content).toMatchObject({ attendees: { length: 2 } });
    }
  });
});

describe('a rule moved on one side, and a date of the old rule changed on the other', () => {
  const fridays: PatternedRecurrence = {
    pattern: { type: 'weekly', interval: 1, daysOfWeek: ['friday'] },
    range: { type: 'noEnd', startDate: '2026-03-13' },
  };
  const toFridays = (content: EventContent): EventContent => ({
    ...content,
    start: at('2026-03-13T09:00:00'),
    end: at('2026-03-13T10:00:00'),
    recurrence: fridays,
    occurrences: {},
  });
  const special = (content: EventContent): EventContent => ({
    ...content,
    occurrences: { ...content.occurrences, '2026-03-16': { isCancelled: false, fields: { subject: 'Special' } } },
  });

  it.each([
    ['local', 'remote'],
    ['remote', 'local'],
  ] as const)('wait together: the rule %s, the date %s', (rule, date) => {
    const sides = TwoSides.agreedOn(aSeries());
    sides.edit(rule, toFridays);
    sides.edit(date, special);
    sides.sync('merge');
    expect(sides.records.at(-1)).toMatchObject({ status: 'pending', units: ['time', 'occurrence:2026-03-16'] });
    sides.sync('merge');
    expect(sides.base?.conflictUnits).toEqual(['time', 'occurrence:2026-03-16']);
    sides.decide({ resolution: rule === 'local' ? 'prefer_local' : 'prefer_remote' });
    sides.sync('merge');
    for (const content of contentOf(sides)) {
      expect(content).toMatchObject({ recurrence: { pattern: { daysOfWeek: ['friday'] } }, occurrences: {} });
    }
  });

  it('go together the way the strategy says, and the record keeps the rest', () => {
    const sides = TwoSides.agreedOn(aSeries());
    sides.edit('remote', toFridays);
    sides.edit('local', special);
    sides.sync('prefer_local');
    for (const content of contentOf(sides)) {
      expect(content).toMatchObject({
        recurrence: { pattern: { daysOfWeek: ['monday'] } },
        occurrences: { '2026-03-16': { fields: { subject: 'Special' } } },
      });
    }
    expect(sides.records.at(-1)).toMatchObject({ status: 'decided', remote: { recurrence: fridays } });
  });

  it('do not touch each other when the new rule has the date as well', () => {
    const sides = TwoSides.agreedOn(aSeries());
    sides.edit('remote', (content) => ({ ...content, end: at('2026-03-09T12:00:00') }));
    sides.edit('local', special);
    sides.sync('manual');
    expect(sides.records).toEqual([]);
  });
});
