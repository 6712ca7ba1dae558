import { isSyncError, SyncError } from '../core/errors.ts';
import type { CalendarId, EventId, JobId, UserId } from '../core/ids.ts';
import { isStorable } from '../core/ids.ts';
import type { Clock, Random } from '../core/runtime.ts';
import type { AuditRepository } from '../store/audit.repository.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { CalendarRepository } from '../store/calendar.repository.ts';
import type { ConnectionRepository } from '../store/connection.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import type { EventRepository } from '../store/event.repository.ts';
import type { OperationRepository, OwnSyncOperation } from '../store/operation.repository.ts';
import type { RunRepository } from '../store/run.repository.ts';
import type { SettingsRepository } from '../store/settings.repository.ts';
import type { TombstoneRepository } from '../store/tombstone.repository.ts';
import { EventGate } from './event-gate.ts';
import { type RevertReport, RevertWork, takenBack } from './revert-work.ts';
import type { RunQueue } from './run-queue.ts';
import { isEnded } from './run-view.ts';

const LINES_PER_READ = 1000;

/**
 * Takes back what a run did, from the journal. Everything happens here, in one transaction, like any other edit; the run it
 * queues brings Outlook to the same, under the same rules for guests and mass deletion.
 */
export class JournalService {
  readonly #db: Db;
  readonly #runs: RunRepository;
  readonly #operations: OperationRepository;
  readonly #events: EventRepository;
  readonly #tombstones: TombstoneRepository;
  readonly #bases: BaseRepository;
  readonly #gate: EventGate;
  readonly #queue: RunQueue;
  readonly #audit: AuditRepository;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(parts: {
    db: Db;
    runs: RunRepository;
    operations: OperationRepository;
    events: EventRepository;
    tombstones: TombstoneRepository;
    bases: BaseRepository;
    calendars: CalendarRepository;
    connections: ConnectionRepository;
    settings: SettingsRepository;
    queue: RunQueue;
    audit: AuditRepository;
    clock: Clock;
    random: Random;
  }) {
    this.#db = parts.db;
    this.#runs = parts.runs;
    this.#operations = parts.operations;
    this.#events = parts.events;
    this.#tombstones = parts.tombstones;
    this.#bases = parts.bases;
    this.#gate = new EventGate(parts);
    this.#queue = parts.queue;
    this.#audit = parts.audit;
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  /**
   * Asking twice takes nothing back twice: what is as it was before stays so, and a recreated event is known again.
   *
   * @param how.eventIds  only these events of the run
   * @throws {SyncError} `not-found`, also for another user's run and for an event the run did not touch; `conflict-state`
   *   while the run is at work
   */
  async revert(
    userId: UserId,
    jobId: JobId,
    how: { eventIds?: readonly string[]; correlationId?: string } = {},
  ): Promise<RevertReport> {
    return this.#db.transaction(async (tx) => {
      await this.#assertEnded(tx, userId, jobId);
      const lines = await this.#linesOf(tx, userId, jobId, how.eventIds);
      const ids = [...lines.keys()];
      const stored = await this.#events.lockMany(tx, userId, ids);
      const work = new RevertWork(userId, jobId, this.#clock.now());
      const known = await this.#knownAgain(tx, userId, ids, work);
      const foreign = await this.#events.listForeign(tx, userId, ids);
      const bases = await this.#bases.findByEventIds(tx, userId, ids);
      const untold = await this.#tombstones.findUntold(tx, userId, ids);
      const calendars = new Map(
        [...lines].map(([id, journal]) => [
          id,
          stored.get(id)?.calendarId ?? untold.get(id)?.base.calendarId ?? journal[0]?.calendarId,
        ]),
      );
      const closed = await this.#closedCalendars(tx, userId, [...calendars.values()]);
      for (const [eventId, journal] of lines) {
        const calendarId = calendars.get(eventId);
        if (!calendarId) continue;
        if (closed.has(calendarId)) work.keep(eventId, 'event', 'read-only');
        else if (known.has(work.newIdOf(eventId))) work.keep(eventId, 'event', 'already-as-before');
        else {
          const there = bases.get(eventId)?.remote;
          const isOurs = !foreign.has(eventId);
          const here = { stored: stored.get(eventId), untold: untold.get(eventId) };
          work.take({ eventId, calendarId, journal, ...here, there, isOurs });
        }
      }
      await this.#events.saveMany(tx, userId, work.saved);
      await this.#events.deleteMany(tx, userId, work.deleted, work.at);
      const jobIds = await this.#sendOnItsWay(tx, work, how.correlationId);
      await this.#record(tx, work, jobIds[0] ?? jobId, how.correlationId);
      return { jobIds, reverted: work.reverted, kept: work.kept };
    });
  }

  async #assertEnded(tx: Tx, userId: UserId, jobId: JobId): Promise<void> {
    const run = isStorable(jobId) ? await this.#runs.find(tx, userId, jobId) : undefined;
    if (!run) throw new SyncError('not-found', `there is no run ${jobId}`);
    if (isEnded(run)) return;
    throw new SyncError('conflict-state', `run ${jobId} is at work: it can be taken back once it has ended`);
  }

  async #linesOf(
    tx: Tx,
    userId: UserId,
    jobId: JobId,
    only: readonly string[] | undefined,
  ): Promise<Map<EventId, OwnSyncOperation[]>> {
    const lines = new Map<EventId, OwnSyncOperation[]>();
    for (let offset = 0, total = 1; offset < total; offset += LINES_PER_READ) {
      const page = await this.#operations.listOwn(tx, { userId, runId: jobId, limit: LINES_PER_READ, offset });
      total = page.total;
      for (const line of page.items) {
        if (only && !only.includes(line.eventId)) continue;
        // Where no run followed, an earlier taking back stands in the same journal: to undo that would be to do it all again.
        if (line.reason === takenBack(jobId)) continue;
        const known = lines.get(line.eventId);
        if (known) known.push(line);
        else lines.set(line.eventId, [line]);
      }
    }
    const missing = only?.find((id) => !lines.has(id as EventId));
    if (missing !== undefined) throw new SyncError('not-found', `run ${jobId} did nothing to an event ${missing}`);
    return lines;
  }

  async #closedCalendars(
    tx: Tx,
    userId: UserId,
    calendars: readonly (CalendarId | undefined)[],
  ): Promise<ReadonlySet<CalendarId>> {
    const closed = new Set<CalendarId>();
    for (const id of new Set(calendars)) {
      if (id === undefined) continue;
      try {
        await this.#gate.assertWritable(tx, userId, id);
      } catch (error) {
        if (!isSyncError(error, 'access-denied')) throw error;
        closed.add(id);
      }
    }
    return closed;
  }

  /** Events recreated by an earlier taking back, also where they were deleted again. */
  async #knownAgain(tx: Tx, userId: UserId, ids: readonly EventId[], work: RevertWork): Promise<ReadonlySet<EventId>> {
    const made = ids.map((id) => work.newIdOf(id));
    const [alive, deleted] = [
      await this.#events.lockMany(tx, userId, made),
      await this.#tombstones.findMany(tx, userId, made),
    ];
    return new Set([...alive.keys(), ...deleted.keys()]);
  }

  async #sendOnItsWay(tx: Tx, work: RevertWork, correlationId: string | undefined): Promise<JobId[]> {
    const jobIds: JobId[] = [];
    for (const calendarId of work.calendarIds) {
      const queued = await this.#gate.sendOnItsWay(tx, { userId: work.userId, calendarId, correlationId });
      if (queued) jobIds.push(queued.jobId);
    }
    return jobIds;
  }

  async #record(tx: Tx, work: RevertWork, runId: JobId, correlationId: string | undefined): Promise<void> {
    if (work.reverted.length === 0) return;
    await this.#operations.append(
      tx,
      work.lines.map((line) => ({ ...line, id: this.#random.id(), runId })),
    );
    await this.#audit.append(tx, {
      at: work.at,
      actor: work.userId,
      action: 'run.reverted',
      subject: work.userId,
      target: work.jobId,
      correlationId,
      details: { events: work.reverted.length, kept: work.kept.length },
    });
  }
}
