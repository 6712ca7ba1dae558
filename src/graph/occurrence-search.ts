import type { GraphEventId } from '../core/ids.ts';
import type { GraphSession } from './calendar-graph.ts';
import { batch, type GraphAccess, readList } from './graph-access.ts';
import type { BatchItem } from './graph-batch.ts';
import { statedOriginalDate, type WireEvent } from './graph-event-reader.ts';
import { eventPath, query } from './graph-paths.ts';
import { dateOfInstance, instancesPath } from './series-reading.ts';
import { list, members, text } from './wire-values.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Dates closer than this share one list: a month of a daily series is still a single page. */
const GAP_MS = 31 * DAY_MS;
/** How far from its date an exception is looked for when Graph does not list the exceptions of a series. */
const WIDE_MS = 62 * DAY_MS;
/** Kept below Graph's longest window, 1825 days. */
const LONGEST_MS = 1500 * DAY_MS;
const EXCEPTIONS = query({ $select: 'id,isAllDay,exceptionOccurrences', $expand: 'exceptionOccurrences' });

type Found = Map<string, { readonly id: GraphEventId; readonly etag: string }>;

/**
 * Ids and tags of a series' occurrences by original date, in one batch: lists around the dates, and the exceptions, which
 * may have been moved anywhere. Dates that do not occur are left out.
 */
export async function searchOccurrences(
  access: GraphAccess,
  session: GraphSession,
  masterId: GraphEventId,
  originalDates: readonly string[],
  timeZone: string,
): Promise<Found> {
  const wanted = [...new Set(originalDates)].sort();
  const found: Found = new Map();
  if (wanted.length === 0) return found;
  const take = (event: WireEvent, date: string | undefined): void => {
    if (!date || !wanted.includes(date) || text(event['id']) === '') return;
    found.set(date, { id: text(event['id']) as GraphEventId, etag: text(event['@odata.etag']) });
  };
  const expand: BatchItem = { key: 'exceptions', method: 'GET', path: eventPath(session, masterId) + EXCEPTIONS };
  const outcomes = await batch(access, session, [expand, ...lists(session, masterId, wanted, DAY_MS)]);
  const exceptions = outcomes.get(expand.key);
  outcomes.delete(expand.key);
  const isAllDay = exceptions?.ok ? members(exceptions.body)['isAllDay'] === true : undefined;
  for (const outcome of outcomes.values()) {
    if (!outcome.ok) throw outcome.error;
    for (const instance of await readList(access, session, { body: outcome.body })) {
      take(instance, dateOfInstance(instance, timeZone, isAllDay));
    }
  }
  const listed = exceptions?.ok ? members(exceptions.body)['exceptionOccurrences'] : undefined;
  if (exceptions && !exceptions.ok && exceptions.error.code !== 'rejected') throw exceptions.error;
  for (const exception of list(listed).map(members)) {
    take(exception, statedOriginalDate(exception, timeZone, isAllDay));
  }
  const missing = wanted.filter((date) => !found.has(date));
  if (missing.length > 0 && !Array.isArray(listed)) {
    const wide = await batch(access, session, lists(session, masterId, missing, WIDE_MS));
    for (const outcome of wide.values()) {
      if (!outcome.ok) throw outcome.error;
      for (const instance of await readList(access, session, { body: outcome.body })) {
        take(instance, dateOfInstance(instance, timeZone, isAllDay));
      }
    }
  }
  return found;
}

/** One list of instances for each cluster of dates; a date begins and ends up to a day away from it in UTC. */
function lists(session: GraphSession, masterId: GraphEventId, dates: readonly string[], aroundMs: number): BatchItem[] {
  const ranges: { startMs: number; endMs: number }[] = [];
  for (const date of dates) {
    const dayMs = Date.parse(`${date}T00:00:00Z`);
    const range = { startMs: dayMs - aroundMs, endMs: dayMs + DAY_MS + aroundMs };
    const last = ranges.at(-1);
    const joins = last && range.startMs <= last.endMs + GAP_MS && range.endMs - last.startMs <= LONGEST_MS;
    if (joins) last.endMs = range.endMs;
    else ranges.push(range);
  }
  return ranges.map(({ startMs, endMs }) => ({
    key: String(startMs),
    method: 'GET',
    path: instancesPath(session, masterId, { start: new Date(startMs), end: new Date(endMs) }),
  }));
}
