import { sql } from 'kysely';

/** How values cross between PostgreSQL's two drivers and us: both are read tolerantly, and written as one JSON parameter. */

/** `bigint` columns arrive as strings from a server and as numbers or bigints from the embedded database. */
export function toBigInt(value: unknown): bigint {
  return BigInt(String(value ?? 0));
}

export function toDate(value: unknown): Date {
  return value instanceof Date ? value : new Date(String(value));
}

export function toOptionalDate(value: unknown): Date | undefined {
  return value === null || value === undefined ? undefined : toDate(value);
}

export function optional<T>(value: T | null | undefined): T | undefined {
  return value ?? undefined;
}

/** Rows for `jsonb_to_recordset`: one parameter, however many rows. */
export function jsonRows(rows: readonly Record<string, unknown>[]) {
  const text = JSON.stringify(rows, (_key, value) => (typeof value === 'bigint' ? value.toString() : value));
  return sql`cast(${text}::text as jsonb)`;
}

/** A list of texts for `= any(…)`, passed as one JSON parameter: both drivers read that the same. */
export function textList(values: readonly string[]) {
  return sql`(select jsonb_array_elements_text(cast(${JSON.stringify(values)}::text as jsonb)))`;
}
