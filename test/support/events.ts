import fc from 'fast-check';
import {
  type Attendee,
  type DateTimeTimeZone,
  type DayOfWeek,
  type EventContent,
  type EventFields,
  type ItemBody,
  type Location,
  NEW_EVENT_DEFAULTS,
  type OccurrenceOverride,
  type PatternedRecurrence,
  type RecurrencePattern,
} from '../../src/core/event.ts';
import { inheritedFields, onLaterDay } from '../../src/core/occurrence-fields.ts';
import { datesBetween, firstOccurrenceDate } from '../../src/core/recurrence.ts';

/** An hour on a Monday in Berlin; a test says only what matters to it. */
export function anEvent(overrides: Partial<EventContent> = {}): EventContent {
  return {
    ...NEW_EVENT_DEFAULTS,
    subject: 'Standup',
    start: at('2026-03-09T09:00:00'),
    end: at('2026-03-09T10:00:00'),
    ...overrides,
  };
}

/** Every Monday at nine in Berlin from 9 March 2026, without end. */
export function aSeries(overrides: Partial<EventContent> = {}): EventContent {
  return anEvent({
    subject: 'Weekly',
    recurrence: {
      pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' },
      range: { type: 'noEnd', startDate: '2026-03-09' },
    },
    ...overrides,
  });
}

/** One whole day, 9 March 2026. */
export function anAllDayEvent(overrides: Partial<EventContent> = {}): EventContent {
  return anEvent({
    subject: 'Fair',
    isAllDay: true,
    start: at('2026-03-09T00:00:00'),
    end: at('2026-03-10T00:00:00'),
    ...overrides,
  });
}

export function at(dateTime: string, timeZone = 'Europe/Berlin'): DateTimeTimeZone {
  return { dateTime, timeZone };
}

export function aGuest(address: string, overrides: Partial<Attendee> = {}): Attendee {
  return { type: 'required', emailAddress: { address, name: address.split('@')[0] ?? address }, ...overrides };
}

/** Names of both families, whole and half hours, both hemispheres, and zones without daylight saving. */
export const SOME_ZONES = [
  'UTC',
  'Europe/Berlin',
  'W. Europe Standard Time',
  'Pacific Standard Time',
  'America/New_York',
  'Asia/Kolkata',
  'Tokyo Standard Time',
  'Australia/Sydney',
  'Newfoundland Standard Time',
] as const;

const SUBJECTS = [
  'Standup',
  'Kundentermin Müller',
  '打ち合わせ',
  '🎂 Geburtstag',
  'اجتماع',
  'Zahnarzt – 9 Uhr',
  '',
  'a & b <c>',
];

export function arbitraryZone(): fc.Arbitrary<string> {
  return fc.constantFrom(...SOME_ZONES);
}

export function arbitrarySubject(): fc.Arbitrary<string> {
  return fc.oneof(fc.constantFrom(...SUBJECTS), fc.string({ unit: 'grapheme', maxLength: 40 }));
}

export function arbitraryBody(): fc.Arbitrary<ItemBody | null> {
  const line = fc.constantFrom(
    'Agenda',
    'Bring samples',
    'Grüße',
    '第三会議室',
    '1 < 2 & 3',
    'see https://example.com/a',
  );
  const lines = fc.array(line, { minLength: 1, maxLength: 4 });
  return fc.oneof(
    fc.constant(null),
    lines.map((words): ItemBody => ({ contentType: 'text', content: words.join('\n') })),
    lines.map((words): ItemBody => ({ contentType: 'html', content: words.map(asParagraph).join('') })),
  );
}

function asParagraph(text: string): string {
  return `<p>${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</p>`;
}

export function arbitraryLocation(): fc.Arbitrary<Location> {
  const displayName = fc.constantFrom('Room 1', 'Besprechung 3. OG', '会議室', 'Café', 'Yard');
  return fc.record(
    {
      displayName,
      locationEmailAddress: fc.constantFrom('room1@example.com', 'room2@example.com'),
      address: fc.record({
        street: fc.constantFrom('Hauptstr. 1', '1 Main St'),
        city: fc.constantFrom('Berlin', 'Oslo'),
      }),
      coordinates: fc.record({ latitude: fc.constantFrom(52.5, -33.8), longitude: fc.constantFrom(13.4, 151.2) }),
    },
    { requiredKeys: ['displayName'] },
  );
}

