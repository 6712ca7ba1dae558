import { Type } from 'typebox';
import { NOTICE_CODES } from '../../core/event-notices.ts';
import { RESPONSE_KINDS } from '../../core/event-response.ts';
import { Instant, Nullable, OneOf, QueryInstant, Strict } from './common.ts';
import { eventFields } from './event-fields.ts';

const SHOWN = eventFields('output');
const EmailAddress = SHOWN.attendees.items.properties.emailAddress;
const ResponseStatus = SHOWN.attendees.items.properties.status;

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
  pendingResponse: Nullable(
    Type.Object(
      { response: OneOf(RESPONSE_KINDS), requestedAt: Instant },
      { description: 'an answer given here that the organizer has not got yet' },
    ),
  ),
  webLink: Nullable(Type.String()),
  hasAttachments: Type.Boolean({ description: 'GET /calendar/events/{id}/attachments lists them' }),
  onlineMeeting: Nullable(Type.Object({ joinUrl: Type.Optional(Type.String()) })),
  createdDateTime: Instant,
  lastModifiedDateTime: Instant,
  syncedAt: Nullable(Instant),
  syncState: OneOf(['synced', 'pending', 'conflict', 'error']),
  held: Type.Array(Type.String(), { description: 'fields whose change notifyAttendees keeps back' }),
  notices: Type.Array(Type.Object({ code: OneOf(NOTICE_CODES), message: Type.String() }), {
    description:
      'what a person should know although nothing is wrong: ONLINE_MEETING_NOT_PROVIDED (asked for, and the calendar offers none), ' +
      'STALE_CHANGE_HELD (changed too long ago to mail guests about it now), CHANGE_HELD (notifyAttendees, the rules or the ' +
      'organizer keep it here), RESPONSE_REFUSED (Outlook did not take the answer), TIME_ZONE_UNKNOWN (Outlook names a zone ' +
      'nobody knows: the times are shown in another), EARLIER_SERIES_FIRST (a series divided off another is created in Outlook ' +
      'once that one has ended there)',
  }),
  syncError: Nullable(Type.Object({ code: Type.String(), message: Type.String() })),
  etag: Type.String({ description: 'for If-Match' }),
};

const TAKEN = eventFields('input');
const { start, end } = TAKEN;
const OPTIONAL = Type.Partial(Type.Object(TAKEN)).properties;
const readOnly = Object.keys(READ_ONLY);

export const NewEvent = Strict(
  { ...OPTIONAL, start, end, calendarId: Type.Optional(Type.String({ maxLength: 255 })) },
  { title: 'NewEvent', 'x-read-only': readOnly.filter((name) => name !== 'calendarId') },
);

export const EventPatch = Strict(OPTIONAL, { title: 'EventPatch', 'x-read-only': readOnly });

export const Response = Strict(
  {
    response: OneOf(RESPONSE_KINDS),
    comment: Type.Optional(Type.String({ maxLength: 10_000, description: 'for the organizer' })),
    sendResponse: Type.Optional(Type.Boolean({ default: true, description: 'false: the organizer is not mailed' })),
  },
  { title: 'EventResponse' },
);

const Occurrence = Type.Object({ ...SHOWN, ...READ_ONLY }, { title: 'EventOccurrence' });

export const Event = Type.Object(
  {
    ...SHOWN,
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

const Taken = (description: string) => Type.Integer({ minimum: 0, description });

export const EventBody = Type.Object(
  {
    html: Type.String({ description: 'markup that a page may show as it is' }),
    text: Type.String(),
    isReduced: Type.Boolean({ description: 'too long or too deeply nested to be looked through: shown as its text' }),
    blocked: Type.Object(
      {
        scripts: Taken('script elements and event handlers'),
        embeds: Taken('frames, objects, forms, media, drawings, styles for the page'),
        remoteImages: Taken('images whose senders would learn that they were looked at; `images=true` shows them'),
        otherImages: Taken('images that are attached, too large, or none'),
        links: Taken('links to what is no page, mail address or telephone'),
      },
      { description: 'how much was taken out' },
    ),
  },
  { title: 'EventBody' },
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
