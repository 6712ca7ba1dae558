import { type RawBuilder, sql } from 'kysely';

/** How values cross between PostgreSQL's two drivers and us: both are read tolerantly, and written as one JSON parameter. */

/** Exchange's "never", and its opposite; what lies beyond has no spelling that both PostgreSQL and `Date` understand. */
const FIRST_INSTANT_MS = Date.parse('0001-01-01T00:00:00Z');
const LAST_INSTANT_MS = Date.parse('9999-12-31T23:59:59.999Z');
/** PostgreSQL keeps 256 MB in one `jsonb`, and a page of large bodies would pass it; a usual page is well below this. */
const MAX_JSON_LENGTH = 8 * 1024 * 1024;
/** What `jsonb` refuses, as `JSON.stringify` writes it: NUL, and halves of a surrogate pair. */
const REFUSED_BY_JSONB = /\\u(?:0000|[dD][89a-fA-F])/;
const TIMESTAMP =
  /^(\d{4,6})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(\.\d+)?(?:Z|([+-])(\d\d)(?::?(\d\d))?(?::?(\d\d))?)?$/;

/** `bigint` columns arrive as strings from a server and as numbers or bigints from the embedded database. */
export function toBigInt(value: unknown): bigint {
  return BigInt(String(value ?? 0));
}

export function toDate(value: unknown): Date {
  return value instanceof Date ? value : parseTimestamp(String(value));
}

export function toOptionalDate(value: unknown): Date | undefined {
  return value === null || value === undefined ? undefined : toDate(value);
}

export function optional<T>(value: T | null | undefined): T | undefined {
  return value ?? undefined;
}

/**
 * PostgreSQL's spelling of an instant. `Date` alone reads the year 0001 as 2001, and not at all the offsets with seconds
 * that zones had before there were time zones.
 */
export function parseTimestamp(text: string): Date {
  const match = TIMESTAMP.exec(text);
  if (!match) return new Date(text);
  const [
    ,
    year,
    month,
    day,
    hour,
    minute,
    second,
    fraction = '',
    sign,
    offsetHours = 0,
    offsetMinutes = 0,
    offsetSeconds = 0,
  ] = match;
  const wallClock = new Date(0);
  wallClock.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  wallClock.setUTCHours(Number(hour), Number(minute), Number(second), Math.floor(Number(`0${fraction}`) * 1000));
  const offsetMs = ((Number(offsetHours) * 60 + Number(offsetMinutes)) * 60 + Number(offsetSeconds)) * 1000;
  return new Date(wallClock.getTime() - (sign === '-' ? -offsetMs : offsetMs));
}

/** @returns an instant as a column takes it, kept within the years 1 to 9999 */
export function timestamp(instant: Date): string {
  const ms = Math.min(Math.max(instant.getTime(), FIRST_INSTANT_MS), LAST_INSTANT_MS);
  return new Date(ms).toISOString();
}

/** A value for a `jsonb` column. */
export function json(value: unknown): RawBuilder<unknown> {
  return sql`cast(${value === null || value === undefined ? null : jsonText(value)}::text as jsonb)`;
}

/** Rows for `jsonb_to_recordset`: one parameter, however many rows. */
export function jsonRows(rows: readonly Record<string, unknown>[]): RawBuilder<unknown> {
  return json(rows);
}

/**
 * Rows for `jsonb_to_recordset` in as few parameters as PostgreSQL takes: one, unless the rows are very large.
 *
 * @param maxLength  characters of JSON in one parameter
 */
export function jsonChunks(
  rows: readonly Record<string, unknown>[],
  maxLength = MAX_JSON_LENGTH,
): RawBuilder<unknown>[] {
  const chunks: string[][] = [];
  let room = 0;
  for (const row of rows) {
    const text = jsonText(row);
    if (text.length > room) {
      chunks.push([]);
      room = maxLength;
    }
    chunks.at(-1)?.push(text);
    room -= text.length;
  }
  return chunks.map((texts) => sql`cast(${`[${texts.join(',')}]`}::text as jsonb)`);
}

/** A list of texts for `in (…)`, passed as one JSON parameter: both drivers read that the same. */
export function textList(values: readonly string[]): RawBuilder<unknown> {
  return sql`(select jsonb_array_elements_text(${json(values)}))`;
}

/**
 * JSON that `jsonb` takes. It refuses NUL and lone surrogates wherever they stand, and one such character in a field that
 * is kept in the clear (content is encrypted before it comes here, and kept to the last bit) must not hold up a page.
 */
function jsonText(value: unknown): string {
  const text = JSON.stringify(value, (_key, member) => (typeof member === 'bigint' ? member.toString() : member));
  if (!REFUSED_BY_JSONB.test(text)) return text;
  return JSON.stringify(value, (_key, member) => {
    if (typeof member === 'bigint') return member.toString();
    return typeof member === 'string' ? member.replaceAll('\0', '\ufffd').toWellFormed() : member;
  });
}
