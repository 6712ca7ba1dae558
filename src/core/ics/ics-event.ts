import type ICAL from 'ical.js';
import type {
  Attendee,
  DateTimeTimeZone,
  EmailAddress,
  EventContent,
  EventFields,
  Importance,
  ItemBody,
  Location,
  PatternedRecurrence,
  Sensitivity,
  ShowAs,
} from '../event.ts';
import { NEW_EVENT_DEFAULTS } from '../event.ts';
import { inZone, normalDateTime, sameZone } from '../time-zones.ts';
import { reminderOf } from './ics-alarm.ts';
import { readRule } from './ics-rule.ts';
import {
  type IcsComponent,
  type IcsProperties,
  parameterOf,
  rawValues,
  readProperties,
  refused,
  textOf,
  unescapeText,
} from './ics-text.ts';
import { type IcsTime, readExtent, readTimes } from './ics-times.ts';
import type { ZoneReader } from './ics-zones.ts';

/** One VEVENT in our terms. */
export interface IcsEvent {
  readonly fields: EventFields;
  readonly recurrence: PatternedRecurrence | null;
  /** Its times are on the clock of whoever looks at them: they were read in a zone the file does not name. */
  readonly isFloating: boolean;
  /** Dates taken out of the series. */
  readonly exdates: readonly IcsTime[];
  readonly isCancelled: boolean;
  /** Whose meeting it is, as far as the file says. */
  readonly organizer: EmailAddress | undefined;
  readonly notes: readonly string[];
}

/** What an event's time hangs on: read wrongly, it would be another event. */
const VITAL = ['DTSTART', 'DTEND', 'DURATION', 'RDATE', 'EXDATE', 'EXRULE', 'RECURRENCE-ID', 'UID'];

/** Said by the file, and without a place in an Outlook event. */
const HOMELESS = [
  'ATTACH',
  'COMMENT',
  'CONTACT',
  'CONFERENCE',
  'IMAGE',
  'RELATED-TO',
  'RESOURCES',
  'STRUCTURED-DATA',
  'URL',
];

/** @throws {SyncError} naming what of it no Outlook calendar can hold */
export function readVevent(component: IcsComponent, zones: ZoneReader): IcsEvent {
  const properties = readProperties(component);
  const notes = new Set<string>();
  const say = (note: string): void => void notes.add(note);
  const broken = VITAL.find((name) => properties.unreadable.includes(name));
  if (broken) throw refused(`${broken} is not written as RFC 5545 has it`);
  // The rule is read from its text.
  const lost = properties.unreadable.filter((name) => name !== 'RRULE');
  if (lost.length > 0) say(`lines that cannot be read were left out: ${lost.join(', ')}`);
  const homeless = HOMELESS.filter((name) => properties.all(name).some((property) => textOf(property)));
  if (homeless.length > 0) say(`these have no place in an Outlook event and were left out: ${homeless.join(', ')}`);
  const context = { properties, zones, say, isSeries: rawValues(component, 'RRULE').length > 0 };
  const extent = readExtent(context);
  const recurrence = readRecurrence(component, properties, extent, say);
  const isOfSeries = recurrence !== null || properties.has('RECURRENCE-ID');
  const times = isOfSeries ? inWholeMinutes(recurrence ? inOneZone(extent) : extent, say) : extent;
  const status = textOf(properties.first('STATUS'))?.toUpperCase();
  return {
    fields: {
      ...NEW_EVENT_DEFAULTS,
      ...times,
      subject: subjectOf(properties, say),
      body: bodyOf(properties),
      locations: locationsOf(properties, say),
      attendees: attendeesOf(properties, say),
      showAs: showAsOf(properties, status),
      sensitivity: sensitivityOf(properties),
      importance: importanceOf(properties),
      categories: categoriesOf(properties),
      ...reminderOf(component, times, recurrence !== null, say),
      isOnlineMeeting: textOf(properties.first('X-GRAPH-ISONLINEMEETING'))?.toUpperCase() === 'TRUE',
    },
    recurrence,
    isFloating: isFloating(properties),
    exdates: properties.all('EXDATE').flatMap((property) => readTimes(property, context, extent.start.timeZone)),
    isCancelled: status === 'CANCELLED',
    organizer: addressOf(properties.first('ORGANIZER')),
    notes: [...notes],
  };
}

