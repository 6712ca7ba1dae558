import type { EventContent } from './event.ts';
import { occurrenceContent } from './series.ts';
import { toInstant } from './time-zones.ts';

/**
 * The order in which changed dates of one series can be written one after the other: Exchange checks every single write
 * against where the neighbours stand at that moment (`ErrorOccurrenceCrossingBoundary`, graph contract 3.2). So what is
 * cancelled makes room first; what moves later goes from the last to the first, what moves earlier from the first to the
 * last, and nobody steps on the day of one who has not moved on yet.
 *
 * @param wanted   the series as it is to be
 * @param present  the series as it stands there now
 */
export function inWritableOrder<Date extends string>(
  dates: readonly Date[],
  wanted: EventContent,
  present: EventContent,
): Date[] {
  const ranked = dates.map((date) => ({ date, group: groupOf(date, wanted, present) }));
  return ranked
    .sort((a, b) => {
      if (a.group !== b.group) return a.group - b.group;
      const isForward = a.date < b.date;
      return (a.group === LATER ? !isForward : isForward) ? -1 : 1;
    })
    .map(({ date }) => date);
}

const GONE = 0;
const LATER = 1;
const NOT_LATER = 2;

function groupOf(date: string, wanted: EventContent, present: EventContent): number {
  if (wanted.occurrences[date]?.isCancelled) return GONE;
  const to = toInstant(occurrenceContent(wanted, date).start);
  const from = toInstant(occurrenceContent(present, date).start);
  return to && from && to > from ? LATER : NOT_LATER;
}
