import { describe, expect, it } from 'vitest';
import { aGuest, anEvent, aSeries, at } from '../../test/support/events.ts';
import { type Unit, unitValue } from './canonical-event.ts';
import { ConflictResolver, type ModificationTimes } from './conflict-resolver.service.ts';
import type { EventContent } from './event.ts';
import { CONFLICT_STRATEGIES, type ConflictStrategy } from './settings.ts';
import { compareSides, type Sides, type UnitConflict } from './three-way-merge.ts';

const resolver = new ConflictResolver();
const noon = new Date('2026-03-09T12:00:00Z');
const later = new Date('2026-03-09T12:00:00.001Z');
const remoteLater: ModificationTimes = { localModifiedAt: noon, remoteModifiedAt: later };
const localLater: ModificationTimes = { localModifiedAt: later, remoteModifiedAt: noon };
const tie: ModificationTimes = { localModifiedAt: noon, remoteModifiedAt: noon };

/** Two sides that agreed on `base` and were then changed; `null`: made on both sides. */
function sidesOf(base: EventContent | null, local: EventContent, remote: EventContent): Sides {
  return { base: base && { local: base, remote: base, conflictUnits: [] }, local, remote };
}

function conflictIn(sides: Sides, unit: Unit): UnitConflict {
  const found = compareSides(sides).conflicts.find((conflict) => conflict.unit === unit);
  if (!found) throw new Error(`there is no conflict about ${unit}`);
  return found;
}

/** What one unit becomes here: a side's value, the united one, or `waits`. */
function outcome(sides: Sides, unit: Unit, strategy: ConflictStrategy, times = tie): unknown {
  const decision = resolver.decideUnit(conflictIn(sides, unit), sides, strategy, times);
  return decision.kind === 'value' ? unitValue(decision.from, unit) : decision.kind;
}

describe('UPDATE_UPDATE: both sides changed one field', () => {
  const sides = sidesOf(anEvent({ subject: 'Visit' }), anEvent({ subject: 'here' }), anEvent({ subject: 'there' }));

  it.each<[ConflictStrategy, ModificationTimes, string]>([
    ['prefer_local', remoteLater, 'local'],
    ['prefer_remote', localLater, 'remote'],
    ['prefer_latest', localLater, 'local'],
    ['prefer_latest', remoteLater, 'remote'],
    ['prefer_latest', tie, 'remote'],
    // What nobody can date gives way to what somebody can.
    ['prefer_latest', { localModifiedAt: noon }, 'local'],
    ['merge', localLater, 'wait'],
    ['manual', localLater, 'wait'],
  ])('%s, %j: %s', (strategy, times, expected) => {
    expect(outcome(sides, 'subject', strategy, times)).toBe(expected);
  });

  it.each<[string, Unit, Partial<EventContent>, Partial<EventContent>]>([
    ['start and end', 'time', { start: at('2026-03-09T08:00:00') }, { end: at('2026-03-09T11:00:00') }],
    ['zone and rule', 'time', { end: at('2026-03-09T11:00:00') }, { recurrence: aSeries().recurrence }],
    ['body', 'body', { body: { contentType: 'text', content: 'a' } }, { body: { contentType: 'text', content: 'b' } }],
    ['places', 'locations', { locations: [{ displayName: 'A' }] }, { locations: [{ displayName: 'B' }] }],
    ['reminder and its minutes', 'reminder', { isReminderOn: false }, { reminderMinutesBeforeStart: 30 }],
    ['availability', 'showAs', { showAs: 'free' }, { showAs: 'oof' }],
    ['an emptied field against a changed one', 'subject', { subject: '' }, { subject: 'there' }],
  ])('merge: %s are one thing, and wait', (_what, unit, here, there) => {
    expect(outcome(sidesOf(anEvent(), anEvent(here), anEvent(there)), unit, 'merge')).toBe('wait');
  });
});

