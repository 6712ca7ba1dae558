import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aGuest,
  anAllDayEvent,
  anEvent,
  arbitraryEvent,
  arbitrarySeries,
  aSeries,
  at,
} from '../../test/support/events.ts';
import { asGraphSays } from '../../test/support/graph-spelling.ts';
import {
  adoptionKey,
  canonicalEvent,
  changedUnits,
  equalContent,
  sameUnit,
  type Unit,
  unchangedUnit,
  unitsOf,
  unitValue,
  withUnit,
} from './canonical-event.ts';
import type { EventContent, RecurrencePattern, RecurrenceRange } from './event.ts';

const arbitraryContent = () => fc.oneof(arbitraryEvent(), arbitrarySeries());

describe('units', () => {
  it('cover the whole content: taking them all over makes one event the other', () => {
    fc.assert(
      fc.property(arbitraryContent(), arbitraryContent(), (a, b) => {
        const made = unitsOf(a, b).reduce((content, unit) => withUnit(content, unit, b), a);
        expect(made).toEqual(b);
      }),
    );
  });

  it('do not overlap: taking one over changes nothing else', () => {
    fc.assert(
      fc.property(arbitraryEvent(), arbitraryEvent(), (a, b) => {
        for (const unit of unitsOf(a, b)) {
          const made = withUnit(a, unit, b);
          expect(unitValue(made, unit)).toEqual(unitValue(b, unit));
          for (const other of unitsOf(a, b)) {
            if (other !== unit) expect(unitValue(made, other)).toEqual(unitValue(a, other));
          }
        }
      }),
    );
  });

  it('list every overridden date of any of the contents, once', () => {
    const a = aSeries({ occurrences: { '2026-03-16': { isCancelled: true } } });
    const b = aSeries({ occurrences: { '2026-03-09': { isCancelled: true }, '2026-03-16': { isCancelled: true } } });
    expect(unitsOf(a, b).slice(-2)).toEqual(['occurrence:2026-03-09', 'occurrence:2026-03-16']);
  });
});

describe('laws', () => {
  it('an event is its own equal, also after a trip through JSON', () => {
    fc.assert(
      fc.property(arbitraryContent(), (content) => {
        const copy = JSON.parse(JSON.stringify(content)) as EventContent;
        expect(changedUnits(content, copy)).toEqual([]);
        expect(equalContent(content, copy)).toBe(true);
      }),
    );
  });

  it('what did not change on one side is the same across sides', () => {
    fc.assert(
      fc.property(arbitraryContent(), arbitraryContent(), (a, b) => {
        for (const unit of unitsOf(a, b)) {
          if (unchangedUnit(a, b, unit)) expect(sameUnit(a, b, unit)).toBe(true);
        }
      }),
    );
  });

  it('comparing is symmetric', () => {
    fc.assert(
      fc.property(arbitraryContent(), arbitraryContent(), (a, b) => {
        expect(changedUnits(a, b)).toEqual(changedUnits(b, a));
        expect(equalContent(a, b)).toBe(equalContent(b, a));
      }),
    );
  });

  it('equal events have one printable form and one adoption key', () => {
    fc.assert(
      fc.property(arbitraryContent(), (content) => {
        const back = asGraphSays(answered(content));
        expect(canonicalEvent(back)).toEqual(canonicalEvent(content));
        expect(adoptionKey(back)).toBe(adoptionKey(content));
        expect(changedUnits(content, back)).toEqual([]);
      }),
    );
  });
});

/** Guests answer without anybody changing the event. */
function answered(content: EventContent): EventContent {
  const status = { response: 'tentativelyAccepted', time: '2026-01-01T00:00:00Z' };
  return { ...content, attendees: content.attendees.map((attendee) => ({ ...attendee, status })) };
}

