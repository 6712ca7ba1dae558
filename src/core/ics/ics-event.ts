import type ICAL from 'ical.js';
import type {
  Attendee,
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
import { inZone, sameZone, toInstant } from '../time-zones.ts';
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
  const times = recurrence ? inOneZone(extent) : extent;
  const status = textOf(properties.first('STATUS'))?.toUpperCase();
  return {
    fields: {
      ...NEW_EVENT_DEFAULTS,
      ...times,
      subject: textOf(properties.first('SUMMARY')) ?? '',
      body: bodyOf(properties),
      locations: locationsOf(properties),
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

function locationsOf(properties: IcsProperties): Location[] {
  const displayName = textOf(properties.first('LOCATION'))?.trim();
  if (!displayName) return [];
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

type Reminder = Pick<EventFields, 'isReminderOn' | 'reminderMinutesBeforeStart'>;
const NO_REMINDER: Reminder = {
  isReminderOn: false,
  reminderMinutesBeforeStart: NEW_EVENT_DEFAULTS.reminderMinutesBeforeStart,
};

/** An Outlook event reminds once, some whole minutes before its start. */
function reminderOf(
  component: IcsComponent,
  times: Pick<EventFields, 'start' | 'end'>,
  isSeries: boolean,
  say: (note: string) => void,
): Reminder {
  const alarms = component.components.filter(({ name }) => name === 'VALARM').map(readProperties);
  const shown = alarms.filter(
    (alarm) => !['EMAIL', 'PROCEDURE', 'NONE'].includes(textOf(alarm.first('ACTION'))?.toUpperCase() ?? ''),
  );
  const mailed = alarms.filter((alarm) => textOf(alarm.first('ACTION'))?.toUpperCase() === 'EMAIL').length;
  if (mailed > 0) say('alarms by mail have no counterpart in Outlook and were left out');
  const minutes = shown.flatMap((alarm) => minutesBefore(alarm, times, isSeries) ?? []);
  if (minutes.length < shown.length) say('an alarm that is not some minutes before the start was left out');
  const [reminderMinutesBeforeStart] = minutes;
  if (reminderMinutesBeforeStart === undefined) return NO_REMINDER;
  if (new Set(minutes).size > 1)
    say(`of several alarms the first was kept, ${reminderMinutesBeforeStart} minutes before the start`);
  return { isReminderOn: true, reminderMinutesBeforeStart };
}

function minutesBefore(
  alarm: IcsProperties,
  { start, end }: Pick<EventFields, 'start' | 'end'>,
  isSeries: boolean,
): number | undefined {
  const trigger = alarm.first('TRIGGER');
  const value = trigger?.getFirstValue();
  const [startMs, endMs] = [toInstant(start)?.getTime(), toInstant(end)?.getTime()];
  if (!trigger || typeof value !== 'object' || value === null || startMs === undefined || endMs === undefined)
    return undefined;
  let beforeMs: number | undefined;
  if ('isNegative' in value) {
    const isFromEnd = parameterOf(trigger, 'related')?.toUpperCase() === 'END';
    beforeMs = -value.toSeconds() * 1000 - (isFromEnd ? endMs - startMs : 0);
  } else if ('isDate' in value && !isSeries) {
    const at = String(trigger.toJSON()[3]);
    // RFC 5545 wants an instant here; a wall clock of nowhere tells nothing.
    beforeMs = at.endsWith('Z') ? startMs - Date.parse(at) : undefined;
  }
  const minutes = beforeMs === undefined ? -1 : beforeMs / 60_000;
  return Number.isInteger(minutes) && minutes >= 0 && minutes <= MAX_REMINDER_MINUTES ? minutes + 0 : undefined;
}

/** Ten years; Graph takes 32 bits, and nobody means that. */
const MAX_REMINDER_MINUTES = 10 * 366 * 24 * 60;
