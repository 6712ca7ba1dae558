import { unreadableBody, validationFailure } from '../http/graph-error.ts';
import type { Pattern, Range, Recurrence } from './model.ts';
import { DAYS, firstDate, INDEXES } from './recurrence-rule.ts';
import { dateOf, parseDate, requireZone, sameZone } from './zones.ts';

const PATTERN_TYPES = ['daily', 'weekly', 'absoluteMonthly', 'relativeMonthly', 'absoluteYearly', 'relativeYearly'];
const RANGE_TYPES = ['endDate', 'noEnd', 'numbered'];

type Input = Record<string, unknown>;

/**
 * Validates a written `patternedRecurrence` and gives it the shape it is read back in: every field present,
 * the unused ones filled (0, `first`, `sunday`, `0001-01-01`).
 *
 * Fields the type does not use are validated all the same.
 *
 * @param event.zone       zone name of the event's start
 * @param event.startDates dates the range may start on: that of the event's start
 * @throws {GraphError} 400 `ErrorPropertyValidationFailure`, `TimeZoneNotSupportedException` or `RequestBodyRead`
 */
export function readRecurrence(input: Input, event: { zone: string; startDates: readonly string[] }): Recurrence {
  const pattern = readPattern(object(input['pattern']));
  const range = readRange(object(input['range']), event.zone);
  if (!event.startDates.includes(range.startDate)) throw validationFailure();
  if (!sameZone(range.recurrenceTimeZone, event.zone)) throw validationFailure();
  const recurrence = { pattern, range };
  if (firstDate(recurrence) === undefined) throw validationFailure();
  return recurrence;
}

function readPattern(input: Input): Pattern {
  const pattern: Pattern = {
    type: oneOf(PATTERN_TYPES, input['type'], undefined) as Pattern['type'],
    interval: integer(input['interval'], 0),
    month: integer(input['month'], 0),
    dayOfMonth: integer(input['dayOfMonth'], 0),
    daysOfWeek: [...new Set(list(input['daysOfWeek']).map((day) => oneOf(DAYS, day, undefined)))],
    firstDayOfWeek: oneOf(DAYS, input['firstDayOfWeek'], 'sunday'),
    index: oneOf(INDEXES, input['index'], 'first'),
  };
  if (pattern.interval < 1) throw validationFailure();
  if (pattern.month < 0 || pattern.month > 12 || pattern.dayOfMonth < 0 || pattern.dayOfMonth > 31) {
    throw validationFailure();
  }
  const { type } = pattern;
  if ((type === 'absoluteMonthly' || type === 'absoluteYearly') && pattern.dayOfMonth === 0) throw validationFailure();
  if ((type === 'absoluteYearly' || type === 'relativeYearly') && pattern.month === 0) throw validationFailure();
  if ((type === 'weekly' || type.startsWith('relative')) && pattern.daysOfWeek.length === 0) throw validationFailure();
  return pattern;
}

function readRange(input: Input, zone: string): Range {
  const type = oneOf(RANGE_TYPES, input['type'], undefined) as Range['type'];
  const startDate = date(input['startDate'], undefined);
  const endDate = date(input['endDate'], '0001-01-01');
  const numberOfOccurrences = integer(input['numberOfOccurrences'], 0);
  if (type === 'endDate' && endDate < startDate) throw validationFailure();
  if (numberOfOccurrences < 0 || (type === 'numbered' && numberOfOccurrences === 0)) throw validationFailure();
  const named = input['recurrenceTimeZone'];
  // Old items carry an empty zone, which stands for the event's.
  const recurrenceTimeZone = named === undefined || named === null || named === '' ? zone : String(named);
  requireZone(recurrenceTimeZone);
  return {
    type,
    startDate,
    endDate: type === 'endDate' ? endDate : '0001-01-01',
    recurrenceTimeZone,
    numberOfOccurrences: type === 'numbered' ? numberOfOccurrences : 0,
  };
}

function object(value: unknown): Input {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw validationFailure();
  return value as Input;
}

function list(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw unreadableBody('A collection of Microsoft.OutlookServices.DayOfWeek was expected.');
  return value;
}

function oneOf(names: readonly string[], value: unknown, fallback: string | undefined): string {
  if ((value === undefined || value === null) && fallback !== undefined) return fallback;
  const found = names.find((name) => typeof value === 'string' && name.toLowerCase() === value.toLowerCase());
  if (found === undefined) throw validationFailure();
  return found;
}

function integer(value: unknown, fallback: number): number {
  if (value === undefined || value === null) return fallback;
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw unreadableBody("Cannot convert the literal to the expected type 'Edm.Int32'.");
  }
  return value;
}

function date(value: unknown, fallback: string | undefined): string {
  if ((value === undefined || value === null) && fallback !== undefined) return fallback;
  const ms = typeof value === 'string' ? parseDate(value.slice(0, 10)) : undefined;
  if (ms === undefined) throw validationFailure();
  return dateOf(ms);
}
