import { assert, SyncError } from '../core/errors.ts';
import type { GraphEventId } from '../core/ids.ts';
import type { GraphSession, RemoteEvent } from './calendar-graph.ts';
import type { GraphClient } from './graph.client.ts';
import { type BatchItem, type BatchOutcome, sendBatch } from './graph-batch.ts';
import { fromWire, needsMailboxZone, type WireEvent } from './graph-event-reader.ts';
import { eventPath } from './graph-paths.ts';
import type { MailboxZones } from './mailbox-zones.ts';
import { members } from './wire-values.ts';

/** What every part of the calendar client works with. */
export interface GraphAccess {
  readonly client: GraphClient;
  readonly zones: MailboxZones;
  /** Items of one `$batch`, at most twenty. */
  readonly batchSize: number;
}

/** Lists are small (calendars, one series' dates); this many pages mean that Graph turns in a circle. */
const MAX_LIST_PAGES = 200;
/** What one page, or a whole list, may hold: many times what is asked for, and what memory does not notice. */
const MAX_ITEMS = 50_000;

/**
 * The members of a page of Graph's.
 *
 * @throws {SyncError} `unavailable` for one that has no list: taken for an empty one, everything would seem to be gone;
 *   `rejected` for one without measure
 */
export function itemsOf(page: unknown): WireEvent[] {
  const { value } = members(page);
  if (!Array.isArray(value)) throw new SyncError('unavailable', 'Graph answered a list without its items');
  if (value.length > MAX_ITEMS)
    throw new SyncError('rejected', `Graph answered a page of more than ${MAX_ITEMS} items`);
  return value.map(members);
}

export async function batch(
  access: GraphAccess,
  session: GraphSession,
  items: readonly BatchItem[],
): Promise<Map<string, BatchOutcome>> {
  const outcomes = await sendBatch(access.client, session, items, access.batchSize);
  return new Map(outcomes.map((outcome) => [outcome.key, outcome]));
}

/** One GET for each id, whole objects, in batches. */
export async function getEvents(
  access: GraphAccess,
  session: GraphSession,
  ids: readonly GraphEventId[],
): Promise<Map<string, BatchOutcome>> {
  const items = [...new Set(ids)].map((id): BatchItem => ({ key: id, method: 'GET', path: eventPath(session, id) }));
  return batch(access, session, items);
}

/** @returns all members of a list, from its first page or from what a batch answered as its first page */
export async function readList(
  access: GraphAccess,
  session: GraphSession,
  first: { readonly path: string } | { readonly body: unknown },
): Promise<WireEvent[]> {
  let body =
    'path' in first ? (await access.client.send(session, { method: 'GET', path: first.path })).body : first.body;
  const listed: WireEvent[] = [];
  for (let pages = 1; ; pages += 1) {
    for (const item of itemsOf(body)) listed.push(item);
    const { '@odata.nextLink': next } = members(body);
    if (typeof next !== 'string') return listed;
    if (listed.length > MAX_ITEMS) throw new SyncError('rejected', `Graph's list has more than ${MAX_ITEMS} items`);
    if (pages >= MAX_LIST_PAGES)
      throw new SyncError('unavailable', `Graph's list has more than ${MAX_LIST_PAGES} pages`);
    body = (await access.client.send(session, { method: 'GET', path: next })).body;
  }
}

/**
 * Maps events as they came; the mailbox's own zone is asked for only when one of them has no usable zone of its own.
 *
 * @throws {SyncError} `unavailable` for an answer that is no event
 */
export async function toRemoteEvents(
  access: GraphAccess,
  session: GraphSession,
  events: readonly unknown[],
): Promise<RemoteEvent[]> {
  const wires = events.map(members);
  if (wires.some(({ id }) => typeof id !== 'string' || id === '')) {
    throw new SyncError('unavailable', 'Graph answered without the event');
  }
  const zone = wires.some(needsMailboxZone) ? await access.zones.get(access.client, session) : undefined;
  return wires.map((wire) => fromWire(wire, zone));
}

export async function toRemoteEvent(access: GraphAccess, session: GraphSession, event: unknown): Promise<RemoteEvent> {
  const [mapped] = await toRemoteEvents(access, session, [event]);
  assert(mapped, 'one event is mapped to one');
  return mapped;
}
