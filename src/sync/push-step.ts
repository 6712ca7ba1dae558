import type { SyncError, SyncErrorCode } from '../core/errors.ts';
import type { EventId, GraphEventId } from '../core/ids.ts';
import type { WriteOutcome } from '../graph/calendar-graph.ts';
import type { EventBase } from '../store/base.repository.ts';
import { asPassing, blame } from './item-trouble.ts';
import type { Outgoing, OutgoingDeletion } from './outgoing-event.ts';
import { emptyBase } from './pushed-base.ts';
import { type VanishedCreate, vanishedCreate } from './vanished-creates.ts';

/** Pending events looked at in one step: one `$batch`. */
export const PUSH_STEP = 20;

/** What Graph's answers to one step mean, whatever was written. */
interface SortedOutcomes<Settled> {
  /** Done, or refused for good. */
  readonly settled: readonly Settled[];
  /** Refused because Graph had moved on: to be read and merged again, under the ids they have there. */
  readonly stale: ReadonlyMap<EventId, GraphEventId>;
  /** Of those: Graph compared tags, so that the event is there, whatever a server says that is behind. */
  readonly present: ReadonlySet<EventId>;
  /** Of those: Graph did not know the event that was written to, whatever a server shows that is behind. */
  readonly unknown: ReadonlySet<EventId>;
  /** Broken down on, and it cannot be told yet whether that is the event's own doing. */
  readonly counted: readonly EventBase[];
  /** Forbidden, and whether that is the event's own trouble depends on what else goes through in the run. */
  readonly forbidden: readonly Settled[];
  /** The first error that ends the run. */
  readonly fatal: SyncError | undefined;
}

export interface SortedWrites extends SortedOutcomes<{ readonly target: Outgoing; readonly outcome: WriteOutcome }> {
  /** Creates whose marker an earlier life of the event has used up. */
  readonly reborn: readonly Outgoing[];
  readonly vanished: readonly VanishedCreate[];
}

/** Without an outcome is what was never at Graph: there is nothing to delete. */
export type SortedDeletions = SortedOutcomes<{
  readonly target: OutgoingDeletion;
  readonly outcome: WriteOutcome | undefined;
}>;

/** Tells the creates and updates of a step apart by what is to become of them. */
export function sortWrites(
  sent: readonly Outgoing[],
  outcomes: readonly WriteOutcome[],
  isServed = false,
): SortedWrites {
  const byKey = new Map(outcomes.map((outcome) => [outcome.key, outcome]));
  const stale = new Map<EventId, GraphEventId>();
  let fatal: SyncError | undefined;
  const settled: { target: Outgoing; outcome: WriteOutcome }[] = [];
  const forbidden: typeof settled = [];
  const reborn: Outgoing[] = [];
  const vanished: VanishedCreate[] = [];
  const counted: EventBase[] = [];
  for (const target of sent) {
    const outcome = byKey.get(target.event.id);
    if (!outcome) continue;
    const gone = vanishedCreate(target, outcome);
    if (gone) {
      vanished.push(gone);
      continue;
    }
    const graphEventId = target.base?.graphEventId;
    // The answer to a repeated create may show an event that somebody edited since: it is compared before anything else.
    if (outcome.ok && target.isResent && outcome.event) stale.set(target.event.id, outcome.event.id);
    if (!outcome.ok && isStale(outcome.error) && graphEventId) stale.set(target.event.id, graphEventId);
    else if (!outcome.ok && outcome.error.code === 'duplicate-transaction' && !target.isResent) reborn.push(target);
    else if (outcome.ok) settled.push({ target, outcome });
    else {
      const whose = blame(outcome.error, { outcomes, failures: target.base?.failures, isServed });
      if (whose === 'event') settled.push({ target, outcome });
      else if (whose === 'unknown') forbidden.push({ target, outcome });
      else fatal ??= outcome.error;
      if (whose === 'count') counted.push(target.base ?? emptyBase(target.event));
    }
  }
  return { settled, stale, ...doubtsIn(outcomes), counted, forbidden, fatal, reborn, vanished };
}

/** The same for a step of deletions. */
export function sortDeleted(
  step: readonly OutgoingDeletion[],
  outcomes: readonly WriteOutcome[],
  isServed = false,
): SortedDeletions {
  const byKey = new Map(outcomes.map((outcome) => [outcome.key, outcome]));
  const stale = new Map<EventId, GraphEventId>();
  let fatal: SyncError | undefined;
  const settled: { target: OutgoingDeletion; outcome: WriteOutcome | undefined }[] = [];
  const forbidden: typeof settled = [];
  const counted: EventBase[] = [];
  for (const target of step) {
    const outcome = byKey.get(target.base.eventId);
    if (outcome && !outcome.ok && isStale(outcome.error) && target.base.graphEventId) {
      stale.set(target.base.eventId, target.base.graphEventId);
      continue;
    }
    const { failures } = target.base;
    const whose = !outcome || outcome.ok ? 'event' : blame(outcome.error, { outcomes, failures, isServed });
    if (whose === 'event') settled.push({ target, outcome });
    else if (whose === 'unknown') forbidden.push({ target, outcome });
    else if (outcome && !outcome.ok) fatal ??= outcome.error;
    if (whose === 'count') counted.push(target.base);
  }
  return { settled, stale, ...doubtsIn(outcomes), counted, forbidden, fatal };
}

function doubtsIn(outcomes: readonly WriteOutcome[]): Pick<SortedOutcomes<never>, 'present' | 'unknown'> {
  const met = (code: SyncErrorCode) =>
    new Set(
      outcomes.flatMap((outcome) => (!outcome.ok && outcome.error.code === code ? [outcome.key as EventId] : [])),
    );
  return { present: met('precondition-failed'), unknown: met('not-found') };
}

function isStale(error: SyncError): boolean {
  return error.code === 'precondition-failed' || error.code === 'not-found';
}

/** What was edited there meanwhile, and does not let itself be read, is tried again after a pause. */
export function refusedToShow(
  targets: readonly Outgoing[],
  unread: ReadonlyMap<EventId, SyncError>,
): SortedWrites['settled'] {
  return targets.flatMap((target) => {
    const key = target.event.id;
    const error = unread.get(key);
    return error ? [{ target, outcome: { key, ok: false as const, error: asPassing(error) } }] : [];
  });
}

export function noteReplaced(
  replaced: Map<EventId, string>,
  sent: readonly Outgoing[],
  outcomes: readonly WriteOutcome[],
): void {
  const done = new Set(outcomes.flatMap(({ key, ok }) => (ok ? [key] : [])));
  for (const { event, base, operation } of sent) {
    if (operation?.kind === 'update' && base?.etag && done.has(event.id)) replaced.set(event.id, base.etag);
  }
}
