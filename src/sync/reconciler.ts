import { changedUnits, type Unit, withUnit } from '../core/canonical-event.ts';
import { SyncError } from '../core/errors.ts';
import type { EventId, GraphEventId } from '../core/ids.ts';
import { isOccurrenceUnit } from '../core/outgoing-change.ts';
import { type PlannedConflict, planEvent } from '../core/sync-plan.ts';
import type { AgreedContent } from '../core/three-way-merge.ts';
import type { CalendarGraph, RemoteEvent, RemoteSeries, Unread } from '../graph/calendar-graph.ts';
import type { AttachmentRepository } from '../store/attachment.repository.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { ConflictRepository, StoredConflict } from '../store/conflict.repository.ts';
import type { CursorRepository } from '../store/cursor.repository.ts';
import type { Db } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { PlanApplier } from './plan-applier.ts';
import type { PlannedEvent } from './planned-event.ts';
import { agreedContent, localState, type RemotePlanner, type RemoteState } from './remote-planner.ts';
import { type Renumbered, underNewIds } from './renumbered-events.ts';
import type { RunContext } from './run-context.ts';
import type { RunRecorder } from './run-recorder.ts';
import { waitingRemote } from './waiting-conflict.ts';

/**
 * What happens when a guarded write finds that Graph has moved on (412, 409, 404): the event is read again, merged again,
 * and left pending for the next pass. A stale write is never repeated as it was.
 */
export class Reconciler {
  readonly #db: Db;
  readonly #graph: CalendarGraph;
  readonly #leases: LeaseRepository;
  readonly #events: EventRepository;
  readonly #bases: BaseRepository;
  readonly #conflicts: ConflictRepository;
  readonly #attachments: AttachmentRepository;
  readonly #cursors: CursorRepository;
  readonly #planner: RemotePlanner;
  readonly #applier: PlanApplier;
  readonly #recorder: RunRecorder;

  constructor(parts: {
    db: Db;
    graph: CalendarGraph;
    leases: LeaseRepository;
    events: EventRepository;
    bases: BaseRepository;
    conflicts: ConflictRepository;
    attachments: AttachmentRepository;
    cursors: CursorRepository;
    planner: RemotePlanner;
    applier: PlanApplier;
    recorder: RunRecorder;
  }) {
    this.#db = parts.db;
    this.#graph = parts.graph;
    this.#leases = parts.leases;
    this.#events = parts.events;
    this.#bases = parts.bases;
    this.#conflicts = parts.conflicts;
    this.#attachments = parts.attachments;
    this.#cursors = parts.cursors;
    this.#planner = parts.planner;
    this.#applier = parts.applier;
    this.#recorder = parts.recorder;
  }

  /**
   * @param how.isLastTry  what still collides now waits for a person instead of being tried for ever
   * @param how.present  known to be there: that one of them is not found is the word of a server that is behind
   * @param how.unknown  not known when they were written to: that one of them is shown in another state is such a word as well
   * @param how.made  just shown by the answer to their creation, under no tag we know: nothing is written to them unread
   * @returns those that are left as they are for a run that reads, and those that Graph did not let be read, with its reasons
   * @throws {SyncError} `unavailable` when one of those is not found
   */
  async reconcile(
    context: RunContext,
    stale: ReadonlyMap<EventId, GraphEventId>,
    how: {
      isLastTry: boolean;
      present?: ReadonlySet<EventId>;
      unknown?: ReadonlySet<EventId>;
      made?: ReadonlySet<EventId>;
    },
  ): Promise<{ left: ReadonlySet<EventId>; unread: ReadonlyMap<EventId, SyncError> }> {
    if (stale.size === 0) return { left: new Set(), unread: new Map() };
    const idsOf = (ids: ReadonlySet<EventId> | undefined) =>
      new Set([...stale].flatMap(([eventId, id]) => (ids?.has(eventId) ? [id] : [])));
    const present = idsOf(how.present);
    const refused: Unread = new Map();
    const answered = await this.#read(context, [...new Set(stale.values())], refused);
    const unread = new Map(
      [...stale].flatMap(([eventId, id]) => {
        const error = refused.get(id);
        return error ? [[eventId, error] as const] : [];
      }),
    );
    const made = idsOf(how.made);
    const lost = answered.find(({ id, event }) => event === 'gone' && made.has(id));
    if (lost) {
      const message = `Graph does not find event ${lost.id} yet, which it has just shown: the run is tried again, and asks again`;
      throw new SyncError('unavailable', message);
    }
    const believed = answered.filter(({ id, event }) => event !== 'gone' || !present.has(id));
    const read = await this.#withoutGhosts(context, believed, idsOf(how.unknown));
    const left = await this.#apply(context, await this.#underNewIds(context, read), how);
    return { left, unread };
  }

