import { SyncError } from '../core/errors.ts';
import type { CalendarId, GraphEventId } from '../core/ids.ts';
import type { DeltaItem, DeltaPage, RemoteEvent } from '../graph/calendar-graph.ts';
import type { EventBase } from '../store/base.repository.ts';

/** Graph has served identical pages for ever (graph contract 5.3); no honest round is this long. */
const MAX_PAGES_PER_ROUND = 20_000;

/** Later items win: a round may name an event several times, and only the order of the stream counts. */
export function lastOfEach(items: readonly DeltaItem[]): DeltaItem[] {
  const latest = new Map<string, DeltaItem>();
  for (const item of items) {
    const id = item.kind === 'event' ? item.event.id : item.id;
    latest.delete(id);
    latest.set(id, item);
  }
  return [...latest.values()];
}

export function idsIn(items: readonly DeltaItem[]): GraphEventId[] {
  const ids = items.map((item) =>
    item.kind === 'event'
      ? item.event.type === 'exception' && item.event.seriesMasterId
        ? item.event.seriesMasterId
        : item.event.id
      : item.kind === 'occurrence'
        ? item.seriesMasterId
        : item.id,
  );
  return [...new Set(ids)];
}

/** What we know already; an event that turns up in another calendar of the mailbox was moved, which is news. */
export function isEcho(event: RemoteEvent, base: EventBase | undefined, calendarId: CalendarId): boolean {
  if (base === undefined || base.calendarId !== calendarId) return false;
  return base.etag === event.etag && base.remoteGoneAt === undefined;
}

export function handledBy(page: DeltaPage): number {
  return page.items.filter((item) => item.kind !== 'occurrence').length;
}

/** Honest replays repeat an item or two; the same whole page so often in a row is a mailbox that is stuck. */
const MAX_SAME_PAGES = 3;

/** Follows the links of one round and notices when they lead nowhere (graph contract 5.3). */
export class RoundLinks {
  readonly #seen = new Set<string>();
  #pages: number;
  #lastPage = '';
  #samePages = 0;

  /** @param pages  read by earlier runs of the same round */
  constructor(pages: number) {
    this.#pages = pages;
  }

  get pages(): number {
    return this.#pages;
  }

  /**
   * @returns the link that goes on from this page, or closes the round
   * @throws {SyncError} `cursor-expired` when Graph serves the same page for ever; `unavailable` without any link
   */
  follow(page: DeltaPage): string {
    const link = page.nextLink ?? page.deltaLink;
    if (!link) throw new SyncError('unavailable', 'Graph sent a delta page with neither nextLink nor deltaLink');
    this.#pages += 1;
    const content = page.items.map((item) => JSON.stringify([item.kind, idOf(item), etagOf(item)])).join();
    this.#samePages = content !== '' && content === this.#lastPage ? this.#samePages + 1 : 0;
    this.#lastPage = content;
    const isStuck = this.#samePages >= MAX_SAME_PAGES || this.#pages > MAX_PAGES_PER_ROUND;
    if (page.nextLink && (this.#seen.has(page.nextLink) || isStuck)) {
      throw new SyncError('cursor-expired', 'Graph repeats the same delta page for ever; the round is started again');
    }
    this.#seen.add(link);
    return link;
  }
}

function idOf(item: DeltaItem): GraphEventId {
  return item.kind === 'event' ? item.event.id : item.id;
}

function etagOf(item: DeltaItem): string {
  return item.kind === 'event' ? item.event.etag : item.kind === 'occurrence' ? item.etag : '';
}
