import type { StoredItem } from './model.ts';
import { expandDates } from './recurrence-rule.ts';
import { DAY_MS, parseDate } from './zones.ts';

export interface Extent {
  fromMs: number;
  /** Infinity for a series without end. */
  toMs: number;
}

/** Zones and daylight saving move an occurrence by less than this against its date. */
const SLACK_MS = 2 * DAY_MS;
const LAST_DAY = '9999-12-31';

const known = new WeakMap<StoredItem, { version: number; extent: Extent }>();

/** Bounds of everything a series has, moved occurrences included; a window beyond them holds none of it. */
export function extentOf(item: StoredItem): Extent {
  const before = known.get(item);
  if (before?.version === item.version) return before.extent;
  const extent = measure(item);
  known.set(item, { version: item.version, extent });
  return extent;
}

function measure(item: StoredItem): Extent {
  const { content, recurrence, exceptions } = item;
  const { range } = recurrence!;
  const length = Math.max(0, content.endMs - content.startMs);
  const lastDate =
    range.type === 'noEnd'
      ? undefined
      : range.type === 'endDate'
        ? range.endDate
        : (expandDates(recurrence!, range.startDate, LAST_DAY).at(-1) ?? range.startDate);
  let fromMs = Math.min(parseDate(range.startDate)!, content.startMs) - SLACK_MS;
  let toMs = lastDate === undefined ? Number.POSITIVE_INFINITY : parseDate(lastDate)! + length + SLACK_MS;
  for (const { override } of Object.values(exceptions)) {
    fromMs = Math.min(fromMs, (override.startMs ?? fromMs) - SLACK_MS);
    toMs = Math.max(toMs, (override.endMs ?? toMs) + SLACK_MS);
  }
  return { fromMs, toMs };
}
