import type { FixedUnit } from './canonical-event.ts';
import type { EventContent, EventFields } from './event.ts';
import { inheritedFields } from './occurrence-fields.ts';
import { seriesEndsAt } from './recurrence.ts';
import { toInstant } from './time-zones.ts';

/** Which fields make up each unit of merging, occurrences apart. */
export const FIELDS_OF_UNIT: Record<FixedUnit, readonly (keyof EventFields)[]> = {
  subject: ['subject'],
  body: ['body'],
  time: ['start', 'end', 'isAllDay'],
  locations: ['locations'],
  attendees: ['attendees'],
  showAs: ['showAs'],
  sensitivity: ['sensitivity'],
  importance: ['importance'],
  categories: ['categories'],
  reminder: ['isReminderOn', 'reminderMinutesBeforeStart'],
  isOnlineMeeting: ['isOnlineMeeting'],
};

/** @returns the units that the given fields belong to */
export function unitsOfFields(fields: Partial<EventFields>): FixedUnit[] {
  const units = Object.entries(FIELDS_OF_UNIT) as [FixedUnit, readonly (keyof EventFields)[]][];
  return units.filter(([, names]) => names.some((name) => fields[name] !== undefined)).map(([unit]) => unit);
}

/**
 * One occurrence of a series as content of its own: what it inherits from the master, at its own date, with what its
 * override changes.
 *
 * @param originalDate  `yyyy-MM-dd` in the series' zone
 */
export function occurrenceContent(master: EventContent, originalDate: string): EventContent {
  const override = master.occurrences[originalDate];
  return {
    ...inheritedFields(master, originalDate),
    ...(override && !override.isCancelled ? override.fields : {}),
    recurrence: null,
    occurrences: {},
  };
}

/** Whether an event, or any occurrence of a series, may lie in a half-open range of instants. */
export function overlaps(content: EventContent, range: { readonly start: Date; readonly end: Date }): boolean {
  const start = startsAt(content);
  const end = content.recurrence ? seriesEndsAt(content) : toInstant(content.end);
  if (start && start >= range.end) return false;
  if (!end || end > range.start) return true;
  return start?.getTime() === end.getTime() && start >= range.start;
}

/** The first instant of a series may be that of an exception moved before all other dates. */
function startsAt(content: EventContent): Date | undefined {
  const moved = Object.values(content.occurrences).flatMap((override) =>
    content.recurrence && !override.isCancelled && override.fields.start ? [toInstant(override.fields.start)] : [],
  );
  const known = [toInstant(content.start), ...moved].filter((instant) => instant !== undefined);
  return known.sort((a, b) => a.getTime() - b.getTime())[0];
}
