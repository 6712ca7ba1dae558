import { createHash } from 'node:crypto';
import {
  type ListedAttachment,
  MAX_ATTACHMENT_BYTES,
  MAX_USER_BYTES,
  type NotCarried,
  planAttachments,
} from '../core/attachment.ts';
import { isSyncError, type SyncError } from '../core/errors.ts';
import { eventRetryMs } from '../core/event-retry.ts';
import type { EventId } from '../core/ids.ts';
import type { Clock, Logger, Random } from '../core/runtime.ts';
import type { AttachmentClient } from '../graph/attachment.client.ts';
import { isBreakdown, isGone } from '../graph/graph-errors.ts';
import type { AttachmentRepository, StoredAttachment } from '../store/attachment.repository.ts';
import type { AttachmentMark, AttachmentMarkRepository } from '../store/attachment-mark.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import type { EventRepository } from '../store/event.repository.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { OperationRepository } from '../store/operation.repository.ts';
import { attachmentOperation } from './attachment-operation.ts';
import { isDue, postponed } from './attachment-retry.ts';
import { isInherited } from './inherited-attachments.ts';
import { assertNotCancelled, type RunContext } from './run-context.ts';

/** Contents that are missing are looked for so many at a time; they are fetched one by one. */
const STEP = 20;

export interface AttachmentParts {
  readonly db: Db;
  readonly attachmentGraph: AttachmentClient;
  readonly attachments: AttachmentRepository;
  readonly attachmentMarks: AttachmentMarkRepository;
  readonly events: EventRepository;
  readonly operations: OperationRepository;
  readonly leases: LeaseRepository;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** What of one user's attachments is kept here, all together. */
  readonly maxUserBytes?: number;
}

/** Reads what hangs on events in Outlook, and fetches what is new: lists in batches, contents one at a time. */
export class AttachmentReader {
  readonly #parts: AttachmentParts;

  constructor(parts: AttachmentParts) {
    this.#parts = parts;
  }

  /**
   * Brings what is listed here in line with Outlook, and remembers under which tags that was.
   *
   * @returns those over which Graph broke down: they are to be looked at again
   */
  async look(context: RunContext, marks: readonly AttachmentMark[]): Promise<AttachmentMark[]> {
    const { db, attachmentGraph, attachmentMarks, events, leases, clock, logger } = this.#parts;
    const lists = await attachmentGraph.list(
      context.session,
      marks.map(({ graphEventId }) => graphEventId),
    );
    const unread = marks.filter(({ graphEventId }) => {
      const listed = lists.get(graphEventId);
      return isSyncError(listed) && isBreakdown(listed);
    });
    await db.transaction(async (tx) => {
      await leases.assert(tx, context.lease);
      const ids = [...new Set(marks.map(({ eventId }) => eventId))];
      const stored = await events.lockMany(tx, context.userId, ids);
      for (const mark of marks) {
        const listed = lists.get(mark.graphEventId);
        if (!stored.has(mark.eventId) || listed === undefined) continue;
        if (!isSyncError(listed)) {
          await this.#apply(tx, context, mark, { listed, lists, marks });
        } else if (isGone(listed)) {
          // What became of the event itself, the next pull tells.
          await attachmentMarks.deleteMany(tx, context.userId, [mark.graphEventId]);
        } else {
          const { graphRequestId, graphCode } = listed;
          logger.warn(
            { jobId: context.jobId, eventId: mark.eventId, graphCode, graphRequestId },
            'attachments refused',
          );
        }
      }
      const seen = marks.filter((mark) => !unread.includes(mark));
      await attachmentMarks.saveSeen(tx, context.userId, seen);
      const until = ({ failures = 0 }: AttachmentMark) => new Date(clock.now().getTime() + eventRetryMs(failures + 1));
      const later = unread.map((mark) => ({ ...mark, retryAt: until(mark) }));
      await attachmentMarks.postpone(tx, context.userId, later);
    });
    return unread;
  }

  /** @returns whether everything was fetched; not when the run's capacity is used up */
  async fetchMissing(context: RunContext, eventId?: EventId): Promise<boolean> {
    const { db, attachments } = this.#parts;
    const postponedIds = new Set<string>();
    for (;;) {
      const of = { calendarId: context.calendarId, eventId, limit: STEP + postponedIds.size };
      const found = await attachments.listMissing(db, context.userId, of);
      const missing = found.filter(({ id }) => !postponedIds.has(id));
      if (missing.length === 0) return true;
      for (const attachment of missing) {
        assertNotCancelled(context);
        if (!isDue(attachment, context.now)) {
          postponedIds.add(attachment.id);
          continue;
        }
        if (eventId === undefined && context.counters.isExhausted) return false;
        await this.#fetch(context, attachment);
        if (eventId === undefined) {
          context.counters.found(1);
          context.counters.handled(1);
        }
      }
    }
  }

