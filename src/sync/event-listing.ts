import { SyncError } from '../core/errors.ts';
import { occurrenceId } from '../core/event-view.ts';
import type { CalendarId, UserId } from '../core/ids.ts';
import { expandOccurrences, type Occurrence } from '../core/recurrence.ts';
import { overlaps } from '../core/series.ts';
import { toInstant } from '../core/time-zones.ts';
import type { Queryable } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';
import { type Position, readPosition, writePosition } from './event-cursor.ts';

export interface TimeRange {
  readonly start: Date;
  readonly end: Date;
}

interface ListQuery {
  readonly calendarId?: CalendarId | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** One line of an expanded list: a single event, or one date of a series. */
export interface ListedOccurrence {
  readonly event: StoredEvent;
  readonly occurrence: Occurrence;
}

/** Rows read at a time while looking for those that really overlap. */
const STEP = 200;

/**
 * Single events and series masters that may overlap a half-open range, by start; what cannot be placed in time comes first,
 * so that nobody overlooks it.
 */
export async function listEvents(
  q: Queryable,
  events: EventRepository,
  userId: UserId,
  query: ListQuery & { readonly start?: Date | undefined; readonly end?: Date | undefined },
): Promise<{ items: StoredEvent[]; nextCursor: string | null }> {
  const range = { start: query.start ?? EARLIEST, end: query.end ?? LATEST };
  let after = query.cursor === undefined ? undefined : readPosition(query.cursor, 'events');
  const found: { event: StoredEvent; position: Position }[] = [];
  for (;;) {
    const limit = Math.max(STEP, query.limit + 1);
    const rows = await events.listWindow(q, userId, { ...query, limit, after: after && asRowPosition(after) });
    for (const { event, startAt } of rows) {
      after = { at: startAt?.getTime() ?? null, id: event.id };
      // What nobody can place in time is in every range, rather than in none.
      if (event.problem || overlaps(event.content, range)) found.push({ event, position: after });
      if (found.length > query.limit) break;
    }
    if (found.length > query.limit || rows.length < limit) break;
  }
  const items = found.slice(0, query.limit);
  const last = items.at(-1);
  return {
    items: items.map(({ event }) => event),
    nextCursor: found.length > query.limit && last ? writePosition('events', last.position) : null,
  };
}

/**
 * Everything that happens in a half-open range, in order of start: single events and the dates of series, exceptions where
 * they were moved to, cancelled dates left out. Events whose time cannot be read happen at no time, and are not in it.
 */
export async function listOccurrences(
  q: Queryable,
  events: EventRepository,
  userId: UserId,
  query: ListQuery & TimeRange,
): Promise<{ items: ListedOccurrence[]; nextCursor: string | null }> {
  const from = query.cursor === undefined ? undefined : readPosition(query.cursor, 'occurrences');
  // What is still to come starts no earlier than where the last page ended.
  const start = from?.at != null && from.at > query.start.getTime() ? new Date(from.at) : query.start;
  const range = { start, end: query.end };
  const page = new Page(query.limit);
  let after: { startAt: Date | null; id: string } | undefined;
  for (;;) {
    const rows = await events.listWindow(q, userId, { ...query, ...range, limit: STEP, after });
    for (const { event, startAt } of rows) {
      after = { startAt, id: event.id };
      if (page.isCompleteBefore(startAt)) return page.answer();
      page.add(placedIn(event, range).filter(({ position }) => !from || isAfter(position, from)));
    }
    if (rows.length < STEP) return page.answer();
  }
}

interface Placed extends ListedOccurrence {
  readonly position: Position;
}

/** The first lines of an expanded list, out of rows that come by the start of the event or series they belong to. */
class Page {
  readonly #limit: number;
  #kept: Placed[] = [];
  /** Start of the first line after the page: nothing later belongs on it. */
  #bound = Number.POSITIVE_INFINITY;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(lines: readonly Placed[]): void {
    this.#kept.push(...lines);
    if (this.#kept.length > 2 * (this.#limit + 1)) this.#trim();
  }

  /** Nothing of a row happens before its start, nor does anything of the rows after it. */
  isCompleteBefore(startAt: Date | null): boolean {
    return startAt !== null && startAt.getTime() > this.#bound;
  }

  answer(): { items: ListedOccurrence[]; nextCursor: string | null } {
    this.#trim();
    const items = this.#kept.slice(0, this.#limit);
    const last = items.at(-1);
    const hasMore = this.#kept.length > this.#limit;
    return { items, nextCursor: hasMore && last ? writePosition('occurrences', last.position) : null };
  }

  #trim(): void {
    this.#kept.sort((a, b) => (isAfter(a.position, b.position) ? 1 : -1));
    this.#kept.splice(this.#limit + 1);
    this.#bound = this.#kept[this.#limit]?.position.at ?? Number.POSITIVE_INFINITY;
  }
}

function placedIn(event: StoredEvent, range: TimeRange): Placed[] {
  return expandOccurrences(event.content, range).map((occurrence) => {
    const id = event.content.recurrence ? occurrenceId(event.id, occurrence.originalDate) : event.id;
    return { event, occurrence, position: { at: toInstant(occurrence.fields.start)?.getTime() ?? null, id } };
  });
}

function isAfter(a: Position, b: Position): boolean {
  const [first, second] = [a.at ?? Number.NEGATIVE_INFINITY, b.at ?? Number.NEGATIVE_INFINITY];
  return first === second ? a.id > b.id : first > second;
}

function asRowPosition({ at, id }: Position): { startAt: Date | null; id: string } {
  return { startAt: at === null ? null : new Date(at), id };
}

const EARLIEST = new Date(-8_640_000_000_000_000);
const LATEST = new Date(8_640_000_000_000_000);

/** A year's view with some days around it; a longer one is read in parts. */
const MAX_EXPANDED_DAYS = 400;
const DAY_MS = 86_400_000;

/** @throws {SyncError} `invalid-input` for more than can be expanded at once */
export function assertExpandable({ start, end }: TimeRange): void {
  if (end.getTime() - start.getTime() <= MAX_EXPANDED_DAYS * DAY_MS) return;
  throw new SyncError('invalid-input', `occurrences are listed for at most ${MAX_EXPANDED_DAYS} days at once`, {
    problems: [{ path: 'end', message: `must be at most ${MAX_EXPANDED_DAYS} days after start` }],
  });
}