export function arbitraryAttendee(): fc.Arbitrary<Attendee> {
  return fc
    .tuple(
      fc.constantFrom('ada', 'ben', 'chris', 'dörte', 'eva'),
      fc.constantFrom<Attendee['type'][]>('required', 'optional', 'resource'),
      fc.constantFrom('none', 'accepted', 'declined'),
    )
    .map(([name, type, response]) => ({ ...aGuest(`${name}@example.com`), type, status: { response } }));
}

/** The fields that neither times nor recurrence depend on. */
export function arbitraryDetails(): fc.Arbitrary<Omit<EventFields, 'start' | 'end' | 'isAllDay'>> {
  return fc.record({
    subject: arbitrarySubject(),
    body: arbitraryBody(),
    locations: fc.uniqueArray(arbitraryLocation(), { maxLength: 3, selector: ({ displayName }) => displayName }),
    attendees: fc.uniqueArray(arbitraryAttendee(), { maxLength: 4, selector: (one) => one.emailAddress.address }),
    showAs: fc.constantFrom('free', 'tentative', 'busy', 'oof', 'workingElsewhere'),
    sensitivity: fc.constantFrom('normal', 'personal', 'private', 'confidential'),
    importance: fc.constantFrom('low', 'normal', 'high'),
    categories: fc.uniqueArray(fc.constantFrom('Red category', 'Kunde', '重要', 'Travel'), { maxLength: 3 }),
    isReminderOn: fc.boolean(),
    reminderMinutesBeforeStart: fc.constantFrom(0, 5, 15, 1080),
    isOnlineMeeting: fc.boolean(),
  });
}

type Times = Pick<EventFields, 'start' | 'end' | 'isAllDay'>;

/** Within two years around 2026, on quarter hours; up to five hours, or up to three whole days. */
export function arbitraryTimes(): fc.Arbitrary<Times> {
  const day = fc.integer({ min: 0, max: 730 });
  const timed = fc.tuple(day, fc.integer({ min: 0, max: 95 }), fc.integer({ min: 0, max: 20 }), arbitraryZone());
  const allDay = fc.tuple(day, fc.integer({ min: 1, max: 3 }), arbitraryZone());
  return fc.oneof(
    { weight: 4, arbitrary: timed.map(([date, quarter, length, zone]) => timedFrom(date, quarter, length, zone)) },
    {
      weight: 1,
      arbitrary: allDay.map(([date, days, zone]) => {
        const start = onLaterDay(at('2025-06-01T00:00:00', zone), date);
        return { start, end: onLaterDay(start, days), isAllDay: true };
      }),
    },
  );
}

function timedFrom(date: number, quarter: number, length: number, zone: string): Times {
  const start = onLaterDay(at(`2025-06-01T${clock(quarter)}`, zone), date);
  const endQuarter = quarter + length;
  const end = onLaterDay(at(`2025-06-01T${clock(endQuarter % 96)}`, zone), date + Math.floor(endQuarter / 96));
  return { start, end, isAllDay: false };
}

