import { GraphError, unreadableBody } from '../http/graph-error.ts';

/**
 * The writable shape of an event, from the published v1.0 metadata (CSDL): names, types, enumerations.
 * Unknown names are refused wherever they stand; what only the service sets is accepted and ignored.
 */
type Kind =
  | 'string'
  | 'boolean'
  | 'int32'
  | 'double'
  | { enum: readonly string[]; type: string }
  | { complex: Record<string, Kind>; type: string }
  | { list: Kind }
  /** Whatever the part of the service behind it makes of it. */
  | 'open';

const enumeration = (type: string, ...names: string[]): Kind => ({ enum: names, type: `microsoft.graph.${type}` });
const complex = (type: string, properties: Record<string, Kind>): Kind => ({
  complex: properties,
  type: `microsoft.graph.${type}`,
});

const DAY_NAMES = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const dateTimeTimeZone = complex('dateTimeTimeZone', { dateTime: 'string', timeZone: 'string' });
const emailAddress = complex('emailAddress', { name: 'string', address: 'string' });
const location = complex('location', {
  displayName: 'string',
  locationEmailAddress: 'string',
  locationUri: 'string',
  locationType: enumeration(
    'locationType',
    ...['default', 'conferenceRoom', 'homeAddress', 'businessAddress', 'geoCoordinates', 'streetAddress', 'hotel'],
    ...['restaurant', 'localBusiness', 'postalAddress'],
  ),
  uniqueId: 'string',
  uniqueIdType: enumeration('locationUniqueIdType', 'unknown', 'locationStore', 'directory', 'private', 'bing'),
  address: complex('physicalAddress', {
    type: 'string',
    street: 'string',
    city: 'string',
    state: 'string',
    countryOrRegion: 'string',
    postalCode: 'string',
    postOfficeBox: 'string',
  }),
  coordinates: complex('outlookGeoCoordinates', {
    latitude: 'double',
    longitude: 'double',
    altitude: 'double',
    accuracy: 'double',
    altitudeAccuracy: 'double',
  }),
});
const responseStatus = complex('responseStatus', {
  response: enumeration(
    'responseType',
    ...['none', 'organizer', 'tentativelyAccepted', 'accepted', 'declined', 'notResponded'],
  ),
  time: 'string',
});
const onlineMeetingProvider = enumeration(
  'onlineMeetingProviderType',
  ...['unknown', 'skypeForBusiness', 'skypeForConsumer', 'teamsForBusiness'],
);
const extendedProperty = complex('singleValueLegacyExtendedProperty', { id: 'string', value: 'string' });
const multiValueProperty = complex('multiValueLegacyExtendedProperty', { id: 'string', value: { list: 'string' } });

const WRITABLE: Record<string, Kind> = {
  subject: 'string',
  body: complex('itemBody', { contentType: enumeration('bodyType', 'text', 'html'), content: 'string' }),
  start: dateTimeTimeZone,
  end: dateTimeTimeZone,
  isAllDay: 'boolean',
  recurrence: complex('patternedRecurrence', {
    // Enumerations of a pattern are checked with its numbers, as one validation.
    pattern: complex('recurrencePattern', {
      type: 'string',
      interval: 'int32',
      month: 'int32',
      dayOfMonth: 'int32',
      daysOfWeek: { list: enumeration('dayOfWeek', ...DAY_NAMES) },
      firstDayOfWeek: 'string',
      index: 'string',
    }),
    range: complex('recurrenceRange', {
      type: 'string',
      startDate: 'string',
      endDate: 'string',
      recurrenceTimeZone: 'string',
      numberOfOccurrences: 'int32',
    }),
  }),
  attendees: {
    list: complex('attendee', {
      type: enumeration('attendeeType', 'required', 'optional', 'resource'),
      status: responseStatus,
      emailAddress,
      proposedNewTime: complex('timeSlot', { start: dateTimeTimeZone, end: dateTimeTimeZone }),
    }),
  },
  location,
  locations: { list: location },
  categories: { list: 'string' },
  importance: enumeration('importance', 'low', 'normal', 'high'),
  sensitivity: enumeration('sensitivity', 'normal', 'personal', 'private', 'confidential'),
  showAs: enumeration('freeBusyStatus', 'unknown', 'free', 'tentative', 'busy', 'oof', 'workingElsewhere'),
  isReminderOn: 'boolean',
  reminderMinutesBeforeStart: 'int32',
  responseRequested: 'boolean',
  allowNewTimeProposals: 'boolean',
  hideAttendees: 'boolean',
  isOnlineMeeting: 'boolean',
  onlineMeetingProvider,
  transactionId: 'string',
  singleValueExtendedProperties: { list: extendedProperty },
  multiValueExtendedProperties: { list: multiValueProperty },
  extensions: 'open',
  attachments: 'open',
};

