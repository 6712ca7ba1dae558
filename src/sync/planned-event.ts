import { changedUnits } from '../core/canonical-event.ts';
import { withRounds } from '../core/convergence.ts';
import { assert } from '../core/errors.ts';
import type { EventId, GraphEventId } from '../core/ids.ts';
import type { EventPlan } from '../core/sync-plan.ts';
import type { RemoteEvent, RemoteSeries } from '../graph/calendar-graph.ts';
import type { EventBase } from '../store/base.repository.ts';
import type { SaveEvent, StoredEvent } from '../store/event.repository.ts';
import { byOurClock, type RunContext } from './run-context.ts';
import { keptMark } from './stale-edit.ts';

/** One event's plan with the rows it was made from. */
export interface PlannedEvent {
  readonly eventId: EventId;
  readonly graphEventId: GraphEventId | undefined;
  readonly plan: EventPlan;
  readonly stored: StoredEvent | undefined;
  readonly base: EventBase | undefined;
  readonly remote: RemoteEvent | RemoteSeries | undefined;
  /** Planned because Graph proved it to be gone; otherwise, without `remote`, from what was known of it before. */
  readonly isRemoteGone?: boolean;
  /** Why, for the audit trail. */
  readonly reason: string;
}

/** What `apply` needs of a run; a resolution by a person has no run context but the same needs. */
export type ApplyContext = Pick<RunContext, 'jobId' | 'userId' | 'calendarId' | 'strategy' | 'counters'> &
  Partial<Pick<RunContext, 'clockOffsetMs'>>;

/** The event as a plan writes it. */
export function savedEvent(target: PlannedEvent, context: ApplyContext, now: Date): SaveEvent {
  const { plan, remote, stored, base, eventId } = target;
  assert(plan.local.kind === 'write', 'only written events are saved');
  return {
    id: eventId,
    calendarId: context.calendarId,
    graphEventId: remote?.id ?? (plan.base.kind === 'recreate' ? undefined : base?.graphEventId),
    iCalUId: remote?.facts.iCalUId ?? stored?.iCalUId ?? base?.iCalUId,
    content: plan.local.content,
    facts: remote?.facts ?? stored?.facts,
    lastModifiedAt: editedAt(target, context) ?? now,
    createdAt: stored?.createdAt ?? remote?.createdAt ?? now,
    syncedAt: now,
  };
}

/**
 * A run edits nothing: what it writes is as old as the later of the two edits it unites, by our clock. A person's decision
 * is new.
 */
function editedAt({ stored, remote }: PlannedEvent, context: ApplyContext): Date | undefined {
  if (!remote) return undefined;
  const instants = [stored?.lastModifiedAt, byOurClock(remote.lastModifiedAt, context)];
  const known = instants.flatMap((instant) => (instant ? [instant.getTime()] : []));
  return known.length > 0 ? new Date(Math.max(...known)) : undefined;
}

/** What is agreed on once a plan is carried out; `undefined` when that does not change, or ends. */
export function nextBase(
  target: PlannedEvent,
  context: Pick<ApplyContext, 'userId' | 'calendarId' | 'clockOffsetMs'>,
  revision: bigint | undefined,
  now: Date,
): EventBase | undefined {
  const { plan, base, remote, eventId } = target;
  const shared = {
    eventId,
    userId: context.userId,
    calendarId: context.calendarId,
    iCalUId: remote?.facts.iCalUId ?? base?.iCalUId,
    heldUnits: base?.heldUnits ?? [],
    ...keptMark(base),
    syncedAt: now,
  };
  if (plan.base.kind === 'recreate') {
    const generation = (base?.generation ?? 0) + 1;
    return {
      ...shared,
      graphEventId: undefined,
      etag: undefined,
      agreedRevision: 0n,
      local: null,
      remote: null,
      generation,
      conflictUnits: [],
      heldUnits: [],
      errorCode: undefined,
      errorMessage: undefined,
    };
  }
  if (plan.base.kind !== 'save') return undefined;
  const { agreed } = plan.base;
  return {
    ...shared,
    graphEventId: remote?.id ?? base?.graphEventId,
    etag: remote?.etag ?? base?.etag,
    agreedRevision: agreedRevisionOf(plan, base, revision),
    local: agreed.local,
    remote: agreed.remote,
    seriesEtags: remote ? seriesEtagsOf(remote) : base?.seriesEtags,
    generation: base?.generation ?? 0,
    remoteModifiedAt: byOurClock(remote?.lastModifiedAt, context) ?? base?.remoteModifiedAt,
    // What is planned from earlier knowledge does not take back a proof that nobody has acted on yet.
    remoteGoneAt: remote || target.isRemoteGone ? undefined : base?.remoteGoneAt,
    conflictUnits: [...agreed.conflictUnits],
    seenRound: base?.seenRound,
    rounds: roundsAfter(base, remote, now),
  };
}

/** What somebody changed in Outlook of an event that was sent lately may be the undoing of what was sent. */
function roundsAfter(base: EventBase | undefined, remote: RemoteEvent | undefined, now: Date): EventBase['rounds'] {
  if (!base?.rounds || base.rounds.length === 0 || !base.remote || !remote) return undefined;
  const units = changedUnits(base.remote, remote.content);
  if (units.length === 0) return undefined;
  return withRounds(base.rounds, { kind: 'pulled', content: remote.content, units, at: now });
}

/**
 * What waited for a decision counts as agreed on until somebody decides; from then on it must be pending again, so the
 * agreed revision steps back behind the event's own.
 */
function agreedRevisionOf(plan: EventPlan, base: EventBase | undefined, revision: bigint | undefined): bigint {
  const before = base?.agreedRevision ?? 0n;
  if (revision === undefined) return before;
  if (!plan.isPushNeeded) return revision;
  return before < revision ? before : revision - 1n;
}

/** The tags of a series' exceptions, by which an echo of our own writes is recognised. */
export function seriesEtagsOf(remote: RemoteEvent | RemoteSeries): Record<string, string> | undefined {
  if (!('occurrenceIds' in remote)) return undefined;
  return Object.fromEntries(Object.values(remote.occurrenceIds).map(({ id, etag }) => [id, etag]));
}

/** What happens to the event here, as the audit trail and the counts have it; `undefined`: nothing. */
export function localOperation({
  plan,
  stored,
  base,
}: PlannedEvent): 'create' | 'update' | 'delete' | 'adopt' | undefined {
  if (plan.local.kind === 'delete') return 'delete';
  if (plan.local.kind === 'write') return stored ? 'update' : 'create';
  return stored && !base && plan.base.kind === 'save' ? 'adopt' : undefined;
}

/** What the run's status shows of these. */
export function countPlanned({ counters }: Pick<ApplyContext, 'counters'>, planned: readonly PlannedEvent[]): void {
  for (const target of planned) {
    const operation = localOperation(target);
    if (operation === 'create') counters.local.created += 1;
    if (operation === 'update') counters.local.updated += 1;
    if (operation === 'delete') counters.local.deleted += 1;
    // A conflict that already waits is one, however often its sides change.
    if (target.plan.conflict && !(target.base?.conflictUnits.length ?? 0)) counters.conflicts += 1;
  }
}
