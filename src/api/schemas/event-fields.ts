import { type TProperties, Type } from 'typebox';
import { Nullable, OneOf, Strict } from './common.ts';

const SHOW_AS = ['free', 'tentative', 'busy', 'oof', 'workingElsewhere', 'unknown'] as const;
const SENSITIVITIES = ['normal', 'personal', 'private', 'confidential'] as const;
const IMPORTANCES = ['low', 'normal', 'high'] as const;
const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;

/** A calendar that a person keeps has no use for more, and every place costs time to check. */
const MOST_PEOPLE = 500;
const MOST_PLACES = 50;
const LONGEST_BODY = 4 * 1024 * 1024;

/**
 * The fields a person can write, in Graph's names and shapes.
 *
 * @param side  what callers send has limits and nothing beyond what is named; what they are sent may have come from
 *   Outlook, which keeps to neither
 */
export function eventFields(side: 'input' | 'output') {
  const isInput = side === 'input';
  const text = (maxLength: number, more: { description?: string; examples?: string[] } = {}) =>
    Type.String({ ...(isInput ? { maxLength } : {}), ...more });
  const most = (maxItems: number) => (isInput ? { maxItems } : {});
  const shape = <T extends TProperties>(title: string, properties: T) =>
    isInput ? Strict(properties, { title: `${title}Input` }) : Type.Object(properties, { title });
  const date = Type.String({
    ...(isInput ? { pattern: '^\\d{4}-\\d{2}-\\d{2}$' } : {}),
    description: 'a date',
    examples: ['2026-03-09'],
  });

  const dateTimeTimeZone = shape('DateTimeTimeZone', {
    dateTime: text(40, { description: 'wall clock without offset', examples: ['2026-03-09T09:00:00'] }),
    timeZone: text(128, { description: 'Windows or IANA name', examples: ['Europe/Berlin'] }),
  });
  const location = shape('Location', {
    displayName: text(1024),
    locationEmailAddress: Type.Optional(text(320)),
    locationUri: Type.Optional(text(2048)),
    address: Type.Optional(Type.Record(Type.String(), text(1024))),
    coordinates: Type.Optional(
      shape('Coordinates', { latitude: Type.Optional(Type.Number()), longitude: Type.Optional(Type.Number()) }),
    ),
  });
  const attendee = shape('Attendee', {
    type: Type.Optional(OneOf(['required', 'optional', 'resource'])),
    emailAddress: shape('EmailAddress', { name: Type.Optional(text(1024)), address: Type.Optional(text(320)) }),
    // Read-only, and taken for what it is when a whole list of guests is sent back.
    status: Type.Optional(shape('ResponseStatus', { response: text(64), time: Type.Optional(text(64)) })),
  });
  const recurrence = shape('PatternedRecurrence', {
    pattern: shape('RecurrencePattern', {
      type: OneOf(['daily', 'weekly', 'absoluteMonthly', 'relativeMonthly', 'absoluteYearly', 'relativeYearly']),
      interval: Type.Integer(),
      daysOfWeek: Type.Optional(Type.Array(OneOf(WEEKDAYS), most(7))),
      firstDayOfWeek: Type.Optional(OneOf(WEEKDAYS)),
      dayOfMonth: Type.Optional(Type.Integer()),
      month: Type.Optional(Type.Integer()),
      index: Type.Optional(OneOf(['first', 'second', 'third', 'fourth', 'last'])),
    }),
    range: shape('RecurrenceRange', {
      type: OneOf(['endDate', 'noEnd', 'numbered']),
      startDate: Type.Optional(date),
      endDate: Type.Optional(date),
      numberOfOccurrences: Type.Optional(Type.Integer()),
      recurrenceTimeZone: Type.Optional(text(128)),
    }),
  });
  return {
    subject: text(1024),
    body: Nullable(shape('ItemBody', { contentType: OneOf(['text', 'html']), content: text(LONGEST_BODY) })),
    start: dateTimeTimeZone,
    end: dateTimeTimeZone,
    isAllDay: Type.Boolean(),
    location: Nullable(location),
    locations: Type.Array(location, most(MOST_PLACES)),
    attendees: Type.Array(attendee, most(MOST_PEOPLE)),
    showAs: OneOf(SHOW_AS),
    sensitivity: OneOf(SENSITIVITIES),
    importance: OneOf(IMPORTANCES),
    categories: Type.Array(text(255), most(100)),
    isReminderOn: Type.Boolean(),
    reminderMinutesBeforeStart: Type.Integer(isInput ? { minimum: 0, maximum: 1_000_000 } : {}),
    isOnlineMeeting: Type.Boolean(),
    recurrence: Nullable(recurrence),
  };
}
