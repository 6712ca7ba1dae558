import type { Event as PublishedEvent } from '@microsoft/microsoft-graph-types';
import type { FixedUnit, Unit } from '../core/canonical-event.ts';
import type { DateTimeTimeZone, EventContent, Location, PatternedRecurrence } from '../core/event.ts';
import { FIELDS_OF_UNIT } from '../core/series.ts';
import { datePart, normalDateTime } from '../core/time-zones.ts';

/** Between Graph's `event` and our content: what is written here, what is read in `graph-event-reader.ts`. */

export { fromWire, seriesFromWire, type WireEvent } from './graph-event-reader.ts';

const ALL_UNITS = Object.keys(FIELDS_OF_UNIT) as FixedUnit[];

/** Graph refuses a property it does not know, so the compiler holds every name against the published schema. */
type EventBody = Partial<Record<keyof PublishedEvent, unknown>>;

/** The body of a POST: everything there is to say, guests only when they may be invited. */
export function toCreateBody(
  content: EventContent,
  how: { transactionId: string; sendAttendees: boolean },
): Record<string, unknown> {
  const units = ALL_UNITS.filter((unit) => !isSilentDefault(content, unit));
  return { ...toUpdateBody(content, units, how), transactionId: how.transactionId };
}

/**
 * The body of a PATCH: only the fields of the given units, so that what was not changed survives untouched.
 *
 * @param how.endsSeries  the event was a series at Graph and is to be a single event
 */
export function toUpdateBody(
  content: EventContent,
  units: readonly Unit[],
  how: { sendAttendees: boolean; endsSeries?: boolean },
): Record<string, unknown> {
  const body: EventBody = {};
  for (const unit of ALL_UNITS.filter((known) => units.includes(known))) {
    if (unit === 'attendees' && !how.sendAttendees) continue;
    Object.assign(body, writeUnit(content, unit, how.endsSeries ?? false));
  }
  return body;
}

function writeUnit(content: EventContent, unit: FixedUnit, endsSeries: boolean): EventBody {
  switch (unit) {
    case 'subject':
      return { subject: content.subject };
    case 'body':
      return { body: content.body ?? { contentType: 'text', content: '' } };
    case 'time':
      return writeTime(content, endsSeries);
    case 'locations':
      return writeLocations(content.locations);
    case 'attendees':
      return { attendees: content.attendees.map(({ type, emailAddress }) => ({ type, emailAddress })) };
    case 'categories':
      return { categories: content.categories };
    case 'reminder': {
      const { isReminderOn, reminderMinutesBeforeStart } = content;
      return { isReminderOn, reminderMinutesBeforeStart };
    }
    case 'isOnlineMeeting':
      return content.isOnlineMeeting
        ? { isOnlineMeeting: true, onlineMeetingProvider: 'teamsForBusiness' }
        : { isOnlineMeeting: false };
    case 'showAs':
    case 'sensitivity':
    case 'importance':
      return { [unit]: content[unit] };
  }
}

/**
 * Start, end, all-day and rule belong together: Graph refuses a rule whose zone or first day is not the event's, and whole
 * days, which are mere dates, in two zones.
 */
function writeTime(content: EventContent, endsSeries: boolean): EventBody {
  const { recurrence, isAllDay } = content;
  const cut = (value: DateTimeTimeZone): DateTimeTimeZone =>
    // Exchange keys occurrences at whole minutes.
    recurrence ? { ...value, dateTime: `${normalDateTime(value.dateTime).slice(0, 16)}:00` } : value;
  return {
    start: cut(content.start),
    end: cut(isAllDay ? { ...content.end, timeZone: content.start.timeZone } : content.end),
    isAllDay,
    ...(recurrence
      ? { recurrence: writeRecurrence(recurrence, content.start) }
      : endsSeries
        ? { recurrence: null }
        : {}),
  };
}

function writeRecurrence({ pattern, range }: PatternedRecurrence, start: DateTimeTimeZone): Record<string, unknown> {
  // RFC 5545 counts weeks from Monday, Graph from Sunday: it is always said.
  const withFirstDay =
    pattern.type === 'weekly' ? { ...pattern, firstDayOfWeek: pattern.firstDayOfWeek ?? 'sunday' } : pattern;
  return {
    pattern: withFirstDay,
    range: { ...range, startDate: datePart(start.dateTime), recurrenceTimeZone: start.timeZone },
  };
}

/** Writing `location` replaces all places; several have to be written as `locations`. */
function writeLocations(locations: readonly Location[]): EventBody {
  if (locations.length > 1) return { locations };
  return { location: locations[0] ?? { displayName: '' } };
}

/** What Graph fills in by itself exactly so need not be sent with a new event. */
function isSilentDefault(content: EventContent, unit: FixedUnit): boolean {
  switch (unit) {
    case 'body':
      return content.body === null;
    case 'locations':
      return content.locations.length === 0;
    case 'attendees':
      return content.attendees.length === 0;
    case 'categories':
      return content.categories.length === 0;
    case 'isOnlineMeeting':
      return !content.isOnlineMeeting;
    default:
      return false;
  }
}
