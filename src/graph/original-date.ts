import { datePart, inZone, normalDateTime, toInstant } from '../core/time-zones.ts';
import { text, type WireEvent } from './wire-values.ts';

/**
 * The date an occurrence or exception has by its rule, as far as Graph tells: `occurrenceId` names it; else the bytes of
 * the `iCalUId` do; else `originalStart`, which comes only when selected (graph contract 18).
 *
 * @param zone  the series' zone
 * @param isSeriesAllDay  of the series, which one of its dates may differ from
 */
export function statedOriginalDate(
  event: WireEvent,
  zone: string,
  isSeriesAllDay = event['isAllDay'] === true,
): string | undefined {
  const fromId = /\.(\d{4}-\d{2}-\d{2})$/.exec(text(event['occurrenceId']))?.[1];
  if (fromId) return fromId;
  const fromICalUId = dateInICalUId(text(event['iCalUId']));
  if (fromICalUId) return fromICalUId;
  const original = normalDateTime(text(event['originalStart']));
  if (original === '') return undefined;
  const there = inZone({ dateTime: original, timeZone: 'UTC' }, zone)?.dateTime ?? original;
  return isSeriesAllDay ? floatingDate(original, there) : datePart(there);
}

/**
 * All-day dates float: midnight UTC is the date itself, not a moment of the evening before, and so is midnight in the
 * series' zone. Else it is midnight in a zone nobody named, such as the mailbox's: at noon UTC it is that date nearly
 * everywhere.
 */
function floatingDate(original: string, there: string): string {
  const midnight = [original, there].find((wallClock) => wallClock.endsWith('T00:00:00'));
  if (midnight !== undefined) return datePart(midnight);
  const instant = toInstant({ dateTime: original, timeZone: 'UTC' });
  return instant ? new Date(instant.getTime() + HALF_DAY_MS).toISOString().slice(0, 10) : datePart(original);
}

const HALF_DAY_MS = 12 * 60 * 60 * 1000;

/** Bytes 17 to 20 of a global object id: year (two), month, day; zeros in masters. */
function dateInICalUId(iCalUId: string): string | undefined {
  const bytes = /^[0-9A-F]{40}/i.test(iCalUId) ? Buffer.from(iCalUId.slice(32, 40), 'hex') : undefined;
  if (bytes?.length !== 4) return undefined;
  const year = bytes.readUInt16BE(0);
  const [month = 0, day = 0] = [bytes[2], bytes[3]];
  if (year < 1601 || month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  return `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
}