describe('merge: sets', () => {
  const [ada, ben, eva] = ['ada@example.com', 'ben@example.com', 'eva@example.com'].map((address) => aGuest(address));
  const guests = (...attendees: (typeof ada)[]) => anEvent({ attendees: attendees.map((one) => one!) });
  const optional = (one: typeof ada) => ({ ...one!, type: 'optional' as const });
  const united = (...[base, local, remote]: EventContent[]) => {
    const result = outcome(sidesOf(base!, local!, remote!), 'attendees', 'merge');
    return Array.isArray(result)
      ? result.map(({ emailAddress, type }) => `${emailAddress.name} ${type}`).sort()
      : result;
  };

  it.each<[string, EventContent, EventContent, EventContent, unknown]>([
    ['both additions are kept', guests(), guests(ada), guests(ben), ['ada required', 'ben required']],
    ['a removal here and an addition there', guests(ada), guests(), guests(ada, ben), ['ben required']],
    ['a removal there and an addition here', guests(ada), guests(ada, ben), guests(), ['ben required']],
    ['another type there', guests(ada), guests(ada, ben), guests(optional(ada)), ['ada optional', 'ben required']],
    ['another type here', guests(ada), guests(optional(ada)), guests(ada, ben), ['ada optional', 'ben required']],
    [
      'a guest changed here is kept against the removal there',
      guests(ada),
      guests(optional(ada)),
      guests(),
      ['ada optional'],
    ],
    [
      'a guest changed there is kept against the removal here',
      guests(ada),
      guests(),
      guests(optional(ada)),
      ['ada optional'],
    ],
    [
      'one guest changed to two types waits',
      guests(ada),
      guests(optional(ada)),
      guests({ ...ada!, type: 'resource' }),
      'wait',
    ],
  ])('attendees: %s', (_what, base, local, remote, expected) => {
    expect(united(base, local, remote)).toEqual(expected);
  });

  it('knows a guest by address in any case, and one without address by name', () => {
    const shouting = aGuest('ADA@EXAMPLE.COM');
    expect(united(guests(ada), guests(ada, eva), guests(shouting, ben))).toEqual([
      'ada required',
      'ben required',
      'eva required',
    ]);
    const nameless = (name: string) => ({ type: 'required' as const, emailAddress: { name, address: '' } });
    expect(united(guests(), guests(nameless('Ada')), guests(nameless('Ben')))).toEqual([
      'Ada required',
      'Ben required',
    ]);
  });

  it('categories: additions and removals of both sides', () => {
    const named = (...categories: string[]) => anEvent({ categories });
    const sides = sidesOf(
      named('both', 'gone here', 'gone there'),
      named('both', 'gone there', 'a'),
      named('both', 'gone here', 'b'),
    );
    expect(outcome(sides, 'categories', 'merge')).toEqual(['both', 'a', 'b']);
  });

  it.each(['prefer_local', 'prefer_remote', 'manual'] as const)('are not united under %s', (strategy) => {
    const expected = { prefer_local: 'local', prefer_remote: 'remote', manual: 'wait' }[strategy];
    expect(outcome(sidesOf(guests(), guests(ada), guests(ben)), 'attendees', strategy)).toBe(expected);
  });
});

describe('merge: one date of a series', () => {
  const date = '2026-03-16';
  const unit: Unit = `occurrence:${date}`;
  type Override = EventContent['occurrences'][string] | undefined;
  const dated = (override: Override) => aSeries({ occurrences: override ? { [date]: override } : {} });
  const says = (fields: Partial<EventContent>): Override => ({ isCancelled: false, fields });
  const cancelled: Override = { isCancelled: true };

  it.each<[string, Override, Override, Override, unknown]>([
    [
      'different fields unite',
      undefined,
      says({ subject: 'a' }),
      says({ showAs: 'oof' }),
      says({ subject: 'a', showAs: 'oof' }),
    ],
    ['the same field waits', undefined, says({ subject: 'a' }), says({ subject: 'b' }), 'wait'],
    [
      'an edit there is kept against a cancellation here',
      undefined,
      cancelled,
      says({ subject: 'b' }),
      says({ subject: 'b' }),
    ],
    [
      'an edit here is kept against a cancellation there',
      undefined,
      says({ subject: 'a' }),
      cancelled,
      says({ subject: 'a' }),
    ],
    ['a cancellation against a return to the rule waits', says({ subject: 'a' }), cancelled, undefined, 'wait'],
    [
      'a field taken back here and another changed there',
      says({ subject: 'a' }),
      undefined,
      says({ subject: 'a', showAs: 'oof' }),
      says({ showAs: 'oof' }),
    ],
  ])('%s', (_what, base, local, remote, expected) => {
    expect(outcome(sidesOf(dated(base), dated(local), dated(remote)), unit, 'merge')).toEqual(expected);
  });

  it('a date and a rule that does not have it are decided together, or wait together', () => {
    const fridays = aSeries({
      start: at('2026-03-13T09:00:00'),
      end: at('2026-03-13T10:00:00'),
      recurrence: {
        pattern: { type: 'weekly', interval: 1, daysOfWeek: ['friday'] },
        range: { type: 'noEnd', startDate: '2026-03-13' },
      },
    });
    const sides = sidesOf(aSeries(), dated(says({ subject: 'a' })), fridays);
    for (const entangled of ['time', unit] as const) {
      expect(conflictIn(sides, entangled).isEntangled).toBe(true);
      expect(outcome(sides, entangled, 'merge')).toBe('wait');
      expect(outcome(sides, entangled, 'prefer_local')).toBe('local');
      expect(outcome(sides, entangled, 'prefer_latest', remoteLater)).toBe('remote');
    }
  });
});