describe('a change of one thing changes one unit', () => {
  const edits: [Unit, Partial<EventContent>][] = [
    ['subject', { subject: 'Retro' }],
    ['body', { body: { contentType: 'text', content: 'Bring samples' } }],
    ['time', { end: at('2026-03-09T11:00:00') }],
    ['time', { start: at('2026-03-09T09:00:01') }],
    ['time', { start: at('2026-03-09T08:00:00', 'Europe/London'), end: at('2026-03-09T09:00:00', 'Europe/London') }],
    ['locations', { locations: [{ displayName: 'Room 1' }] }],
    ['attendees', { attendees: [aGuest('ada@example.com')] }],
    ['showAs', { showAs: 'oof' }],
    ['sensitivity', { sensitivity: 'private' }],
    ['importance', { importance: 'high' }],
    ['categories', { categories: ['Red category'] }],
    ['reminder', { isReminderOn: false }],
    ['reminder', { reminderMinutesBeforeStart: 30 }],
    ['isOnlineMeeting', { isOnlineMeeting: true }],
  ];

  it.each(edits)('%s: %j', (unit, edit) => {
    expect(changedUnits(anEvent(), anEvent(edit))).toEqual([unit]);
  });

  it.each<[string, Partial<EventContent>, Partial<EventContent>]>([
    [
      "a guest's answer",
      { attendees: [aGuest('a@example.com', { status: { response: 'none' } })] },
      { attendees: [aGuest('a@example.com', { status: { response: 'accepted' } })] },
    ],
    [
      "a guest's display name",
      { attendees: [aGuest('a@example.com')] },
      { attendees: [aGuest('A@Example.com', { emailAddress: { address: 'A@Example.com', name: 'Ada' } })] },
    ],
    [
      'minutes of a reminder that is off',
      { isReminderOn: false, reminderMinutesBeforeStart: 15 },
      { isReminderOn: false, reminderMinutesBeforeStart: 0 },
    ],
    ['a fraction of a second', { start: at('2026-03-09T09:00:00') }, { start: at('2026-03-09T09:00:00.1230000') }],
    [
      'fillers of a place',
      { locations: [{ displayName: 'Yard' }] },
      {
        locations: [
          {
            displayName: 'Yard ',
            locationUri: '',
            address: { street: '', type: 'unknown' },
            coordinates: { latitude: 0, longitude: 0 },
          },
        ],
      },
    ],
    [
      'the zone label of a whole day',
      { isAllDay: true, start: at('2026-03-09T00:00:00'), end: at('2026-03-10T00:00:00') },
      {
        isAllDay: true,
        start: at('2026-03-09T00:00:00.0000000', 'UTC'),
        end: at('2026-03-10T00:00:00.0000000', 'UTC'),
      },
    ],
  ])('%s is no change', (_what, before, after) => {
    expect(changedUnits(anEvent(before), anEvent(after))).toEqual([]);
  });

  it.each<[string, Partial<EventContent>, Partial<EventContent>]>([
    [
      'the address of a place',
      { locations: [{ displayName: 'Yard', address: { city: 'Berlin' } }] },
      { locations: [{ displayName: 'Yard', address: { city: 'Oslo' } }] },
    ],
    [
      'the coordinates of a place',
      { locations: [{ displayName: 'Yard' }] },
      { locations: [{ displayName: 'Yard', coordinates: { latitude: 52.5, longitude: 13.4 } }] },
    ],
    [
      'several places joined into one name',
      { locations: [{ displayName: 'A' }, { displayName: 'B' }] },
      { locations: [{ displayName: 'A; B' }] },
    ],
    [
      'markup a reader does not see',
      { body: { contentType: 'html', content: '<p>Hi</p>' } },
      { body: { contentType: 'html', content: '<p><span>Hi</span></p>' } },
    ],
    [
      'the zone of a single event at the same instant',
      { start: at('2026-03-09T09:00:00') },
      { start: at('2026-03-09T08:00:00', 'UTC') },
    ],
  ])('%s is a change within one side, but the same across sides', (_what, before, after) => {
    expect(changedUnits(anEvent(before), anEvent(after))).toHaveLength(1);
    expect(equalContent(anEvent(before), anEvent(after))).toBe(true);
  });

  it('takes a type of guest for part of the guest', () => {
    const before = anEvent({ attendees: [aGuest('a@example.com')] });
    expect(changedUnits(before, anEvent({ attendees: [aGuest('a@example.com', { type: 'optional' })] }))).toEqual([
      'attendees',
    ]);
  });

  it('keeps an all-day event apart from one from midnight to midnight', () => {
    const timed = anAllDayEvent({ isAllDay: false });
    expect(equalContent(anAllDayEvent(), timed)).toBe(false);
  });

  it('sees a whole day moved', () => {
    const moved = anAllDayEvent({ start: at('2026-03-10T00:00:00'), end: at('2026-03-11T00:00:00') });
    expect(changedUnits(anAllDayEvent(), moved)).toEqual(['time']);
  });
});

