import type { SyncError } from '../core/errors.ts';
import type { EventId, GraphEventId } from '../core/ids.ts';
import { transactionIdFor } from '../core/transaction-id.ts';
import type { CalendarGraph, WriteOperation } from '../graph/calendar-graph.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { Db } from '../store/db.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import { agreedAfterLostAnswer } from './adoption.ts';
import type { OutgoingDeletion } from './outgoing-event.ts';
import type { RunContext } from './run-context.ts';

/** A create was announced and its answer never came: the event may be at Graph, under an id nobody here knows. */
export function isUnanswered({ graphEventId, local, remote }: EventBase): boolean {
  return graphEventId === undefined && local !== null && remote === null;
}

/** Whether the very same create may be sent again only to learn an id: should it be the first to arrive, it mails nobody. */
export function isAskedSafely({ local }: EventBase): boolean {
  return local !== null && local.attendees.length === 0;
}

/**
 * Learns the ids of events that were deleted here before the answer to their create came: the same words under the same
 * `transactionId` are answered with the event that is there (graph contract 6.2), which then is deleted like any other.
 *
 * @returns the ids to look at, by our own; events whose create Graph refuses are not there and left out
 * @throws {SyncError} what Graph answers to all writes alike
 */
export async function learnIds(
  parts: { db: Db; graph: CalendarGraph; bases: BaseRepository; leases: LeaseRepository },
  context: RunContext,
  unanswered: readonly OutgoingDeletion[],
): Promise<Map<EventId, GraphEventId>> {
  const operations = unanswered.map(({ base }) => createAgain(context, base));
  const outcomes = operations.length > 0 ? await parts.graph.write(context.session, operations) : [];
  const byKey = new Map(outcomes.map((outcome) => [outcome.key, outcome]));
  const learned: EventBase[] = [];
  let fatal: SyncError | undefined;
  for (const { base } of unanswered) {
    const outcome = byKey.get(base.eventId);
    if (outcome?.ok && outcome.event) {
      const sent = { ...(base.local ?? outcome.event.content), occurrences: {} };
      const { local, remote } = agreedAfterLostAnswer(sent, outcome.event.content);
      learned.push({ ...base, graphEventId: outcome.event.id, iCalUId: outcome.event.facts.iCalUId, local, remote });
    } else if (outcome && !outcome.ok && !isNotThere(outcome.error)) fatal ??= outcome.error;
  }
  await parts.db.transaction(async (tx) => {
    await parts.leases.assert(tx, context.lease);
    await parts.bases.saveMany(tx, context.userId, learned);
  });
  if (fatal) throw fatal;
  return new Map(learned.flatMap(({ eventId, graphEventId }) => (graphEventId ? [[eventId, graphEventId]] : [])));
}

/** Refused, or made and gone since. */
function isNotThere({ code }: SyncError): boolean {
  return code === 'rejected' || code === 'duplicate-transaction';
}

function createAgain(context: RunContext, base: EventBase): WriteOperation {
  if (!base.local) throw new Error('bug: only an announced create can be repeated');
  return {
    kind: 'create',
    key: base.eventId,
    calendarId: context.graphCalendarId,
    content: { ...base.local, occurrences: {} },
    transactionId: transactionIdFor(base),
    sendAttendees: context.notifyAttendees === 'all',
  };
}