  async #apply(
    tx: Tx,
    context: RunContext,
    mark: AttachmentMark,
    of: {
      listed: readonly ListedAttachment[];
      lists: ReadonlyMap<string, readonly ListedAttachment[] | SyncError>;
      marks: readonly AttachmentMark[];
    },
  ): Promise<void> {
    const { attachments, attachmentMarks, operations, clock, random } = this.#parts;
    const { userId } = context;
    const all = await attachments.listOf(tx, userId, [mark.eventId]);
    const known = await this.#ofPresentEvent(
      tx,
      context,
      mark,
      all.filter(({ originalDate }) => originalDate === mark.originalDate),
    );
    const listed = mark.originalDate !== undefined && isInherited(mark, of, all) ? [] : of.listed;
    const plan = planAttachments(known, listed);
    const now = clock.now();
    const added = plan.added.map(
      ({ listed: there, notCarried }): StoredAttachment => ({
        id: random.id(),
        eventId: mark.eventId,
        originalDate: mark.originalDate,
        graphEventId: mark.graphEventId,
        graphAttachmentId: there.id,
        kind: there.kind,
        name: there.name,
        contentType: there.contentType,
        contentId: there.contentId,
        size: there.size,
        listedSize: there.size,
        isInline: there.isInline,
        hasContent: false,
        notCarried,
        state: 'synced',
        isAnnounced: false,
        isHeld: false,
        createdAt: now,
        lastModifiedAt: there.lastModifiedAt ?? now,
      }),
    );
    await attachments.saveMany(tx, userId, added);
    await attachments.deleteMany(tx, userId, plan.gone);
    if (listed.length === 0 && known.length === plan.gone.length && mark.originalDate === undefined) {
      await attachmentMarks.deleteMany(tx, userId, [mark.graphEventId]);
    }
    const deleted = known.filter(({ id, state }) => plan.gone.includes(id) && state !== 'deleting').length;
    if (added.length === 0 && deleted === 0) return;
    const reason = `attachments changed in Outlook: ${added.length} added, ${deleted} deleted`;
    await operations.append(tx, [
      attachmentOperation(context, { id: random.id(), at: now, ...mark }, { side: 'local', reason }),
    ]);
  }

  /**
   * What hung on an event of Outlook's that this one is not any more (made anew, moved): what is here goes there again, unless
   * it is found to be there; what was only listed is listed as it is there now.
   */
  async #ofPresentEvent(
    tx: Tx,
    context: RunContext,
    mark: AttachmentMark,
    known: readonly StoredAttachment[],
  ): Promise<readonly StoredAttachment[]> {
    const { attachments } = this.#parts;
    const strays = known.filter(({ graphEventId: id }) => id !== undefined && id !== mark.graphEventId);
    if (strays.length === 0) return known;
    const kept = strays.filter(({ hasContent, state }) => hasContent && state === 'synced').map(sentAgain);
    await attachments.saveMany(tx, context.userId, kept);
    const keptIds = new Set(kept.map(({ id }) => id));
    await attachments.deleteMany(
      tx,
      context.userId,
      strays.filter(({ id }) => !keptIds.has(id)).map(({ id }) => id),
    );
    return [...known.filter((each) => !strays.includes(each)), ...kept];
  }

  async #fetch(context: RunContext, attachment: StoredAttachment): Promise<void> {
    const { db, attachmentGraph, attachments, leases } = this.#parts;
    const { userId, session } = context;
    const { graphEventId, graphAttachmentId } = attachment;
    if (!graphEventId || !graphAttachmentId) return;
    const room = (this.#parts.maxUserBytes ?? MAX_USER_BYTES) - (await attachments.bytesOf(db, userId));
    // One that we sent ourselves is here already, and only has to be known again.
    const isExpected = (await this.#pendingLike(db, userId, attachment)).length > 0;
    if (attachment.size > room && !isExpected) return this.#leave(context, attachment, 'no-room');
    let content: Uint8Array | 'gone';
    try {
      content = await attachmentGraph.download(session, graphEventId, graphAttachmentId);
    } catch (error) {
      if (isSyncError(error) && isBreakdown(error)) return this.postpone(context, attachment, error);
      if (!isSyncError(error) || error.recovery !== 'give-up') throw error;
      return this.#leave(context, attachment, 'unreadable');
    }
    if (content !== 'gone' && content.length > MAX_ATTACHMENT_BYTES) {
      return this.#leave(context, attachment, 'too-large');
    }
    await db.transaction(async (tx) => {
      await leases.assert(tx, context.lease);
      await this.#parts.events.lockMany(tx, userId, [attachment.eventId]);
      const now = await attachments.find(tx, userId, attachment.id);
      // Deleted here while it travelled.
      if (now?.state !== 'synced') return;
      if (content === 'gone') return attachments.deleteMany(tx, userId, [attachment.id]);
      const digest = digestOf(content);
      const own = (await this.#pendingLike(tx, userId, attachment)).find((each) => each.digest === digest);
      if (own) {
        const state = own.state === 'deleting' ? own.state : 'synced';
        await attachments.deleteMany(tx, userId, [attachment.id]);
        await attachments.saveMany(tx, userId, [{ ...agreedOn(own, { graphEventId, graphAttachmentId }), state }]);
        if (state === 'deleting') await attachments.saveContent(tx, userId, own.id, null);
        return;
      }
      if (content.length > room) return attachments.saveMany(tx, userId, [{ ...now, notCarried: 'no-room' }]);
      const arrived = { digest, size: content.length, failures: undefined, retryAt: undefined };
      await attachments.saveMany(tx, userId, [{ ...now, ...arrived }]);
      await attachments.saveContent(tx, userId, attachment.id, content);
    });
  }

  /** What was sent or is to be sent, and may be the same file: its answer was lost, or both sides added it. */
  async #pendingLike(
    q: Db | Tx,
    userId: RunContext['userId'],
    { eventId, originalDate, name }: StoredAttachment,
  ): Promise<StoredAttachment[]> {
    const all = await this.#parts.attachments.listOf(q, userId, [eventId]);
    return all.filter((each) => isUnknownThere(each) && each.originalDate === originalDate && each.name === name);
  }

  /** Left alone for a while. What it is like now counts: it may have been deleted here meanwhile. */
  async postpone(context: RunContext, { id, eventId }: StoredAttachment, error: SyncError): Promise<void> {
    const { db, attachments, leases, events, clock, logger } = this.#parts;
    await db.transaction(async (tx) => {
      await leases.assert(tx, context.lease);
      await events.lockMany(tx, context.userId, [eventId]);
      const now = await attachments.find(tx, context.userId, id);
      if (now) await attachments.saveMany(tx, context.userId, [postponed(now, clock.now())]);
    });
    context.counters.failed += 1;
    const { graphRequestId, graphCode } = error;
    logger.warn({ jobId: context.jobId, eventId, graphCode, graphRequestId }, 'Graph broke down over an attachment');
  }

  async #leave(context: RunContext, attachment: StoredAttachment, notCarried: NotCarried): Promise<void> {
    const { db, attachments, leases } = this.#parts;
    await db.transaction(async (tx) => {
      await leases.assert(tx, context.lease);
      await this.#parts.events.lockMany(tx, context.userId, [attachment.eventId]);
      const now = await attachments.find(tx, context.userId, attachment.id);
      if (now) await attachments.saveMany(tx, context.userId, [{ ...now, notCarried }]);
    });
  }
}

/** Waits to be sent, or was sent and deleted here before its answer came. */
function isUnknownThere({ state, isAnnounced, graphAttachmentId, hasContent }: StoredAttachment): boolean {
  if (graphAttachmentId !== undefined || !hasContent) return false;
  return state === 'pending' || (state === 'deleting' && isAnnounced);
}

export function digestOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** It is on both sides now. */
export function agreedOn(
  attachment: StoredAttachment,
  at: Pick<StoredAttachment, 'graphEventId' | 'graphAttachmentId'>,
): StoredAttachment {
  const settled = {
    ...{ isAnnounced: false, isHeld: false, errorCode: undefined, errorMessage: undefined },
    ...{ failures: undefined, retryAt: undefined },
  };
  return { ...attachment, ...at, ...settled, state: 'synced' };
}

/** It hung on an event of Outlook's that is gone; looked for before it is sent, because the new one may have it already. */
export function sentAgain(attachment: StoredAttachment): StoredAttachment {
  const { graphEventId: _old, graphAttachmentId: _oldId, ...rest } = attachment;
  return { ...rest, state: 'pending', isAnnounced: true };
}
