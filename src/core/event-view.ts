import type { EventContent, EventFields, GraphFacts, Location } from './event.ts';
import { occurrenceOn } from './recurrence.ts';

/** Graph joins the names of several places like this (user-post-events). */
const LOCATION_SEPARATOR = '; ';

/** @returns Graph's single `location`, derived from all places */
export function joinedLocation(locations: readonly Location[]): Location | null {
  const [first] = locations;
  if (!first) return null;
  if (locations.length === 1) return first;
  return { displayName: locations.map(({ displayName }) => displayName).join(LOCATION_SEPARATOR) };
}

/** The content fields of an event as the HTTP API shows them, in Graph's names and shapes. */
export function fieldsView(fields: EventFields): Record<string, unknown> {
  return {
    subject: fields.subject,
    body: fields.body,
    start: fields.start,
    end: fields.end,
    isAllDay: fields.isAllDay,
    location: joinedLocation(fields.locations),
    locations: fields.locations,
    attendees: fields.attendees,
    showAs: fields.showAs,
    sensitivity: fields.sensitivity,
    importance: fields.importance,
    categories: fields.categories,
    isReminderOn: fields.isReminderOn,
    reminderMinutesBeforeStart: fields.reminderMinutesBeforeStart,
    isOnlineMeeting: fields.isOnlineMeeting,
  };
}

export function factsView(facts: GraphFacts | undefined): Record<string, unknown> {
  return {
    organizer: facts?.organizer ? { emailAddress: facts.organizer } : null,
    isOrganizer: facts?.isOrganizer ?? true,
    isCancelled: facts?.isCancelled ?? false,
    responseStatus: facts?.responseStatus ?? null,
    webLink: facts?.webLink ?? null,
    onlineMeeting: facts?.onlineMeeting ?? null,
  };
}

/** A master's exceptions and cancelled dates, as Graph lists them. */
export function seriesView(id: string, content: EventContent): Record<string, unknown> {
  if (!content.recurrence) return {};
  const overrides = Object.entries(content.occurrences).sort(([a], [b]) => a.localeCompare(b));
  return {
    exceptionOccurrences: overrides
      .filter(([, override]) => !override.isCancelled)
      .flatMap(([date]) => {
        const occurrence = occurrenceOn(content, date);
        return occurrence ? [occurrenceView(id, date, true, occurrence.fields)] : [];
      }),
    cancelledOccurrences: overrides
      .filter(([, override]) => override.isCancelled)
      .map(([date]) => occurrenceId(id, date)),
  };
}

export function occurrenceView(
  masterId: string,
  originalDate: string,
  isException: boolean,
  fields: EventFields,
): Record<string, unknown> {
  return {
    id: occurrenceId(masterId, originalDate),
    type: isException ? 'exception' : 'occurrence',
    seriesMasterId: masterId,
    originalStart: originalDate,
    ...fieldsView(fields),
    recurrence: null,
  };
}

/** An occurrence's id in the HTTP API: `<master id>_<yyyy-MM-dd>`, its original date. */
export function occurrenceId(masterId: string, originalDate: string): string {
  return `${masterId}_${originalDate}`;
}

/** @returns master and date of an occurrence id, or `undefined` for any other id */
export function parseOccurrenceId(id: string): { masterId: string; originalDate: string } | undefined {
  const match = /^(.+)_(\d{4}-\d{2}-\d{2})$/.exec(id);
  return match?.[1] && match[2] ? { masterId: match[1], originalDate: match[2] } : undefined;
}