/** Of an event that cannot be held as a whole, the same in the form `EventContent`. */
export function singleContent(event: IcsEvent): EventContent {
  return { ...event.fields, recurrence: event.recurrence, occurrences: {} };
}

function readRecurrence(
  component: IcsComponent,
  properties: IcsProperties,
  extent: Pick<EventFields, 'start' | 'isAllDay'>,
  say: (note: string) => void,
): PatternedRecurrence | null {
  if (properties.has('RDATE')) throw refused('RDATE adds dates to the rule, which no Outlook series can');
  if (properties.has('EXRULE')) throw refused('EXRULE has no counterpart in Outlook');
  const rules = rawValues(component, 'RRULE');
  if (rules.length > 1) throw refused(`it has ${rules.length} RRULEs, and an Outlook series has one`);
  const [rule] = rules;
  return rule === undefined ? null : readRule(rule, extent, say);
}

function isFloating(properties: IcsProperties): boolean {
  const start = properties.first('DTSTART');
  return start !== undefined && parameterOf(start, 'tzid') === undefined && !/z\s*$/i.test(properties.raw(start));
}

/** The occurrences of a series are moved by the wall clock, the end's along with the start's. */
function inOneZone<T extends Pick<EventFields, 'start' | 'end'>>(extent: T): T {
  const { start, end } = extent;
  return sameZone(start.timeZone, end.timeZone) ? extent : { ...extent, end: inZone(end, start.timeZone) ?? end };
}

/** Exchange knows the dates of a series by their minute (graph contract 3.1), and drops what is below it. */
function inWholeMinutes<T extends Pick<EventFields, 'start' | 'end'>>(extent: T, say: (note: string) => void): T {
  const [start, end] = [extent.start, extent.end].map((time) => ({
    ...time,
    dateTime: `${normalDateTime(time.dateTime).slice(0, 16)}:00`,
  })) as [DateTimeTimeZone, DateTimeTimeZone];
  const isSame = (['start', 'end'] as const).every(
    (edge) => normalDateTime(extent[edge].dateTime) === (edge === 'start' ? start : end).dateTime,
  );
  if (isSame) return extent;
  say('its seconds were left out: Outlook keeps the dates of a series in whole minutes');
  return { ...extent, start, end };
}

function subjectOf(properties: IcsProperties, say: (note: string) => void): string {
  const summary = (textOf(properties.first('SUMMARY')) ?? '').trim();
  if (!/[\r\n]/.test(summary)) return summary;
  say('line breaks in SUMMARY were taken for spaces: a subject in Outlook is one line');
  return summary.split(/\s*[\r\n]\s*/).join(' ');
}

function bodyOf(properties: IcsProperties): ItemBody | null {
  const html = [...properties.all('X-ALT-DESC'), ...properties.all('STYLED-DESCRIPTION')].find((property) =>
    parameterOf(property, 'fmttype')?.toLowerCase().startsWith('text/html'),
  );
  const markup = html && unescapedText(html);
  if (markup) return { contentType: 'html', content: markup };
  const text = textOf(properties.first('DESCRIPTION'));
  return text ? { contentType: 'text', content: text } : null;
}

function unescapedText(property: ICAL.Property): string {
  const value: unknown = property.getFirstValue();
  const text = typeof value === 'string' ? value : '';
  // X-ALT-DESC is of no type iCalendar knows, but everybody escapes it.
  return property.type === 'text' ? text : unescapeText(text);
}

function locationsOf(properties: IcsProperties, say: (note: string) => void): Location[] {
  const displayName = textOf(properties.first('LOCATION'))?.trim();
  if (!displayName) {
    if (properties.has('GEO')) say('GEO without a LOCATION is a place without a name, which was left out');
    return [];
  }
  const geo: unknown = properties.first('GEO')?.getFirstValue();
  const [latitude, longitude] = Array.isArray(geo) ? geo.map(Number) : [];
  const isPlace = Number.isFinite(latitude) && Number.isFinite(longitude);
  return [{ displayName, ...(isPlace ? { coordinates: { latitude: latitude ?? 0, longitude: longitude ?? 0 } } : {}) }];
}

