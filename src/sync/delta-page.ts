import { SyncError } from '../core/errors.ts';
import type { GraphEventId } from '../core/ids.ts';
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

export function isEcho(event: RemoteEvent, base: EventBase | undefined): boolean {
  return base !== undefined && base.etag === event.etag && base.remoteGoneAt === undefined;
}

export function handledBy(page: DeltaPage): number {
  return page.items.filter((item) => item.kind !== 'occurrence').length;
}

/** @throws {SyncError} `unavailable` when Graph serves the same page for ever; the next run tries again */
export function nextLinkOf(page: DeltaPage, seenLinks: Set<string>, pages: number): string {
  const link = page.nextLink ?? page.deltaLink;
  if (!link) throw new SyncError('unavailable', 'Graph sent a delta page with neither nextLink nor deltaLink');
  if (page.nextLink && (seenLinks.has(page.nextLink) || pages >= MAX_PAGES_PER_ROUND)) {
    throw new SyncError('cursor-expired', 'Graph repeats the same delta page for ever; the round is started again');
  }
  seenLinks.add(link);
  return link;
}
