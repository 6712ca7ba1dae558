import { SyncError } from '../core/errors.ts';

/** Where a list was left: a start, in milliseconds, and an id. Stays right whatever is added or removed meanwhile. */
export interface Position {
  /** `null`: what cannot be placed in time. */
  readonly at: number | null;
  readonly id: string;
}

type ListKind = 'events' | 'occurrences';

export function writePosition(kind: ListKind, { at, id }: Position): string {
  return Buffer.from(JSON.stringify([kind, at, id]), 'utf8').toString('base64url');
}

/** @throws {SyncError} `invalid-input` for what is not a cursor of this kind of list */
export function readPosition(cursor: string, kind: ListKind): Position {
  const parsed = parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  if (Array.isArray(parsed) && parsed.length === 3) {
    const [of, at, id] = parsed as unknown[];
    const isTime = at === null || (typeof at === 'number' && Math.abs(at) <= 8.64e15);
    if (of === kind && isTime && typeof id === 'string' && !id.includes('\0')) return { at: at as number | null, id };
  }
  throw new SyncError('invalid-input', 'the cursor is not one this list gave out', {
    problems: [{ path: 'cursor', message: 'must be the nextCursor of an earlier answer to the same query' }],
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const INSTANT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/i;

/**
 * An instant of a query, ISO 8601. Without an offset it is UTC, as at Graph (graph contract 2.1), never this machine's own
 * zone; a `+` that a query string turned into a space is read as what it was.
 *
 * @throws {SyncError} `invalid-input`
 */
export function readInstant(text: string, path: string): Date {
  const mended = text.trim().replace(/ (\d{2}:?\d{2})$/, '+$1');
  const match = INSTANT.exec(mended);
  const date = mended.slice(0, 10);
  const withZone = match?.[1] && !match[4] ? `${mended}Z` : mended;
  const instant = new Date(Date.parse(withZone));
  const isRealDate = match && new Date(Date.parse(`${date}T00:00:00Z`)).toJSON()?.startsWith(date);
  // The database has no year 0, and an offset can lead out of the years of four digits.
  const year = instant.getUTCFullYear();
  if (isRealDate && year >= 1 && year <= 9999) return instant;
  throw new SyncError('invalid-input', `${path} is not an instant this service can read`, {
    problems: [{ path, message: 'must be an ISO 8601 instant, e.g. 2026-03-09T09:00:00Z' }],
  });
}

/** @throws {SyncError} `impossible-input` for a range that ends before it begins; `invalid-input` for unreadable ends */
export function readRange(range: { start: string; end: string }): { start: Date; end: Date } {
  const start = readInstant(range.start, 'start');
  const end = readInstant(range.end, 'end');
  assertOrder(start, end);
  return { start, end };
}

export function assertOrder(start: Date, end: Date): void {
  if (start < end) return;
  throw new SyncError('impossible-input', 'the range ends before it begins', {
    problems: [{ path: 'end', message: 'must be after start' }],
  });
}