/** Properties that exist but belong to the service: sent values are ignored. */
const READ_ONLY = new Set([
  ...['id', 'changeKey', 'createdDateTime', 'lastModifiedDateTime', 'bodyPreview', 'hasAttachments', 'iCalUId', 'uid'],
  ...['isCancelled', 'isDraft', 'isOrganizer', 'organizer', 'originalStart', 'originalStartTimeZone'],
  ...['originalEndTimeZone', 'responseStatus', 'seriesMasterId', 'occurrenceId', 'type', 'webLink', 'onlineMeeting'],
  ...['onlineMeetingUrl', 'cancelledOccurrences', 'exceptionOccurrences', 'instances', 'calendar'],
]);

/** Every property a caller may name in `$select`, `$filter` or `$orderby`. */
export const EVENT_PROPERTIES: ReadonlySet<string> = new Set([...Object.keys(WRITABLE), ...READ_ONLY]);

/** Parameters of an event's actions, by their names in lower case: Graph takes both spellings. */
const PARAMETERS: Record<string, Kind> = {
  comment: 'string',
  sendresponse: 'boolean',
  proposednewtime: complex('timeSlot', { start: dateTimeTimeZone, end: dateTimeTimeZone }),
  torecipients: { list: complex('recipient', { emailAddress }) },
  newremindertime: dateTimeTimeZone,
};

/** @throws {GraphError} 400 `RequestBodyRead` for a value the parameter cannot have */
export function checkParameter(name: string, value: unknown): void {
  const key = name.toLowerCase();
  if (Object.hasOwn(PARAMETERS, key) && value !== undefined) convert(value, PARAMETERS[key]!);
}

export type EventInput = Record<string, unknown>;

/**
 * Checks a written event against the metadata and returns its writable part, enumerations in Graph's spelling.
 *
 * @throws {GraphError} 400 `RequestBodyRead` naming the property; `ErrorInvalidPropertySet` for what only the
 *   service sets, when that is not to be ignored
 */
export function readEventInput(body: unknown, readOnly: 'ignored' | 'refused' = 'ignored'): EventInput {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw unreadableBody('The request body is expected to be a JSON object of type microsoft.graph.event.');
  }
  const input: EventInput = {};
  for (const [name, value] of Object.entries(body)) {
    if (name.includes('@odata.')) continue;
    if (READ_ONLY.has(name)) {
      if (readOnly === 'ignored') continue;
      throw new GraphError(400, 'ErrorInvalidPropertySet', `The property '${name}' is read-only and cannot be set.`);
    }
    const kind = Object.hasOwn(WRITABLE, name) ? WRITABLE[name] : undefined;
    if (kind === undefined) throw unknownProperty(name, 'microsoft.graph.event');
    input[name] = value === null ? null : convert(value, kind);
  }
  return input;
}

function convert(value: unknown, kind: Kind): unknown {
  if (value === null || kind === 'open') return value;
  if (kind === 'string') return typeof value === 'string' ? value : refuse(value, 'Edm.String');
  if (kind === 'boolean') return typeof value === 'boolean' ? value : refuse(value, 'Edm.Boolean');
  if (kind === 'double') return typeof value === 'number' ? value : refuse(value, 'Edm.Double');
  if (kind === 'int32') return isInt32(value) ? value : refuse(value, 'Edm.Int32');
  if ('enum' in kind) {
    const found = kind.enum.find((name) => typeof value === 'string' && name.toLowerCase() === value.toLowerCase());
    return found ?? refuse(value, kind.type);
  }
  if ('list' in kind) {
    if (!Array.isArray(value)) throw unreadableBody('A collection was expected.');
    return value.map((member) => (member === null ? refuseNull() : convert(member, kind.list)));
  }
  if (typeof value !== 'object' || Array.isArray(value)) return refuse(value, kind.type);
  const converted: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value as object)) {
    if (name.includes('@odata.')) continue;
    const expected = Object.hasOwn(kind.complex, name) ? kind.complex[name] : undefined;
    if (expected === undefined) throw unknownProperty(name, kind.type);
    converted[name] = convert(member, expected);
  }
  return converted;
}

const isInt32 = (value: unknown): boolean =>
  typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 31;

function refuse(value: unknown, type: string): never {
  throw unreadableBody(`Cannot convert the literal '${String(value)}' to the expected type '${type}'.`);
}

function refuseNull(): never {
  throw unreadableBody('A null value was found in a collection whose members cannot be null.');
}

const unknownProperty = (name: string, type: string) =>
  unreadableBody(
    `The property '${name}' does not exist on type '${type}'. Make sure to only use property names that are defined by the type.`,
  );
