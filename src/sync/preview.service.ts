import { isSyncError, SyncError } from '../core/errors.ts';
import type { JobId, UserId } from '../core/ids.ts';
import type { CalendarGraph, GraphSession } from '../graph/calendar-graph.ts';
import { newGraphStats } from '../graph/graph-stats.ts';
import type { AttachmentRepository } from '../store/attachment.repository.ts';
import type { CalendarRepository, StoredCalendar } from '../store/calendar.repository.ts';
import type { ConflictRepository } from '../store/conflict.repository.ts';
import { type ConnectionRepository, type StoredConnection, signInOf } from '../store/connection.repository.ts';
import type { EventRepository, PendingEvent } from '../store/event.repository.ts';
import type { OperationRepository } from '../store/operation.repository.ts';
import type { RunRepository, StoredRunRequest } from '../store/run.repository.ts';
import type { TombstoneRepository } from '../store/tombstone.repository.ts';
import { adoptionIndexOf } from './adoption.ts';
import type { ConnectionState } from './connection-state.ts';
import { sortFollowers } from './earlier-series.ts';
import { assertNotPaused } from './mailbox-question.ts';
import { isUndecided, prepare, sortDeletions } from './outgoing.ts';
import { nextBase } from './planned-event.ts';
import { PreviewPull, type PreviewPullParts } from './preview-pull.ts';
import { type PreviewItem, type PreviewMail, PreviewTally, type Refusal } from './preview-tally.ts';
import { isRoundSeen } from './pull-round.ts';
import { planUndecided } from './reconciler.ts';
import type { ResponseManager } from './response.manager.ts';
import type { RunContext } from './run-context.ts';
import { RunCounters, type SideCounts } from './run-counters.ts';
import { checkRequest, type SyncRequest } from './run-request.ts';
import { calendarsOf, type ScopeParts, scopeOf } from './run-scope.ts';
import type { SettingsService } from './settings.service.ts';

/** What a run started now would do, with what continues it; counts as the run's status would show them. */
export interface PreviewView {
  readonly local: SideCounts;
  readonly remote: SideCounts;
  readonly conflicts: number;
  /** The first of them. */
  readonly items: readonly PreviewItem[];
  readonly truncated: boolean;
  /** Who would be mailed, the first of them. */
  readonly mails: readonly PreviewMail[];
  readonly mailsTotal: number;
  readonly graphRequests: number;
  /** The run would stop here and ask; what is counted is what it would do once confirmed. */
  readonly wouldRefuse: Refusal | null;
}

/** A caller waits; a longer silence at the mailbox is not sat out. */
const PATIENCE_MS = 30_000;
const PENDING_PER_STEP = 200;
const MAX_RESTARTS = 2;

/**
 * Tells what a run would do, by making it without carrying anything out: the same reading of Graph, the same plans, the same
 * decisions about what goes out. Nothing is changed anywhere: no row, no cursor, no write to Graph.
 *
 * Only what Graph answers to writes is not known beforehand: changes that collide while the run is at it, and refusals.
 */
export class PreviewService {
  readonly #parts: PreviewPullParts & ScopeParts;
  readonly #events: EventRepository;
  readonly #tombstones: TombstoneRepository;
  readonly #conflicts: ConflictRepository;
  readonly #attachments: AttachmentRepository;
  readonly #connections: ConnectionRepository;
  readonly #connectionState: ConnectionState;
  readonly #graph: CalendarGraph;
  readonly #responses: ResponseManager;

  constructor(
    parts: PreviewPullParts & {
      events: EventRepository;
      tombstones: TombstoneRepository;
      conflicts: ConflictRepository;
      attachments: AttachmentRepository;
      connections: ConnectionRepository;
      connectionState: ConnectionState;
      calendars: CalendarRepository;
      runs: RunRepository;
      operations: OperationRepository;
      settings: SettingsService;
      responseManager: ResponseManager;
    },
  ) {
    this.#parts = parts;
    this.#events = parts.events;
    this.#tombstones = parts.tombstones;
    this.#conflicts = parts.conflicts;
    this.#attachments = parts.attachments;
    this.#connections = parts.connections;
    this.#connectionState = parts.connectionState;
    this.#graph = parts.graph;
    this.#responses = parts.responseManager;
  }

