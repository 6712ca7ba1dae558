import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aGuest,
  anEvent,
  arbitraryDetails,
  arbitraryEvent,
  arbitrarySeries,
  aSeries,
  at,
} from '../../test/support/events.ts';
import { refusal } from '../../test/support/refusal.ts';
import { changedUnits } from './canonical-event.ts';
import { type EventContent, NEW_EVENT_DEFAULTS, type PatternedRecurrence } from './event.ts';
import { createContent, type EventInput, patchContent } from './event-input.ts';

const times = { start: at('2026-03-09T09:00:00'), end: at('2026-03-09T10:00:00') };
const mondays: PatternedRecurrence = {
  pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'] },
  range: { type: 'noEnd', startDate: '2026-03-09' },
};

const rule = (pattern: Partial<PatternedRecurrence['pattern']>, range: Partial<PatternedRecurrence['range']> = {}) => ({
  ...times,
  recurrence: { pattern: { ...mondays.pattern, ...pattern }, range: { ...mondays.range, ...range } },
});

describe('creating', () => {
  it('needs nothing but a start and an end', () => {
    expect(createContent(times)).toEqual({ ...NEW_EVENT_DEFAULTS, ...times });
    expect(refusal(() => createContent({ subject: 'x' }))).toEqual({
      code: 'invalid-input',
      problems: [
        expect.stringMatching(/^start: is required, e\.g\. \{ "dateTime"/),
        expect.stringMatching(/^end: is required/),
      ],
    });
  });

  it('keeps every field a person may write, and nothing else', () => {
    fc.assert(
      fc.property(arbitraryEvent(), (event) => {
        const { occurrences: _none, ...input } = event;
        const noise = { id: '1', etag: 'W/"1"', subject2: 'x', occurrences: { '2026-03-09': { isCancelled: true } } };
        expect(createContent({ ...noise, ...input } as EventInput)).toEqual(event);
      }),
    );
  });

  it('reads times in every spelling', () => {
    const spelled = { start: at('2026-03-09 09:00'), end: at('2026-03-09T10:00:00.0000000') };
    expect(createContent(spelled)).toMatchObject(times);
  });

  it('takes guests for required ones, and their answers as given', () => {
    const [first, second] = createContent({
      ...times,
      attendees: [
        { emailAddress: { address: 'ada@example.com' }, status: { response: 'accepted' } },
        { emailAddress: { address: 'ben@example.com' }, type: 'optional' },
      ],
    }).attendees;
    expect(first).toMatchObject({ type: 'required', status: { response: 'accepted' } });
    expect(second).toMatchObject({ type: 'optional' });
  });

  it.each<[string, EventInput, string[]]>([
    ['one place', { location: { displayName: 'Yard' } }, ['Yard']],
    ['several', { locations: [{ displayName: 'A' }, { displayName: 'B' }] }, ['A', 'B']],
    ['no place', { location: null }, []],
    [
      'both, as an event is read',
      { location: { displayName: 'A; B' }, locations: [{ displayName: 'A' }, { displayName: 'B' }] },
      ['A', 'B'],
    ],
    ['one place and an empty list', { location: { displayName: 'Yard' }, locations: [] }, ['Yard']],
  ])('takes %s', (_what, input, names) => {
    expect(createContent({ ...times, ...input }).locations.map(({ displayName }) => displayName)).toEqual(names);
  });

  it('starts a rule with the event when it does not say where it starts', () => {
    const { startDate: _left, ...range } = mondays.range;
    const unsaid = { ...times, recurrence: { ...mondays, range } } as EventInput;
    expect(createContent(unsaid).recurrence).toEqual(mondays);
  });

  it('begins a series with its first occurrence, as Exchange does', () => {
    const created = createContent(rule({ daysOfWeek: ['thursday'] }));
    expect(created).toMatchObject({
      start: at('2026-03-12T09:00:00'),
      end: at('2026-03-12T10:00:00'),
      recurrence: { range: { startDate: '2026-03-12' } },
    });
  });
});

describe('changing', () => {
  it('changes nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(arbitraryEvent(), arbitrarySeries()), arbitraryDetails(), (current, details) => {
        for (const field of Object.keys(details) as (keyof typeof details)[]) {
          const patched = patchContent(current, { [field]: details[field] });
          expect(patched).toEqual({ ...current, [field]: patched[field] });
          if (field !== 'attendees') expect(patched[field]).toEqual(details[field]);
        }
        expect(patchContent(current, {})).toEqual(current);
      }),
    );
  });

  it('changes nothing when an event is sent back as it was', () => {
    fc.assert(
      fc.property(fc.oneof(arbitraryEvent(), arbitrarySeries()), (current) => {
        const { occurrences: _computed, ...fields } = current;
        expect(changedUnits(current, patchContent(current, fields))).toEqual([]);
      }),
    );
  });

  it('renames an event whose time nobody here would accept', () => {
    const custom = anEvent({ start: at('2026-03-09T09:00:00', 'tzone://Microsoft/Custom') });
    expect(patchContent(custom, { subject: 'Named' })).toEqual({ ...custom, subject: 'Named' });
    expect(refusal(() => patchContent(custom, { end: times.end })).problems).toEqual([
      expect.stringMatching(/^start\.timeZone/),
    ]);
  });

  it('judges the whole event when its time changes', () => {
    expect(refusal(() => patchContent(anEvent(), { start: at('2026-03-09T11:00:00') })).problems).toEqual([
      'end: must not be before start',
    ]);
    expect(refusal(() => patchContent(anEvent(), { isAllDay: true })).problems).toHaveLength(3);
  });

  it('keeps the answers of guests who stay on the list', () => {
    const current = anEvent({ attendees: [aGuest('ada@example.com', { status: { response: 'accepted' } })] });
    const given = [{ emailAddress: { address: 'Ada@Example.com' } }, { emailAddress: { address: 'ben@example.com' } }];
    const [ada, ben] = patchContent(current, { attendees: given }).attendees;
    expect(ada?.status).toEqual({ response: 'accepted' });
    expect(ben?.status).toBeUndefined();
  });

  const two = anEvent({ locations: [{ displayName: 'A' }, { displayName: 'B' }] });
  it.each<[string, EventContent, EventInput, string[]]>([
    ['a place replaces all', two, { location: { displayName: 'C' } }, ['C']],
    ['sent back as read, both stay', two, { location: { displayName: 'A; B' }, locations: two.locations }, ['A', 'B']],
    ['sent back with another single place', two, { location: { displayName: 'C' }, locations: two.locations }, ['C']],
    [
      'sent back with another list',
      two,
      { location: { displayName: 'A; B' }, locations: [{ displayName: 'C' }] },
      ['C'],
    ],
    ['no place', two, { location: null }, []],
  ])('%s', (_what, current, input, names) => {
    expect(patchContent(current, input).locations.map(({ displayName }) => displayName)).toEqual(names);
  });

  it('turns an event into a series, and back', () => {
    const { startDate: _left, ...range } = mondays.range;
    const series = patchContent(anEvent(), { recurrence: { ...mondays, range } as PatternedRecurrence });
    expect(series.recurrence).toEqual(mondays);
    const dated = { ...series, occurrences: { '2026-03-16': { isCancelled: true } as const } };
    expect(patchContent(dated, { recurrence: null })).toEqual(anEvent());
  });

  it('may move a series that Outlook began before its first occurrence', () => {
    const odd = aSeries({ recurrence: { ...mondays, range: { ...mondays.range, startDate: '2026-03-07' } } });
    const later = patchContent(odd, { start: at('2026-03-09T11:00:00'), end: at('2026-03-09T12:00:00') });
    expect(later.recurrence?.range.startDate).toBe('2026-03-09');
    expect(patchContent(odd, { subject: 'Named' }).recurrence).toEqual(odd.recurrence);
  });
});
