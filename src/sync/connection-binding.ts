import { SyncError } from '../core/errors.ts';
import { DEFAULT_CALENDAR_ID, type UserId } from '../core/ids.ts';
import type { Clock, Random } from '../core/runtime.ts';
import type { RemoteCalendar, RemoteMailbox } from '../graph/calendar-graph.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { CalendarRepository } from '../store/calendar.repository.ts';
import type { ConflictRepository } from '../store/conflict.repository.ts';
import type { ConnectionRepository } from '../store/connection.repository.ts';
import type { CursorRepository } from '../store/cursor.repository.ts';
import type { Tx } from '../store/db.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { RunRepository } from '../store/run.repository.ts';
import type { SubscriptionRepository } from '../store/subscription.repository.ts';
import { saveCalendarList } from './calendar-list.ts';
import type { RunQueue } from './run-queue.ts';

export interface BindingParts {
  readonly connections: ConnectionRepository;
  readonly calendars: CalendarRepository;
  readonly cursors: CursorRepository;
  readonly bases: BaseRepository;
  readonly conflicts: ConflictRepository;
  readonly runs: RunRepository;
  readonly leases: LeaseRepository;
  readonly subscriptions: SubscriptionRepository;
  readonly queue: RunQueue;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a user is bound to. */
export interface Binding {
  readonly userId: UserId;
  readonly mailbox: RemoteMailbox;
  readonly listed: readonly RemoteCalendar[];
  readonly mode: 'application' | 'delegated';
  readonly correlationId?: string | undefined;
}

/**
 * Binds a user to a mailbox and queues the first run. The same mailbox again is a fresh start after trouble and changes
 * nothing else.
 *
 * @throws {SyncError} `conflict-state` while another mailbox is bound
 */
export async function bindMailbox(tx: Tx, parts: BindingParts, binding: Binding): Promise<void> {
  const { userId, mailbox, mode, correlationId } = binding;
  await parts.calendars.lockList(tx, userId);
  const bound = await parts.connections.find(tx, userId);
  if (bound && bound.mailboxId !== mailbox.id) {
    throw new SyncError(
      'conflict-state',
      'another mailbox is connected: DELETE /calendar/connection first (no event is lost)',
    );
  }
  const now = parts.clock.now();
  const { id: mailboxId, address, timeZone } = mailbox;
  await parts.connections.save(tx, { userId, mailbox: address, mailboxId, mode, timeZone }, now);
  const { calendars, cursors, leases, random } = parts;
  await saveCalendarList(tx, { calendars, cursors, leases, random }, userId, binding.listed, now);
  await parts.queue.enqueue(tx, {
    userId,
    calendarId: DEFAULT_CALENDAR_ID,
    trigger: 'change',
    ...(correlationId ? { correlationId } : {}),
  });
}

/**
 * Forgets the mailbox: what was agreed on with it, where its delta streams were, what waited to be decided, and the sign-in.
 * Nothing is deleted on either side.
 */
export async function unbindMailbox(tx: Tx, parts: BindingParts, userId: UserId): Promise<void> {
  const at = parts.clock.now();
  // First of all, so that a run at work writes nothing more.
  await parts.leases.revoke(tx, userId);
  await parts.runs.cancelAll(tx, userId, at);
  await parts.conflicts.closePending(tx, userId, { at, reason: 'the mailbox was disconnected' });
  await parts.bases.unlinkAll(tx, userId);
  await parts.calendars.forgetProgress(tx, userId);
  await parts.subscriptions.delete(tx, userId);
  await parts.connections.delete(tx, userId);
}