const RESPONSES: Readonly<Record<string, string>> = {
  ACCEPTED: 'accepted',
  DECLINED: 'declined',
  TENTATIVE: 'tentativelyAccepted',
  'NEEDS-ACTION': 'notResponded',
};

/** Graph contract 1.3. */
const MAX_ATTENDEES = 500;

function attendeesOf(properties: IcsProperties, say: (note: string) => void): Attendee[] {
  const attendees = new Map<string, Attendee>();
  for (const property of properties.all('ATTENDEE')) {
    const emailAddress = addressOf(property);
    if (!emailAddress?.address) {
      say('guests without a mail address were left out');
      continue;
    }
    const response = RESPONSES[(parameterOf(property, 'partstat') ?? '').toUpperCase()];
    const key = emailAddress.address.toLowerCase();
    if (attendees.has(key)) continue;
    attendees.set(key, { type: attendeeType(property), emailAddress, ...(response ? { status: { response } } : {}) });
  }
  if (attendees.size > MAX_ATTENDEES)
    throw refused(`it has ${attendees.size} guests, and Outlook takes ${MAX_ATTENDEES}`);
  return [...attendees.values()];
}

function attendeeType(property: ICAL.Property): Attendee['type'] {
  const kind = (parameterOf(property, 'cutype') ?? '').toUpperCase();
  if (kind === 'RESOURCE' || kind === 'ROOM') return 'resource';
  const role = (parameterOf(property, 'role') ?? 'REQ-PARTICIPANT').toUpperCase();
  return role === 'OPT-PARTICIPANT' || role === 'NON-PARTICIPANT' ? 'optional' : 'required';
}

function addressOf(property: ICAL.Property | undefined): EmailAddress | undefined {
  const value = textOf(property)?.trim() ?? '';
  const mail = /^mailto:(.*)$/i.exec(value)?.[1] ?? value;
  const address = [mail, property && parameterOf(property, 'email')].find((one) =>
    /^[^\s@:]+@[^\s@]+$/.test(one ?? ''),
  );
  const name = property && parameterOf(property, 'cn');
  if (!address && !name) return undefined;
  return { ...(name ? { name } : {}), ...(address ? { address } : {}) };
}

const BUSY_STATUS: Readonly<Record<string, ShowAs>> = {
  FREE: 'free',
  TENTATIVE: 'tentative',
  BUSY: 'busy',
  OOF: 'oof',
  WORKINGELSEWHERE: 'workingElsewhere',
  UNKNOWN: 'unknown',
};

/** Outlook's own word for it knows more than RFC 5545's. */
function showAsOf(properties: IcsProperties, status: string | undefined): ShowAs {
  const busyStatus = BUSY_STATUS[(textOf(properties.first('X-MICROSOFT-CDO-BUSYSTATUS')) ?? '').toUpperCase()];
  if (busyStatus) return busyStatus;
  if (textOf(properties.first('TRANSP'))?.toUpperCase() === 'TRANSPARENT') return 'free';
  return status === 'TENTATIVE' ? 'tentative' : 'busy';
}

function sensitivityOf(properties: IcsProperties): Sensitivity {
  const own = textOf(properties.first('X-GRAPH-SENSITIVITY'))?.toLowerCase();
  if (own === 'personal') return own;
  switch ((textOf(properties.first('CLASS')) ?? '').toUpperCase()) {
    case '':
    case 'PUBLIC':
      return 'normal';
    case 'CONFIDENTIAL':
      return 'confidential';
    default:
      // What RFC 5545 wants for words it does not know.
      return 'private';
  }
}

function importanceOf(properties: IcsProperties): Importance {
  const own = textOf(properties.first('X-MICROSOFT-CDO-IMPORTANCE'))?.trim();
  if (own === '0' || own === '1' || own === '2') return (['low', 'normal', 'high'] as const)[own];
  const priority = Number(textOf(properties.first('PRIORITY')) ?? 0);
  if (priority >= 1 && priority <= 4) return 'high';
  return priority >= 6 && priority <= 9 ? 'low' : 'normal';
}

function categoriesOf(properties: IcsProperties): string[] {
  const values = properties.all('CATEGORIES').flatMap((property) => property.getValues() as unknown[]);
  const names = values.map((value) => String(value).trim()).filter((name) => name !== '');
  return [...new Set(names)];
}
