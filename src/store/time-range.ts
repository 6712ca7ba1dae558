import { type RawBuilder, sql } from 'kysely';
import { timestamp } from './columns.ts';

/**
 * Whether the event `e` overlaps a half-open range, as far as its row tells: an event without length counts by where it
 * begins, a series by its first and last dates, and one whose times nobody could read may lie anywhere.
 */
export function overlaps({ start, end }: { start?: Date | undefined; end?: Date | undefined }): RawBuilder<boolean> {
  const before = end ? sql`e."startAt" < ${timestamp(end)}::timestamptz` : sql`true`;
  const after = start
    ? sql`(e."endAt" is null or e."endAt" > ${timestamp(start)}::timestamptz or e."startAt" >= ${timestamp(start)}::timestamptz)`
    : sql`true`;
  return sql<boolean>`(e."startAt" is null or (${before} and ${after}))`;
}