  /** What Graph does not know when it is written to, and shows as it never was when we knew it last, tells nothing. */
  async #withoutGhosts(
    context: RunContext,
    states: readonly RemoteState[],
    unknown: ReadonlySet<GraphEventId>,
  ): Promise<readonly RemoteState[]> {
    const seen = states.filter(({ id, event }) => event !== 'gone' && unknown.has(id));
    if (seen.length === 0) return states;
    const ids = seen.map(({ id }) => id);
    const bases = await this.#bases.findByGraphIds(this.#db, context.userId, ids);
    return states.filter(({ id, event }) => event === 'gone' || !unknown.has(id) || event.etag === bases.get(id)?.etag);
  }

  /**
   * Finds events that were to be deleted under an id nobody knows any more, and which stand there under another: each is the
   * same one from now on, and to be deleted as that.
   *
   * @returns which of them these are
   */
  async followRenumbered(context: RunContext, gone: ReadonlyMap<EventId, GraphEventId>): Promise<ReadonlySet<EventId>> {
    const asked = [...gone].map(([eventId, id]) => ({ eventId, state: { id, event: 'gone' as const } }));
    const found = await this.#underNewIds(
      context,
      asked.map(({ state }) => state),
    );
    const moved = asked.filter((_, index) => found.states[index]?.event !== 'gone');
    if (moved.length === 0) return new Set();
    const states = found.states.filter(({ event }) => event !== 'gone');
    await this.#apply(context, { states, adoption: found.adoption }, { isLastTry: false });
    return new Set(moved.map(({ eventId }) => eventId));
  }

  #underNewIds(context: RunContext, states: readonly RemoteState[]): Promise<Renumbered> {
    return underNewIds({ db: this.#db, bases: this.#bases, graph: this.#graph }, context, states);
  }

  async #apply(
    context: RunContext,
    { states, adoption }: Renumbered,
    how: { readonly isLastTry: boolean },
  ): Promise<ReadonlySet<EventId>> {
    const waiting = new Set<EventId>();
    const isPushOnly = context.direction === 'push';
    const strategy = how.isLastTry ? 'manual' : isPushOnly ? 'prefer_local' : context.strategy;
    await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      const planned = await this.#planner.plan(tx, { ...context, strategy }, states, adoption);
      const unseenGuests = isPushOnly && context.notifyAttendees !== 'all' ? planned.filter(hasUnseenGuests) : [];
      for (const { eventId } of unseenGuests) waiting.add(eventId);
      const mergeable = planned.filter(({ eventId }) => !waiting.has(eventId));
      const applied = isPushOnly ? mergeable.map(leavingLocalAlone) : mergeable;
      await this.#applier.apply(tx, { ...context, strategy }, applied);
      // With the newest tag known, a pull would take what is still unseen for the echo of a write.
      const unseen = applied.filter((target, index) => target !== mergeable[index]);
      const marks = unseen.flatMap(({ graphEventId }) => (graphEventId ? [{ graphEventId, suspicious: true }] : []));
      await this.#cursors.markSeries(tx, context.userId, context.calendarId, context.jobId, marks);
      await this.#recorder.saveProgress(tx, context);
    });
    return waiting;
  }

  /** Brings the records of undecided conflicts up to date with what was changed here since, and settles what now agrees. */
  async refreshConflicts(
    context: RunContext,
    undecided: readonly { event: StoredEvent; base: EventBase }[],
  ): Promise<void> {
    if (undecided.length === 0) return;
    const ids = undecided.map(({ event }) => event.id);
    await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      const events = await this.#events.lockMany(tx, context.userId, ids);
      const bases = await this.#bases.lockByEventIds(tx, context.userId, ids);
      const pending = await this.#conflicts.pendingFor(tx, context.userId, ids);
      const unsent = await this.#attachments.findUnsent(tx, context.userId, ids);
      const planned = ids.flatMap((id) => {
        const event = events.get(id);
        const base = bases.get(id);
        if (!event || !base) return [];
        return planUndecided(context, { event, base, hasUnsentFiles: unsent.has(id) }, pending.get(id)) ?? [];
      });
      await this.#applier.apply(tx, context, planned);
    });
  }

  /** Reads events whole; a series comes with its exceptions, so that it is compared as one aggregate. */
  async #read(context: RunContext, ids: readonly GraphEventId[], unread: Unread): Promise<RemoteState[]> {
    const events = await this.#graph.readEvents(context.session, [...ids], unread);
    const masters = [...events]
      .filter(([, event]) => event !== 'gone' && event.type === 'seriesMaster')
      .map(([id]) => id);
    const series =
      masters.length > 0
        ? await this.#graph.readSeries(context.session, masters, context.window, unread)
        : new Map<GraphEventId, RemoteSeries | 'gone'>();
    return [...events]
      .filter(([id]) => !unread.has(id))
      .map(([id, event]) => ({ id, event: series.get(id) ?? (event as RemoteEvent | 'gone') }));
  }
}

