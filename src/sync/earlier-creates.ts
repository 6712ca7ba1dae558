import { SyncError } from '../core/errors.ts';
import type { GraphEventId } from '../core/ids.ts';
import type { WriteOutcome } from '../graph/calendar-graph.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { Db } from '../store/db.ts';
import type { Outgoing } from './outgoing-event.ts';
import { byOurClock, type RunContext } from './run-context.ts';

/** The code of an event that Outlook has already, as another one's counterpart. */
const ALREADY_LINKED = 'ALREADY_LINKED';
/** A create that is answered with an older event has met one of an earlier life: retries of one run take less. */
const OLD_MS = 10 * 60_000;

/**
 * First creates that Graph answered with an event made long ago under their marker: a backup of our database was restored, and
 * the application wrote the event again under the id it had. Nothing was created, and nothing is doubled there. So are those
 * that were repeated within the write because no answer came: the event may have been changed since the first attempt.
 *
 * @returns the writes as what they are: a repeated create, or, where the event has been pulled as another one meanwhile,
 *   refused, which a person is told
 */
export async function recognised(
  { db, bases }: { db: Db; bases: BaseRepository },
  context: RunContext,
  written: { readonly sent: readonly Outgoing[]; readonly outcomes: readonly WriteOutcome[] },
): Promise<{ sent: readonly Outgoing[]; outcomes: readonly WriteOutcome[] }> {
  const creates = new Set(written.sent.filter(isFirstCreate).map(({ event }) => event.id as string));
  const met = new Map<string, GraphEventId>();
  const old = new Set<string>();
  for (const outcome of written.outcomes) {
    if (!outcome.ok || !outcome.event || !creates.has(outcome.key)) continue;
    const createdAt = byOurClock(outcome.event.createdAt, context);
    const isOld = createdAt && createdAt.getTime() < context.now.getTime() - OLD_MS;
    if (isOld) old.add(outcome.key);
    if (isOld || outcome.isRepeated) met.set(outcome.key, outcome.event.id);
  }
  if (met.size === 0) return written;
  const known = await bases.findByGraphIds(db, context.userId, [...met.values()]);
  return {
    sent: written.sent.map((target) => {
      if (!met.has(target.event.id)) return target;
      return old.has(target.event.id) ? { ...target, isResent: true } : { ...target, isRepeated: true };
    }),
    outcomes: written.outcomes.map((outcome): WriteOutcome => {
      const linked = known.get(met.get(outcome.key) ?? ('' as GraphEventId));
      if (!linked || linked.eventId === outcome.key) return outcome;
      return { key: outcome.key, ok: false, error: alreadyLinked(linked.eventId) };
    }),
  };
}

function isFirstCreate({ operation, isResent }: Outgoing): boolean {
  return operation?.kind === 'create' && !isResent;
}

function alreadyLinked(other: string): SyncError {
  return new SyncError(
    'rejected',
    `Outlook has this event already, and it is event ${other} here: delete this one, or change it to make another of it`,
    { graphCode: ALREADY_LINKED },
  );
}
