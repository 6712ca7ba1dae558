import type { DateTimeTimeZone, PatternedRecurrence, RecurrencePattern } from '../core/event.ts';
import { list, members, oneOf, text, type WireEvent } from './wire-values.ts';

/** Graph's `patternedRecurrence` without the fillers it sends for members the type does not use (graph contract 3.1). */
export function readRecurrence(value: unknown): PatternedRecurrence | null {
  const rule = members(value);
  if (!rule['pattern'] || !rule['range']) return null;
  const pattern = members(rule['pattern']);
  const range = members(rule['range']);
  const rangeType = oneOf(['endDate', 'noEnd', 'numbered'], range['type'], 'noEnd');
  const zone = text(range['recurrenceTimeZone']);
  return {
    pattern: readPattern(pattern),
    range: {
      type: rangeType,
      startDate: text(range['startDate']),
      ...(rangeType === 'endDate' ? { endDate: text(range['endDate']) } : {}),
      ...(rangeType === 'numbered' ? { numberOfOccurrences: count(range['numberOfOccurrences']) } : {}),
      ...(zone ? { recurrenceTimeZone: zone } : {}),
    },
  };
}

const TYPES = ['daily', 'weekly', 'absoluteMonthly', 'relativeMonthly', 'absoluteYearly', 'relativeYearly'] as const;
const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;
const INDEXES = ['first', 'second', 'third', 'fourth', 'last'] as const;

function readPattern(pattern: WireEvent): RecurrencePattern {
  const type = oneOf(TYPES, pattern['type'], 'daily');
  const isWeekly = type === 'weekly';
  const isRelative = type.startsWith('relative');
  const days = list(pattern['daysOfWeek']).map((day) => text(day).toLowerCase());
  return {
    type,
    interval: count(pattern['interval']),
    ...(isWeekly || isRelative ? { daysOfWeek: DAYS.filter((day) => days.includes(day)) } : {}),
    ...(isWeekly ? { firstDayOfWeek: oneOf(DAYS, pattern['firstDayOfWeek'], 'sunday') } : {}),
    ...(type.startsWith('absolute') ? { dayOfMonth: count(pattern['dayOfMonth']) } : {}),
    ...(type.endsWith('Yearly') ? { month: count(pattern['month']) } : {}),
    ...(isRelative ? { index: oneOf(INDEXES, pattern['index'], 'first') } : {}),
  };
}

/** Zero is how Graph writes "unused"; a number the type does use is 1 at least. */
function count(value: unknown): number {
  return typeof value === 'number' && value >= 1 ? Math.floor(value) : 1;
}

/** The rule and its event speak of one zone, whatever families the two names are of. */
export function withZone(recurrence: PatternedRecurrence, start: DateTimeTimeZone): PatternedRecurrence {
  return { ...recurrence, range: { ...recurrence.range, recurrenceTimeZone: start.timeZone } };
}