describe('DUPLICATE_CREATE: made on both sides', () => {
  const made = (content: Partial<EventContent>) => anEvent(content);

  it.each<[string, Unit, Partial<EventContent>, Partial<EventContent>, unknown]>([
    ['what only Outlook filled in', 'body', {}, { body: { contentType: 'text', content: 'Agenda' } }, 'remote'],
    ['what only we filled in', 'locations', { locations: [{ displayName: 'Yard' }] }, {}, 'local'],
    ['a subject only one has', 'subject', { subject: '' }, { subject: 'Visit' }, 'remote'],
    [
      'guests of both',
      'attendees',
      { attendees: [aGuest('ada@example.com')] },
      { attendees: [] },
      [aGuest('ada@example.com')],
    ],
    ['categories of both', 'categories', { categories: ['a'] }, { categories: ['b'] }, ['a', 'b']],
    ['what contradicts', 'showAs', { showAs: 'free' }, { showAs: 'oof' }, 'wait'],
  ])('merge: %s', (_what, unit, here, there, expected) => {
    expect(outcome(sidesOf(null, made(here), made(there)), unit, 'merge')).toEqual(expected);
  });

  it.each<[ConflictStrategy, ModificationTimes, string]>([
    ['prefer_local', remoteLater, 'local'],
    ['prefer_remote', localLater, 'remote'],
    ['prefer_latest', localLater, 'local'],
    ['prefer_latest', tie, 'remote'],
    ['manual', localLater, 'wait'],
  ])('%s: %s', (strategy, times, expected) => {
    const sides = sidesOf(null, made({ showAs: 'free' }), made({ showAs: 'oof' }));
    expect(outcome(sides, 'showAs', strategy, times)).toBe(expected);
  });
});

describe('an edit against a deletion', () => {
  it.each<[ConflictStrategy, ModificationTimes, string]>([
    ['prefer_local', remoteLater, 'local'],
    ['prefer_remote', localLater, 'remote'],
    ['prefer_latest', localLater, 'local'],
    ['prefer_latest', remoteLater, 'remote'],
    ['prefer_latest', tie, 'remote'],
    ['prefer_latest', { localModifiedAt: noon }, 'remote'],
    ['merge', localLater, 'remote'],
    ['manual', localLater, 'wait'],
  ])('LOCAL_DELETE_REMOTE_UPDATE, %s, %j: %s', (strategy, times, expected) => {
    expect(resolver.decideLocalDeletion(strategy, times)).toBe(expected);
  });

  it.each<[ConflictStrategy, string]>([
    ['prefer_local', 'local'],
    ['prefer_remote', 'remote'],
    // When Outlook deleted is not known, so the edit counts as later.
    ['prefer_latest', 'local'],
    ['merge', 'local'],
    ['manual', 'wait'],
  ])('LOCAL_UPDATE_REMOTE_DELETE, %s: %s', (strategy, expected) => {
    expect(resolver.decideRemoteDeletion(strategy)).toBe(expected);
  });
});

describe('a person', () => {
  const base = anEvent({ subject: 'Visit', categories: [] });
  const sides = sidesOf(
    base,
    anEvent({ subject: 'here', categories: ['a'] }),
    anEvent({ subject: 'there', categories: ['b'] }),
  );
  const subject = conflictIn(sides, 'subject');

  it.each(CONFLICT_STRATEGIES)('always decides: %s leaves nothing waiting', (resolution) => {
    for (const times of [localLater, remoteLater, tie]) {
      for (const conflict of compareSides(sides).conflicts) {
        expect(resolver.decidePersonally(conflict, sides, { resolution }, times).kind).not.toBe('wait');
      }
    }
  });

  it.each<[ConflictStrategy, ModificationTimes, string]>([
    ['prefer_local', remoteLater, 'local'],
    ['prefer_remote', localLater, 'remote'],
    ['prefer_latest', localLater, 'local'],
    ['prefer_latest', tie, 'remote'],
    // What merging cannot unite goes to the side changed last.
    ['merge', localLater, 'local'],
    ['merge', remoteLater, 'remote'],
    ['manual', remoteLater, 'remote'],
  ])('%s, %j: %s', (resolution, times, expected) => {
    expect(resolver.decidePersonally(subject, sides, { resolution }, times)).toEqual({ kind: expected });
  });

  it('MERGE unites what can be united', () => {
    const decision = resolver.decidePersonally(conflictIn(sides, 'categories'), sides, { resolution: 'merge' }, tie);
    expect(decision).toMatchObject({ kind: 'value', from: { categories: ['a', 'b'] } });
  });

  it('MANUAL keeps the words given, and merges what they do not mention', () => {
    const content = anEvent({ subject: 'both' });
    const decision = { resolution: 'manual', values: { content, units: ['subject'] } } as const;
    expect(resolver.decidePersonally(subject, sides, decision, tie)).toEqual({ kind: 'value', from: content });
    expect(resolver.decidePersonally(conflictIn(sides, 'categories'), sides, decision, tie)).toMatchObject({
      kind: 'value',
      from: { categories: ['a', 'b'] },
    });
  });

  it('keeps words given under another resolution out of it', () => {
    const decision = { resolution: 'prefer_local', values: { content: anEvent(), units: ['subject'] } } as const;
    expect(resolver.decidePersonally(subject, sides, decision, tie)).toEqual({ kind: 'local' });
  });
});
