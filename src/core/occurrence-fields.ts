import type { DateTimeTimeZone, EventContent, EventFields } from './event.ts';
import { dateOfDay, dayNumber } from './rule-dates.ts';
import { datePart, isCalendarDate, normalDateTime } from './time-zones.ts';

/**
 * What one date of a series says as long as nobody changes it: the master's fields, its times moved to that date by the
 * wall clock, so that nine o'clock stays nine o'clock across a change of the clocks.
 *
 * @param originalDate  `yyyy-MM-dd` in the series' zone
 */
export function inheritedFields(master: EventContent, originalDate: string): EventFields {
  const { recurrence: _rule, occurrences: _overrides, ...fields } = master;
  const days = daysBetween(datePart(master.start.dateTime), originalDate);
  return { ...fields, start: onLaterDay(master.start, days), end: onLaterDay(master.end, days) };
}

/** @returns 0 for what is no date: a row spoilt by hand must not stop everybody else's */
export function daysBetween(from: string, to: string): number {
  if (from === to || !isCalendarDate(from) || !isCalendarDate(to)) return 0;
  return dayNumber(to) - dayNumber(from);
}

/** @returns the value itself when its date cannot be read */
export function onLaterDay(value: DateTimeTimeZone, days: number): DateTimeTimeZone {
  const normal = normalDateTime(value.dateTime);
  if (days === 0 || !isCalendarDate(datePart(normal))) return value;
  return { ...value, dateTime: `${dateOfDay(dayNumber(datePart(normal)) + days)}${normal.slice(10)}` };
}
