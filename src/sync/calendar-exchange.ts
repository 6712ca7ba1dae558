import { isSyncError, type SyncError } from '../core/errors.ts';
import type { CalendarId } from '../core/ids.ts';
import type { Clock } from '../core/runtime.ts';
import type { CalendarRepository, StoredCalendar } from '../store/calendar.repository.ts';
import type { Db } from '../store/db.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { AttachmentManager } from './attachment.manager.ts';
import type { DeltaSyncManager } from './delta-sync.manager.ts';
import type { GuestMailBudget } from './guest-mail-budget.ts';
import type { PullOutcome } from './pull-round.ts';
import type { PushManager } from './push.manager.ts';
import { type ResponseManager, throwOwed } from './response.manager.ts';
import type { RunContext } from './run-context.ts';

/** How far a run came with one calendar; a failure keeps no other work from going on. */
export interface CalendarResult {
  readonly outcome: PullOutcome;
  readonly failures: readonly SyncError[];
}

/**
 * The stages of one run with one calendar, in their order: owed answers to invitations, pull, push, attachments. What a
 * person must confirm or wait for is left, and all else there is to do is done.
 */
export class CalendarExchange {
  readonly #db: Db;
  readonly #calendars: CalendarRepository;
  readonly #leases: LeaseRepository;
  readonly #delta: DeltaSyncManager;
  readonly #push: PushManager;
  readonly #mails: GuestMailBudget;
  readonly #attachments: AttachmentManager;
  readonly #responses: ResponseManager;
  readonly #clock: Clock;

  constructor(parts: {
    db: Db;
    calendars: CalendarRepository;
    leases: LeaseRepository;
    delta: DeltaSyncManager;
    push: PushManager;
    mails: GuestMailBudget;
    attachmentManager: AttachmentManager;
    responseManager: ResponseManager;
    clock: Clock;
  }) {
    this.#db = parts.db;
    this.#calendars = parts.calendars;
    this.#leases = parts.leases;
    this.#delta = parts.delta;
    this.#push = parts.push;
    this.#mails = parts.mails;
    this.#attachments = parts.attachmentManager;
    this.#responses = parts.responseManager;
    this.#clock = parts.clock;
  }

  /**
   * @param pulled  the calendars this chain of runs need not read again; what leaves no cursor is noted there
   * @throws {SyncError} `lease-lost`, `cancelled`, whatever Graph answers for good, and what kept an answer from its organizer
   */
  async run(context: RunContext, calendar: StoredCalendar, pulled: Set<CalendarId>): Promise<CalendarResult> {
    const isPushing = context.direction !== 'pull' && calendar.canEdit;
    const owed = isPushing ? await this.#responses.push(context) : undefined;
    const result = await this.#exchange(context, calendar, pulled);
    throwOwed(owed);
    return result;
  }

  async #exchange(context: RunContext, calendar: StoredCalendar, pulled: Set<CalendarId>): Promise<CalendarResult> {
    const pull = await this.#pull(context, calendar, pulled);
    // Creating before everything at Graph has been seen could double what already exists there.
    if (pull.outcome === 'out-of-capacity') return pull;
    const failures = [...pull.failures];
    if (context.direction !== 'pull' && calendar.canEdit) {
      const waitedBefore = context.counters.waitingForMails;
      const { outcome, refusal } = await this.#push.push(context);
      if (refusal) failures.push(refusal);
      const waiting = context.counters.waitingForMails - waitedBefore;
      if (waiting > 0 && failures.length === 0) failures.push(await this.#mails.refusal(context, waiting));
      if (outcome === 'out-of-capacity') return { outcome, failures };
    }
    const attachments = await this.#attachments.carry(context, calendar);
    if (attachments === 'out-of-capacity') return { outcome: attachments, failures };
    if (failures.length > 0) return { ...pull, failures };
    await this.#db.transaction(async (tx) => {
      await this.#leases.assert(tx, context.lease);
      await this.#calendars.saveLastSynced(tx, context.userId, context.calendarId, this.#clock.now());
    });
    return pull;
  }

  async #pull(context: RunContext, calendar: StoredCalendar, pulled: Set<CalendarId>): Promise<CalendarResult> {
    const isPulled = pulled.has(calendar.id);
    if (context.direction === 'push') {
      const isLinked = isPulled || calendar.lastSyncedAt !== undefined || (await this.#delta.isLinked(context));
      if (isLinked) return { outcome: 'complete', failures: [] };
      const outcome = await this.#delta.pull(context, 'adopt');
      pulled.add(calendar.id);
      return { outcome, failures: [] };
    }
    if (isPulled && context.dateRange) return { outcome: 'complete', failures: [] };
    const result = await this.#pullChanges(context);
    if (result.outcome === 'complete' && (context.dateRange || context.isFullForced)) pulled.add(calendar.id);
    return result;
  }

  /** Deletions that a person must confirm are left; what else there is to do is done first. */
  async #pullChanges(context: RunContext): Promise<CalendarResult> {
    try {
      return { outcome: await this.#delta.pull(context), failures: [] };
    } catch (error) {
      if (!isSyncError(error, 'mass-delete-refused')) throw error;
      return { outcome: 'complete', failures: [error] };
    }
  }
}