  /** @throws {SyncError} as starting the run would, and what Graph answers for good */
  async preview(
    userId: UserId,
    asked: SyncRequest,
    how: { correlationId?: string; signal?: AbortSignal } = {},
  ): Promise<PreviewView> {
    const { calendarId, request } = await checkRequest(
      { ...this.#parts, connections: this.#connections },
      userId,
      asked,
    );
    const connection = await this.#connections.find(this.#parts.db, userId);
    if (!connection) throw new SyncError('not-connected', 'no mailbox is connected: PUT /calendar/connection first');
    assertNotPaused(connection.pausedUntil, this.#parts.clock.now(), PATIENCE_MS);
    const session: GraphSession = {
      mailbox: connection.mailboxId,
      signIn: signInOf(connection),
      correlationId: how.correlationId ?? this.#parts.random.id(),
      signal: how.signal,
      stats: newGraphStats(),
    };
    const tally = await this.#connectionState.watched(connection, how.correlationId, async () => {
      let sum = new PreviewTally();
      for (const calendar of await calendarsOf(this.#parts, { userId, calendarId })) {
        const context = await this.#contextFor(userId, request, { connection, calendar, session });
        sum = await this.#previewCalendar(context, calendar, sum);
      }
      return sum;
    });
    const { counters, items, isTruncated, wouldRefuse, mails, mailsTotal } = tally;
    const { local, remote, conflicts } = counters;
    const graphRequests = session.stats.requests;
    const found = { items, truncated: isTruncated, mails, mailsTotal };
    return { local, remote, conflicts, ...found, graphRequests, wouldRefuse };
  }

  /** @returns the tally with the calendar added to it */
  async #previewCalendar(context: RunContext, calendar: StoredCalendar, before: PreviewTally): Promise<PreviewTally> {
    for (let restarts = 0; ; restarts += 1) {
      const tally = before.copy();
      try {
        await this.#walk(context, calendar, tally, restarts > 0);
        return tally;
      } catch (error) {
        if (!isSyncError(error, 'cursor-expired') || restarts >= MAX_RESTARTS) throw error;
      }
    }
  }

  async #walk(context: RunContext, calendar: StoredCalendar, tally: PreviewTally, isRestart: boolean): Promise<void> {
    const isPushing = context.direction !== 'pull' && calendar.canEdit;
    if (isPushing) for (const planned of await this.#responses.plan(context)) tally.addResponse(planned);
    const adoption = await adoptionIndexOf(
      this.#parts.db,
      { events: this.#events, tombstones: this.#tombstones },
      context,
    );
    const pull = new PreviewPull(this.#parts, { context, adoption, tally, isPushing });
    if (context.direction !== 'push') await pull.walk('apply', { isRestart });
    else if (!(await this.#isLinked(context, calendar))) await pull.walk('adopt', { isRestart });
    if (!isPushing) return;
    await this.#previewDeletions(context, tally, pull);
    await this.#previewPending(context, tally, pull);
  }

  async #previewDeletions(context: RunContext, tally: PreviewTally, pull: PreviewPull): Promise<void> {
    const { db, guard } = this.#parts;
    const { userId, calendarId } = context;
    const pending = await this.#tombstones.listPending(db, userId, calendarId, context.now);
    const standing = pending
      .filter(({ base }) => !pull.overridden.has(base.eventId))
      .map((deletion) => ({ ...deletion, base: pull.agreedOfDeleted.get(deletion.base.eventId) ?? deletion.base }));
    const { due, held } = sortDeletions(context, standing);
    const refused = await guard.refusedThere(context, { due, linked: tally.linked });
    if (refused) tally.refuse({ side: 'remote', count: refused.eventIds.length, of: refused.of });
    for (const deletion of held) tally.addDeletion(deletion, 'hold');
    for (const deletion of due) tally.addDeletion(deletion, 'delete');
  }

  async #previewPending(context: RunContext, tally: PreviewTally, pull: PreviewPull): Promise<void> {
    let after: bigint | undefined;
    for (;;) {
      context.signal.throwIfAborted();
      const pending = await this.#events.listPending(this.#parts.db, context.userId, context.calendarId, {
        limit: PENDING_PER_STEP,
        now: context.now,
        ...(after === undefined ? {} : { after }),
        ...(context.dateRange ? { range: context.dateRange } : {}),
      });
      after = pending.at(-1)?.event.revision;
      const open = pending.filter(({ event }) => !pull.settled.has(event.id));
      for (const item of open) if (item.event.problem !== undefined) tally.addUnreadable(item);
      const readable = open.filter(({ event }) => event.problem === undefined);
      for (const item of await this.#refreshed(context, await this.#withoutHeldUp(context, readable), tally)) {
        tally.addOutgoing(prepare(context, item.event, item.base));
      }
      if (pending.length < PENDING_PER_STEP) return;
    }
  }

