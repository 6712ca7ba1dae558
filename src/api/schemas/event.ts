import { Type } from 'typebox';
import { Instant, Nullable, OneOf, QueryInstant, Strict } from './common.ts';

const SHOW_AS = ['free', 'tentative', 'busy', 'oof', 'workingElsewhere', 'unknown'] as const;
const SENSITIVITIES = ['normal', 'personal', 'private', 'confidential'] as const;
const IMPORTANCES = ['low', 'normal', 'high'] as const;
const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;

/** A calendar that a person keeps has no use for more, and every place costs time to check. */
const MOST_PEOPLE = 500;
const MOST_PLACES = 50;
const LONGEST_BODY = 4 * 1024 * 1024;

const DateText = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description: 'a date', examples: ['2026-03-09'] });

export const DateTimeTimeZone = Strict(
  {
    dateTime: Type.String({
      maxLength: 40,
      description: 'wall clock without offset',
      examples: ['2026-03-09T09:00:00'],
    }),
    timeZone: Type.String({ maxLength: 128, description: 'Windows or IANA name', examples: ['Europe/Berlin'] }),
  },
  { title: 'DateTimeTimeZone' },
);

const ItemBody = Strict(
  { contentType: OneOf(['text', 'html']), content: Type.String({ maxLength: LONGEST_BODY }) },
  { title: 'ItemBody' },
);

const Location = Strict(
  {
    displayName: Type.String({ maxLength: 1024 }),
    locationEmailAddress: Type.Optional(Type.String({ maxLength: 320 })),
    locationUri: Type.Optional(Type.String({ maxLength: 2048 })),
    address: Type.Optional(Type.Record(Type.String(), Type.String({ maxLength: 1024 }))),
    coordinates: Type.Optional(
      Strict({ latitude: Type.Optional(Type.Number()), longitude: Type.Optional(Type.Number()) }),
    ),
  },
  { title: 'Location' },
);

const EmailAddress = Strict(
  { name: Type.Optional(Type.String({ maxLength: 1024 })), address: Type.Optional(Type.String({ maxLength: 320 })) },
  { title: 'EmailAddress' },
);

const ResponseStatus = Strict(
  { response: Type.String(), time: Type.Optional(Type.String()) },
  { title: 'ResponseStatus', description: 'a guest’s answer; read-only, taken for what it is when sent back' },
);

const Attendee = Strict(
  {
    type: Type.Optional(OneOf(['required', 'optional', 'resource'])),
    emailAddress: EmailAddress,
    status: Type.Optional(ResponseStatus),
  },
  { title: 'Attendee' },
);

const RecurrencePattern = Strict(
  {
    type: OneOf(['daily', 'weekly', 'absoluteMonthly', 'relativeMonthly', 'absoluteYearly', 'relativeYearly']),
    interval: Type.Integer(),
    daysOfWeek: Type.Optional(Type.Array(OneOf(WEEKDAYS), { maxItems: 7 })),
    firstDayOfWeek: Type.Optional(OneOf(WEEKDAYS)),
    dayOfMonth: Type.Optional(Type.Integer()),
    month: Type.Optional(Type.Integer()),
    index: Type.Optional(OneOf(['first', 'second', 'third', 'fourth', 'last'])),
  },
  { title: 'RecurrencePattern' },
);

const RecurrenceRange = Strict(
  {
    type: OneOf(['endDate', 'noEnd', 'numbered']),
    startDate: Type.Optional(DateText),
    endDate: Type.Optional(DateText),
    numberOfOccurrences: Type.Optional(Type.Integer()),
    recurrenceTimeZone: Type.Optional(Type.String({ maxLength: 128 })),
  },
  { title: 'RecurrenceRange' },
);

const PatternedRecurrence = Strict(
  { pattern: RecurrencePattern, range: RecurrenceRange },
  { title: 'PatternedRecurrence' },
);

const WRITABLE = {
  subject: Type.String({ maxLength: 1024 }),
  body: Nullable(ItemBody),
  start: DateTimeTimeZone,
  end: DateTimeTimeZone,
  isAllDay: Type.Boolean(),
  location: Nullable(Location),
  locations: Type.Array(Location, { maxItems: MOST_PLACES }),
  attendees: Type.Array(Attendee, { maxItems: MOST_PEOPLE }),
  showAs: OneOf(SHOW_AS),
  sensitivity: OneOf(SENSITIVITIES),
  importance: OneOf(IMPORTANCES),
  categories: Type.Array(Type.String({ maxLength: 255 }), { maxItems: 100 }),
  isReminderOn: Type.Boolean(),
  reminderMinutesBeforeStart: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
  isOnlineMeeting: Type.Boolean(),
  recurrence: Nullable(PatternedRecurrence),
};