function clock(quarter: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(Math.floor(quarter / 4))}:${two((quarter % 4) * 15)}:00`;
}

/** A single event of any kind. */
export function arbitraryEvent(): fc.Arbitrary<EventContent> {
  return fc
    .tuple(arbitraryDetails(), arbitraryTimes())
    .map(([details, times]) => ({ ...details, ...times, recurrence: null, occurrences: {} }));
}

const DAYS: readonly DayOfWeek[] = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];

/** All six pattern types, within what Graph takes. */
export function arbitraryPattern(): fc.Arbitrary<RecurrencePattern> {
  const interval = fc.integer({ min: 1, max: 4 });
  const daysOfWeek = fc.subarray([...DAYS], { minLength: 1, maxLength: 5 });
  const firstDayOfWeek = fc.constantFrom<DayOfWeek[]>('sunday', 'monday');
  const dayOfMonth = fc.integer({ min: 1, max: 31 });
  const month = fc.integer({ min: 1, max: 12 });
  const index = fc.constantFrom(
    'first' as const,
    'second' as const,
    'third' as const,
    'fourth' as const,
    'last' as const,
  );
  return fc.oneof(
    fc.record({ type: fc.constant('daily' as const), interval }),
    fc.record({ type: fc.constant('weekly' as const), interval, daysOfWeek, firstDayOfWeek }),
    fc.record({ type: fc.constant('absoluteMonthly' as const), interval, dayOfMonth }),
    fc.record({ type: fc.constant('relativeMonthly' as const), interval, daysOfWeek, index }),
    fc.record({ type: fc.constant('absoluteYearly' as const), interval: fc.constant(1), dayOfMonth, month }),
    fc.record({ type: fc.constant('relativeYearly' as const), interval: fc.constant(1), daysOfWeek, index, month }),
  );
}

/** A rule whose first date is the one given to its range, as Exchange keeps it. */
export function arbitraryRecurrence(startDate: string): fc.Arbitrary<PatternedRecurrence> {
  const range = fc.oneof(
    fc.constant({ type: 'noEnd' as const }),
    fc.integer({ min: 1, max: 30 }).map((numberOfOccurrences) => ({ type: 'numbered' as const, numberOfOccurrences })),
    fc.integer({ min: 0, max: 400 }).map((days) => ({ type: 'endDate' as const, endDate: dayAfter(startDate, days) })),
  );
  return fc.tuple(arbitraryPattern(), range).map(([pattern, rest]) => ({ pattern, range: { ...rest, startDate } }));
}

function dayAfter(date: string, days: number): string {
  return onLaterDay(at(`${date}T00:00:00`), days).dateTime.slice(0, 10);
}

/** A series that occurs on its start date, with cancelled, moved and rewritten dates. */
export function arbitrarySeries(): fc.Arbitrary<EventContent> {
  return arbitraryEvent()
    .chain((single) => fc.tuple(fc.constant(single), arbitraryRecurrence(single.start.dateTime.slice(0, 10))))
    .filter(([, recurrence]) => firstOccurrenceDate(recurrence) !== undefined)
    .map(([single, recurrence]) => startingOnRule(single, recurrence))
    .chain((series) => arbitraryOverrides(series).map((occurrences) => ({ ...series, occurrences })));
}

function startingOnRule(single: EventContent, recurrence: PatternedRecurrence): EventContent {
  const first = firstOccurrenceDate(recurrence) ?? recurrence.range.startDate;
  const times = inheritedFields(single, first);
  return {
    ...single,
    start: times.start,
    end: times.end,
    recurrence: { ...recurrence, range: { ...recurrence.range, startDate: first } },
  };
}

function arbitraryOverrides(series: EventContent): fc.Arbitrary<Record<string, OccurrenceOverride>> {
  const { recurrence } = series;
  if (!recurrence) return fc.constant({});
  const first = recurrence.range.startDate;
  const dates = datesBetween(recurrence, first, dayAfter(first, 200)).slice(0, 12);
  return fc
    .subarray(dates, { maxLength: Math.min(3, dates.length) })
    .chain((chosen) =>
      fc.tuple(...chosen.map((date) => arbitraryOverride(series, date).map((one) => [date, one] as const))),
    )
    .map((entries) => Object.fromEntries(entries));
}

/** Cancelled, or other words, or an hour later on its own day. */
function arbitraryOverride(series: EventContent, date: string): fc.Arbitrary<OccurrenceOverride> {
  const { start, end } = inheritedFields(series, date);
  const rewritten = fc.record(
    { subject: arbitrarySubject(), body: arbitraryBody(), showAs: fc.constantFrom('free' as const, 'oof' as const) },
    { requiredKeys: [] },
  );
  const moved = fc.constant(series.isAllDay ? {} : { start: later(start), end: later(end) });
  return fc.oneof(
    fc.constant<OccurrenceOverride>({ isCancelled: true }),
    fc.oneof(rewritten, moved).map((fields): OccurrenceOverride => ({ isCancelled: false, fields })),
  );
}

function later({ dateTime, timeZone }: DateTimeTimeZone): DateTimeTimeZone {
  const minutes = dateTime.slice(14, 16) === '45' ? '50' : '47';
  return { dateTime: `${dateTime.slice(0, 14)}${minutes}:00`, timeZone };
}