/**
 * The same plan in a run that only pushes: nothing is written here. What Outlook changed stays unseen, so that a run that
 * pulls still finds it; the newest tag is taken along, so that what was changed here can be sent.
 */
function leavingLocalAlone(target: PlannedEvent): PlannedEvent {
  const { plan, base } = target;
  const before = agreedContent(base);
  if (plan.local.kind === 'keep' || plan.base.kind !== 'save' || !before) return target;
  if (plan.local.kind === 'delete') return target;
  const { agreed } = plan.base;
  const unseen = plan.local.units;
  const restored = {
    ...agreed,
    local: unseen.reduce((content, unit) => withUnit(content, unit, before.local), agreed.local),
    remote: unseen.reduce((content, unit) => withUnit(content, unit, before.remote), agreed.remote),
  };
  const conflict = plan.conflict ?? droppedDates(target, { before, unseen });
  const kept = { local: { kind: 'keep' as const }, base: { kind: 'save' as const, agreed: restored } };
  return { ...target, plan: { ...plan, ...kept, ...(conflict ? { conflict } : {}) } };
}

/**
 * Somebody was invited in Outlook, and this run does not read them: whatever is sent to the event would mail them, and nobody
 * here knows. It waits for a run that does.
 */
function hasUnseenGuests({ plan, remote }: PlannedEvent): boolean {
  if (plan.local.kind !== 'write' || !remote) return false;
  return plan.local.units.some((unit) => {
    const date = isOccurrenceUnit(unit) ? remote.content.occurrences[unit.slice('occurrence:'.length)] : undefined;
    const invited = date
      ? !date.isCancelled && date.fields.attendees
      : unit === 'attendees' && remote.content.attendees;
    return invited !== undefined && invited !== false && invited.length > 0;
  });
}

/** With another rule Exchange drops the dates that somebody edited there and nobody here has seen: a record keeps them. */
function droppedDates(
  { stored, remote }: PlannedEvent,
  { before, unseen }: { before: AgreedContent; unseen: readonly Unit[] },
): PlannedConflict | undefined {
  const units = unseen.filter(isOccurrenceUnit);
  if (!stored || !remote || units.length === 0) return undefined;
  if (!changedUnits(before.local, stored.content).includes('time')) return undefined;
  const values = { base: before.local, local: stored.content, remote: remote.content };
  return { type: 'UPDATE_UPDATE', status: 'decided', units, ...values };
}

/** What an undecided event comes to, from the remote values its record holds and what stands here now. */
export function planUndecided(
  { strategy }: Pick<RunContext, 'strategy'>,
  { event, base, hasUnsentFiles }: { event: StoredEvent; base: EventBase; hasUnsentFiles: boolean },
  conflict: StoredConflict | undefined,
): PlannedEvent | undefined {
  if (!conflict) return undefined;
  const plan = planEvent({
    base: agreedContent(base),
    local: localState(event, undefined, base),
    remote: waitingRemote(conflict, base),
    strategy,
    hasUnsentFiles,
  });
  const reason = 'changed here while in conflict';
  return { eventId: event.id, graphEventId: base.graphEventId, plan, stored: event, base, remote: undefined, reason };
}