const READ_ONLY = {
  id: Type.String(),
  calendarId: Type.String(),
  graphEventId: Nullable(Type.String()),
  iCalUId: Nullable(Type.String()),
  type: OneOf(['singleInstance', 'seriesMaster', 'occurrence', 'exception']),
  seriesMasterId: Nullable(Type.String()),
  originalStart: Nullable(Type.String({ description: 'when the series’ rule has the occurrence, an instant' })),
  organizer: Nullable(Type.Object({ emailAddress: EmailAddress })),
  isOrganizer: Type.Boolean(),
  isCancelled: Type.Boolean(),
  responseStatus: Nullable(ResponseStatus),
  webLink: Nullable(Type.String()),
  onlineMeeting: Nullable(Type.Object({ joinUrl: Type.Optional(Type.String()) })),
  createdDateTime: Instant,
  lastModifiedDateTime: Instant,
  syncedAt: Nullable(Instant),
  syncState: OneOf(['synced', 'pending', 'conflict', 'error']),
  held: Type.Array(Type.String(), { description: 'fields whose change notifyAttendees keeps back' }),
  syncError: Nullable(Type.Object({ code: Type.String(), message: Type.String() })),
  etag: Type.String({ description: 'for If-Match' }),
};

const { start, end, ...others } = WRITABLE;
const OPTIONAL = {
  subject: Type.Optional(others.subject),
  body: Type.Optional(others.body),
  isAllDay: Type.Optional(others.isAllDay),
  location: Type.Optional(others.location),
  locations: Type.Optional(others.locations),
  attendees: Type.Optional(others.attendees),
  showAs: Type.Optional(others.showAs),
  sensitivity: Type.Optional(others.sensitivity),
  importance: Type.Optional(others.importance),
  categories: Type.Optional(others.categories),
  isReminderOn: Type.Optional(others.isReminderOn),
  reminderMinutesBeforeStart: Type.Optional(others.reminderMinutesBeforeStart),
  isOnlineMeeting: Type.Optional(others.isOnlineMeeting),
  recurrence: Type.Optional(others.recurrence),
};
const readOnly = Object.keys(READ_ONLY);

export const NewEvent = Strict(
  { ...OPTIONAL, start, end, calendarId: Type.Optional(Type.String({ maxLength: 255 })) },
  { title: 'NewEvent', 'x-read-only': readOnly.filter((name) => name !== 'calendarId') },
);

export const EventPatch = Strict(
  { ...OPTIONAL, start: Type.Optional(start), end: Type.Optional(end) },
  { title: 'EventPatch', 'x-read-only': readOnly },
);

const Occurrence = Type.Object({ ...WRITABLE, ...READ_ONLY }, { title: 'EventOccurrence' });

export const Event = Type.Object(
  {
    ...WRITABLE,
    ...READ_ONLY,
    exceptionOccurrences: Type.Optional(
      Type.Array(Occurrence, { description: 'of a series: dates with values of their own' }),
    ),
    cancelledOccurrences: Type.Optional(
      Type.Array(Type.String(), { description: 'of a series: ids of dates that are gone' }),
    ),
  },
  { title: 'Event' },
);

export const EventPage = Type.Object(
  { items: Type.Array(Event), nextCursor: Nullable(Type.String({ description: 'null on the last page' })) },
  { title: 'EventPage' },
);

export const EventChanges = Type.Object(
  {
    items: Type.Array(
      Type.Object({
        change: OneOf(['created', 'updated', 'deleted']),
        id: Type.String(),
        event: Type.Optional(Event),
      }),
    ),
    cursor: Type.String({ description: 'for the next call, now or in a month' }),
    hasMore: Type.Boolean(),
  },
  { title: 'EventChanges' },
);

const ImportNote = Type.Object({
  uid: Nullable(Type.String()),
  recurrenceId: Type.Optional(Type.String()),
  message: Type.String(),
});

export const ImportResult = Type.Object(
  {
    created: Type.Integer(),
    updated: Type.Integer(),
    unchanged: Type.Integer(),
    failed: Type.Integer(),
    errors: Type.Array(ImportNote),
    notes: Type.Array(ImportNote),
  },
  { title: 'ImportResult' },
);

export const TimeRange = { start: QueryInstant, end: QueryInstant };
