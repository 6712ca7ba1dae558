import { adoptionKey, sameUnit, unitsOf, withUnit } from '../core/canonical-event.ts';
import type { EventContent } from '../core/event.ts';
import type { CalendarId, EventId, GraphEventId, UserId } from '../core/ids.ts';
import type { AgreedContent } from '../core/three-way-merge.ts';
import { transactionIdFor } from '../core/transaction-id.ts';
import type { RemoteEvent } from '../graph/calendar-graph.ts';
import type { EventBase } from '../store/base.repository.ts';
import type { Queryable } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';
import { listGoneDeletions } from '../store/event-uids.ts';
import type { TombstoneRepository } from '../store/tombstone.repository.ts';

/** A local event that is the same as one found at Graph. */
export interface Match {
  readonly eventId: EventId;
  /** `own`: we created it there and never heard the answer. `same`: somebody made it on both sides. */
  readonly kind: 'own' | 'same';
}

/**
 * Finds, for an event at Graph that nobody here is linked to, the local event that is the same one: by our own marker
 * (`transactionId`), by the id it had at Graph before its mailbox was disconnected, then by `iCalUId`, then by time, subject
 * and organizer. What exists on both sides is joined, never doubled. Each local event is given away once.
 */
export class AdoptionIndex {
  readonly #byTransactionId = new Map<string, EventId>();
  readonly #byGraphId = new Map<GraphEventId, EventId>();
  readonly #elsewhere = new Map<GraphEventId, EventId>();
  readonly #byICalUId = new Map<string, EventId[]>();
  readonly #byKey = new Map<string, EventId[]>();
  readonly #taken = new Set<EventId>();

  add(event: StoredEvent, base: EventBase | undefined): void {
    const generation = base?.generation ?? 0;
    this.#byTransactionId.set(transactionIdFor({ userId: event.userId, eventId: event.id, generation }), event.id);
    if (event.graphEventId) this.#byGraphId.set(event.graphEventId, event.id);
    if (event.iCalUId) append(this.#byICalUId, event.iCalUId, event.id);
    append(this.#byKey, adoptionKey(event.content, event.facts), event.id);
  }

  /** An event that is gone under the id it had: after a mailbox was restored or moved, its UID alone is still the same. */
  addGone(eventId: EventId, iCalUId: string): void {
    append(this.#byICalUId, iCalUId, eventId);
  }

  /** An event that was deleted here before Graph answered its create: only its marker can tell that it is there. */
  addDeleted(event: { readonly userId: UserId; readonly eventId: EventId; readonly generation: number }): void {
    this.#byTransactionId.set(transactionIdFor(event), event.eventId);
  }

  /** An event of another calendar: it is the same one only if it was moved here, under the id it had. */
  addElsewhere(event: { readonly eventId: EventId; readonly graphEventId: GraphEventId }): void {
    this.#elsewhere.set(event.graphEventId, event.eventId);
  }

  find(remote: RemoteEvent): Match | undefined {
    const own = remote.transactionId ? this.#byTransactionId.get(remote.transactionId) : undefined;
    if (own && !this.#taken.has(own)) return { eventId: own, kind: 'own' };
    const before = this.#byGraphId.get(remote.id) ?? this.#elsewhere.get(remote.id);
    if (before && !this.#taken.has(before)) return { eventId: before, kind: 'same' };
    const byICalUId = remote.facts.iCalUId ? this.#byICalUId.get(remote.facts.iCalUId) : undefined;
    const candidates = [...(byICalUId ?? []), ...(this.#byKey.get(adoptionKey(remote.content, remote.facts)) ?? [])];
    const free = candidates.find((eventId) => !this.#taken.has(eventId));
    return free ? { eventId: free, kind: 'same' } : undefined;
  }

  /** Events that were at Graph once and have not been found again so far. */
  lost(): { readonly eventId: EventId; readonly graphEventId: GraphEventId }[] {
    const known = [...this.#byGraphId].map(([graphEventId, eventId]) => ({ eventId, graphEventId }));
    return known.filter(({ eventId }) => !this.#taken.has(eventId));
  }

  /** Called once the match is committed. */
  take(eventId: EventId): void {
    this.#taken.add(eventId);
  }
}

/**
 * The index of one calendar, from everything that is here, or was until it was deleted, and not linked, or only to what is
 * not at Graph any more.
 */
export async function adoptionIndexOf(
  q: Queryable,
  { events, tombstones }: { events: EventRepository; tombstones: TombstoneRepository },
  of: { readonly userId: UserId; readonly calendarId: CalendarId },
): Promise<AdoptionIndex> {
  const index = new AdoptionIndex();
  for (const { event, base } of await events.listUnlinked(q, of.userId, of.calendarId)) {
    if (base?.graphEventId) {
      if (base.iCalUId) index.addGone(event.id, base.iCalUId);
    } else if (event.calendarId === of.calendarId) index.add(event, base);
    else if (event.graphEventId) index.addElsewhere({ eventId: event.id, graphEventId: event.graphEventId });
  }
  for (const deleted of await tombstones.listUnanswered(q, of.userId, of.calendarId)) index.addDeleted(deleted);
  const gone = await listGoneDeletions(q, of.userId, of.calendarId);
  for (const { eventId, iCalUId } of gone) index.addGone(eventId, iCalUId);
  return index;
}

/**
 * What was agreed on with an event we created without hearing the answer: our own words where Graph still says the same,
 * so that only what a person changed there afterwards counts as a change. A create makes the rule alone; what is said about
 * single dates goes after it, so that a date Graph does not show as we have it was not agreed on.
 */
export function agreedAfterLostAnswer(sent: EventContent, remote: EventContent): AgreedContent {
  const dates = Object.entries(sent.occurrences).filter(([date]) => sameUnit(sent, remote, `occurrence:${date}`));
  const made = { ...sent, occurrences: Object.fromEntries(dates) };
  let agreedRemote = made;
  for (const unit of unitsOf(made, remote)) {
    if (sameUnit(made, remote, unit)) agreedRemote = withUnit(agreedRemote, unit, remote);
  }
  return { local: made, remote: agreedRemote, conflictUnits: [] };
}

function append(index: Map<string, EventId[]>, key: string, eventId: EventId): void {
  const ids = index.get(key);
  if (ids) ids.push(eventId);
  else index.set(key, [eventId]);
}
