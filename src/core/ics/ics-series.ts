import type { EventContent, EventFields, OccurrenceOverride } from '../event.ts';
import { inheritedFields } from '../occurrence-fields.ts';
import { occursOn } from '../recurrence.ts';
import { crossedNeighbour, overrideFor } from '../series-edit.ts';
import { normalDateTime, toInstant } from '../time-zones.ts';
import { type IcsEvent, singleContent } from './ics-event.ts';
import { type IcsException, type IcsRecord, type IcsRemark, remark } from './ics-reader.ts';
import { type IcsTime, placeInSeries } from './ics-times.ts';

/** A date of a series that cannot stay in it, as an event of its own. */
export interface DetachedDate {
  readonly originalDate: string;
  readonly content: EventContent;
}

export interface AssembledSeries {
  readonly content: EventContent;
  readonly detached: readonly DetachedDate[];
  readonly errors: readonly IcsRemark[];
  readonly notes: readonly IcsRemark[];
}

/** A master from a file with everything the file says about its dates. */
export function assembleEvent(uid: string | null, master: IcsEvent, record: IcsRecord): AssembledSeries {
  const content = singleContent(master);
  const notes: IcsRemark[] = [];
  const occurrences: Record<string, OccurrenceOverride> = {};
  for (const exdate of content.recurrence ? master.exdates : []) {
    const date = dateInSeries(content, exdate);
    if (date === undefined)
      notes.push(remark(uid, undefined, 'an EXDATE names no date of the series and takes nothing out'));
    else occurrences[date] = { isCancelled: true };
  }
  const assembled = withExceptions(uid, { ...content, occurrences }, record.exceptions);
  return { ...assembled, notes: [...notes, ...assembled.notes] };
}

/** Dates from a file on a series, whether it is from the same file or was here before. */
export function withExceptions(
  uid: string | null,
  series: EventContent,
  exceptions: readonly IcsException[],
): AssembledSeries {
  const errors: IcsRemark[] = [];
  const notes: IcsRemark[] = [];
  const occurrences: Record<string, OccurrenceOverride> = { ...series.occurrences };
  const given = new Map<string, IcsException>();
  for (const exception of exceptions) {
    const date = dateInSeries(series, exception.originalTime);
    if (date === undefined) {
      errors.push(remark(uid, exception.recurrenceId, 'its RECURRENCE-ID names no date of the series'));
      continue;
    }
    given.set(date, exception);
    const override = exception.event.isCancelled
      ? ({ isCancelled: true } as const)
      : overrideFor(series, date, likeSeries(series, date, exception.event.fields));
    if (override) occurrences[date] = override;
    else delete occurrences[date];
  }
  const detached: DetachedDate[] = [];
  for (const [date, exception] of [...given].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const override = occurrences[date];
    if (!override || override.isCancelled || !override.fields.start) continue;
    const crossing = crossedNeighbour({ ...series, occurrences }, date);
    if (!crossing) continue;
    occurrences[date] = { isCancelled: true };
    detached.push({ originalDate: date, content: singleContent({ ...exception.event, recurrence: null }) });
    const message = `it was moved to ${crossing.day}, the day of another date of its series or past it (${crossing.neighbour.date}), which Outlook does not allow: it was kept as an event of its own`;
    notes.push(remark(uid, exception.recurrenceId, message));
  }
  return { content: { ...series, occurrences }, detached, errors, notes };
}

/** @returns the date of the series that a time names, by its date and, if it has one, its wall clock to the minute */
function dateInSeries({ start, isAllDay, recurrence }: EventContent, time: IcsTime): string | undefined {
  const { date, minute } = placeInSeries(time, start.timeZone);
  const isSameClock = minute === undefined || isAllDay || minute === normalDateTime(start.dateTime).slice(11, 16);
  return recurrence && isSameClock && occursOn(recurrence, date) ? date : undefined;
}

/** Times that are the series' own in another zone's words differ from them in nothing. */
function likeSeries(series: EventContent, date: string, fields: EventFields): EventFields {
  const inherited = inheritedFields(series, date);
  if (fields.isAllDay || series.isAllDay) {
    return fields.isAllDay && series.isAllDay ? { ...fields, ...inSeriesZone(series, fields) } : fields;
  }
  const isSame = (['start', 'end'] as const).every(
    (edge) => toInstant(fields[edge])?.getTime() === toInstant(inherited[edge])?.getTime(),
  );
  return isSame ? { ...fields, start: inherited.start, end: inherited.end } : fields;
}

/** Whole days are the same dates in whatever zone they are said. */
function inSeriesZone(series: EventContent, { start, end }: EventFields): Pick<EventFields, 'start' | 'end'> {
  const { timeZone } = series.start;
  return { start: { ...start, timeZone }, end: { ...end, timeZone } };
}