  /** Without series that wait for an earlier one whose end this run would not send. */
  async #withoutHeldUp(context: RunContext, pending: readonly PendingEvent[]): Promise<PendingEvent[]> {
    const parts = { ...this.#parts, events: this.#events };
    const { ready, waiting } = await sortFollowers(parts, context.userId, pending);
    const going = waiting.filter(
      ({ behind, isStuck }) =>
        !isStuck && behind.every(({ event, base }) => prepare(context, event, base).change.units.includes('time')),
    );
    return [...ready, ...going];
  }

  /** Events in conflict as they are once their records have been brought up to date with what was changed here since. */
  async #refreshed(
    context: RunContext,
    pending: readonly PendingEvent[],
    tally: PreviewTally,
  ): Promise<PendingEvent[]> {
    const undecided = pending.filter(isUndecided);
    if (undecided.length === 0) return [...pending];
    const ids = undecided.map(({ event }) => event.id);
    const conflicts = await this.#conflicts.pendingFor(this.#parts.db, context.userId, ids);
    const unsent = await this.#attachments.findUnsent(this.#parts.db, context.userId, ids);
    return pending.flatMap((item): PendingEvent[] => {
      const planned = isUndecided(item)
        ? planUndecided(context, { ...item, hasUnsentFiles: unsent.has(item.event.id) }, conflicts.get(item.event.id))
        : undefined;
      if (!planned) return [item];
      tally.addLocal(planned);
      // Deleted here by the decision, there is nothing of it to send.
      if (planned.plan.local.kind === 'delete') return [];
      const { event } = item;
      const content = planned.plan.local.kind === 'write' ? planned.plan.local.content : event.content;
      const base = nextBase(planned, context, event.revision, this.#parts.clock.now()) ?? item.base;
      return [{ event: { ...event, content }, base }];
    });
  }

  async #contextFor(
    userId: UserId,
    request: StoredRunRequest,
    where: { connection: StoredConnection; calendar: StoredCalendar; session: GraphSession },
  ): Promise<RunContext> {
    return {
      ...(await scopeOf(this.#parts, { userId, request }, where.calendar)),
      // Neither a run nor a lease: nothing that would need one is ever called.
      jobId: 'preview' as JobId,
      lease: { userId, holder: 'preview', fence: 0n },
      session: where.session,
      clockOffsetMs: () => this.#graph.serverClockOffsetMs() ?? 0,
      counters: new RunCounters(Number.POSITIVE_INFINITY),
      signal: where.session.signal ?? new AbortController().signal,
    };
  }

  /** As the run asks before it only pushes. */
  async #isLinked({ userId, calendarId }: RunContext, calendar: StoredCalendar): Promise<boolean> {
    if (calendar.lastSyncedAt) return true;
    return isRoundSeen(await this.#parts.cursors.list(this.#parts.db, userId, calendarId));
  }
}