describe('a series', () => {
  const withRule = (pattern: Partial<RecurrencePattern>, range: Partial<RecurrenceRange> = {}) => {
    const { recurrence } = aSeries();
    return aSeries({
      recurrence: recurrence && {
        pattern: { ...recurrence.pattern, ...pattern },
        range: { ...recurrence.range, ...range },
      },
    });
  };

  it.each<[string, EventContent]>([
    ['the first day of the week when every week is meant', withRule({ firstDayOfWeek: 'sunday' })],
    ['numbers its type does not use', withRule({ dayOfMonth: 9, month: 3, index: 'last' })],
    ['an end its range does not use', withRule({}, { endDate: '0001-01-01', numberOfOccurrences: 0 })],
    ['the zone of the rule', withRule({}, { recurrenceTimeZone: 'W. Europe Standard Time' })],
    ['seconds, as Exchange keeps whole minutes', aSeries({ start: at('2026-03-09T09:00:12.865') })],
  ])('does not change with %s', (_what, after) => {
    expect(changedUnits(aSeries(), after)).toEqual([]);
  });

  it.each<[string, EventContent]>([
    ['its days', withRule({ daysOfWeek: ['monday', 'friday'] })],
    ['its interval', withRule({ interval: 2 })],
    ['its end', withRule({}, { type: 'numbered', numberOfOccurrences: 5 })],
    [
      'its zone, even at the same instant',
      aSeries({ start: at('2026-03-09T08:00:00', 'UTC'), end: at('2026-03-09T09:00:00', 'UTC') }),
    ],
    ['becoming a single event', aSeries({ recurrence: null })],
  ])('changes with %s', (_what, after) => {
    expect(changedUnits(aSeries(), after)).toEqual(['time']);
    expect(sameUnit(aSeries(), after, 'time')).toBe(false);
  });

  it('depends on the first day of the week when every second week is meant', () => {
    const before = withRule({ interval: 2, firstDayOfWeek: 'monday' });
    expect(changedUnits(before, withRule({ interval: 2, firstDayOfWeek: 'sunday' }))).toEqual(['time']);
    const { firstDayOfWeek: _left, ...pattern } = withRule({ interval: 2 }).recurrence!.pattern;
    const unnamed = aSeries({ recurrence: { pattern, range: aSeries().recurrence!.range } });
    expect(changedUnits(unnamed, withRule({ interval: 2, firstDayOfWeek: 'sunday' }))).toEqual([]);
  });

  const moved = { start: at('2026-03-16T11:00:00'), end: at('2026-03-16T12:00:00') };
  const withException = (fields: Partial<EventContent>) =>
    aSeries({ occurrences: { '2026-03-16': { isCancelled: false, fields } } });

  it('does not change with an exception that says what its date inherits', () => {
    const regular = { subject: 'Weekly', start: at('2026-03-16T09:00:00.0000000'), end: at('2026-03-16T10:00:00') };
    expect(changedUnits(aSeries(), withException(regular))).toEqual([]);
    expect(changedUnits(aSeries(), withException({}))).toEqual([]);
  });

  it('changes at one date with a moved, a rewritten and a cancelled one', () => {
    const unit: Unit = 'occurrence:2026-03-16';
    expect(changedUnits(aSeries(), withException(moved))).toEqual([unit]);
    expect(changedUnits(aSeries(), withException({ subject: 'Special' }))).toEqual([unit]);
    expect(changedUnits(aSeries(), aSeries({ occurrences: { '2026-03-16': { isCancelled: true } } }))).toEqual([unit]);
  });

  it('has exceptions equal that say the same by more or fewer fields', () => {
    const full = { ...moved, subject: 'Weekly', showAs: 'busy', locations: [] } as const;
    expect(changedUnits(withException(moved), withException(full))).toEqual([]);
    const startOnly = withException({ start: at('2026-03-16T09:30:00') });
    const both = withException({ start: at('2026-03-16T09:30:00'), end: at('2026-03-16T10:00:00') });
    expect(changedUnits(startOnly, both)).toEqual([]);
  });

  it('keeps nothing of its dates once it is a single event', () => {
    const single = { ...withException(moved), recurrence: null };
    expect(changedUnits(anEvent({ subject: 'Weekly' }), single)).toEqual([]);
  });

  it('survives an overridden date that is none', () => {
    const spoilt = aSeries({ occurrences: { nonsense: { isCancelled: false, fields: { subject: 'x' } } } });
    expect(changedUnits(aSeries(), spoilt)).toEqual(['occurrence:nonsense']);
  });
});

describe('adoptionKey', () => {
  const facts = { isOrganizer: true, isCancelled: false, organizer: { address: 'me@example.com' } };

  it('joins the same event recorded on both sides', () => {
    const here = anEvent({ subject: 'Zahnarzt ', body: { contentType: 'text', content: 'x' } });
    const there = anEvent({
      subject: 'zahnarzt',
      start: at('2026-03-09T08:00:00', 'UTC'),
      end: at('2026-03-09T09:00:00', 'UTC'),
    });
    expect(adoptionKey(there, facts)).toBe(adoptionKey(here));
  });

  it.each<[string, EventContent]>([
    ['another time', anEvent({ start: at('2026-03-09T09:30:00') })],
    ['another subject', anEvent({ subject: 'Retro' })],
    ['a rule', anEvent({ recurrence: aSeries().recurrence })],
    ['a whole day', anEvent({ isAllDay: true })],
  ])('keeps apart what differs in %s', (_what, other) => {
    expect(adoptionKey(other)).not.toBe(adoptionKey(anEvent()));
  });

  it("keeps somebody else's meeting apart from our own event", () => {
    const invitation = { ...facts, isOrganizer: false, organizer: { address: 'Boss@example.com' } };
    expect(adoptionKey(anEvent(), invitation)).not.toBe(adoptionKey(anEvent(), facts));
  });
});
