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
import type { AttachmentMark, AttachmentMarkRepository, PostponedMark } from '../store/attachment-mark.repository.ts';
import type { Db, Tx } from '../store/db.ts';
import type { EventRepository } from '../store/event.repository.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { OperationRepository } from '../store/operation.repository.ts';
import { attachmentOperation } from './attachment-operation.ts';
import { isDue, postponed } from './attachment-retry.ts';
import {
  contradicts,
  dateDoubtedUntil,
  lookedAtAgain,
  MOST_DOUBTS,
  rememberWrite,
  type Settlings,
} from './attachment-settling.ts';
import { agreedOn, arrived, isUnknownThere, sentAgain } from './attachment-states.ts';
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
   * @returns those over which Graph broke down, or whose list knows nothing of what we wrote: they are to be looked at again
   */
  async look(context: RunContext, marks: readonly AttachmentMark[]): Promise<PostponedMark[]> {
    const { db, attachmentGraph, attachmentMarks, events, leases, clock, logger } = this.#parts;
    const lists = await attachmentGraph.list(
      context.session,
      marks.map(({ graphEventId }) => graphEventId),
    );
    const now = clock.now();
    const unread = marks.flatMap((mark): PostponedMark[] => {
      const listed = lists.get(mark.graphEventId);
      if (!isSyncError(listed) || !isBreakdown(listed)) return [];
      return [{ ...mark, retryAt: new Date(now.getTime() + eventRetryMs((mark.failures ?? 0) + 1)) }];
    });
    const doubted: PostponedMark[] = [];
    await db.transaction(async (tx) => {
      await leases.assert(tx, context.lease);
      const ids = [...new Set(marks.map(({ eventId }) => eventId))];
      const stored = await events.lockMany(tx, context.userId, ids);
      const settlings = await attachmentMarks.listSettling(tx, context.userId, {
        eventIds: ids,
        now,
        mostDoubts: MOST_DOUBTS,
      });
      for (const mark of marks) {
        const listed = lists.get(mark.graphEventId);
        if (!stored.has(mark.eventId) || listed === undefined) continue;
        if (!isSyncError(listed)) {
          const retryAt = await this.#apply(tx, context, mark, { listed, lists, marks, settlings });
          if (retryAt) doubted.push({ ...mark, retryAt });
        } else if (isGone(listed)) {
          // What became of the event itself, the next pull tells; or the list comes from before there was one.
          const settling = settlings.get(mark.graphEventId);
          if (settling) doubted.push({ ...mark, retryAt: lookedAtAgain(settling, now) });
          else if ((mark.doubts ?? 0) < MOST_DOUBTS) doubted.push({ ...mark, retryAt: now });
          else await attachmentMarks.deleteMany(tx, context.userId, [mark.graphEventId]);
        } else {
          const { graphRequestId, graphCode } = listed;
          logger.warn(
            { jobId: context.jobId, eventId: mark.eventId, graphCode, graphRequestId },
            'attachments refused',
          );
        }
      }
      const later = new Set([...unread, ...doubted].map(({ graphEventId }) => graphEventId));
      const seen = marks.filter(({ graphEventId }) => !later.has(graphEventId));
      await attachmentMarks.saveSeen(tx, context.userId, seen, now);
      await attachmentMarks.postpone(tx, context.userId, unread);
      await attachmentMarks.doubt(tx, context.userId, doubted);
    });
    return [...unread, ...doubted];
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
        await this.#fetch(context, attachment, postponedIds);
        if (eventId === undefined) {
          context.counters.found(1);
          context.counters.handled(1);
        }
      }
    }
  }

  /** @returns until when the list is not believed, and nothing of it is applied */
  async #apply(
    tx: Tx,
    context: RunContext,
    mark: AttachmentMark,
    of: {
      listed: readonly ListedAttachment[];
      lists: ReadonlyMap<string, readonly ListedAttachment[] | SyncError>;
      marks: readonly AttachmentMark[];
      settlings: Settlings;
    },
  ): Promise<Date | undefined> {
    const { attachments, attachmentMarks, operations, clock, random } = this.#parts;
    const { userId } = context;
    const now = clock.now();
    const settling = of.settlings.get(mark.graphEventId);
    if (settling && contradicts(of.listed, settling)) return lookedAtAgain(settling, now);
    const all = await attachments.listOf(tx, userId, [mark.eventId]);
    const own = all.filter(({ originalDate }) => originalDate === mark.originalDate);
    const inherits = mark.originalDate !== undefined && isInherited(mark, of, all);
    const listed = inherits ? [] : of.listed;
    const doubtful = { ...of, all, now, isInherited: inherits, plan: planAttachments(own, listed) };
    const doubtedUntil = dateDoubtedUntil(mark, doubtful);
    if (doubtedUntil) return doubtedUntil;
    const known = await this.#ofPresentEvent(tx, context, mark, own);
    const plan = planAttachments(known, listed);
    const added = plan.added.map((each) => arrived(each, { id: random.id(), mark, now }));
    await attachments.saveMany(tx, userId, added);
    await attachments.deleteMany(tx, userId, plan.gone);
    const gone = known.filter(({ id }) => plan.gone.includes(id));
    // Taken off by us, and the answer was lost.
    const ours = gone.filter(({ state }) => state === 'deleting');
    for (const { graphAttachmentId: id } of ours)
      await rememberWrite(tx, this.#parts, mark, { userId, id, isThere: false });
    const isWithout = listed.length === 0 && known.length === gone.length && mark.originalDate === undefined;
    if (isWithout && !settling && ours.length === 0) {
      await attachmentMarks.deleteMany(tx, userId, [mark.graphEventId]);
    }
    const deleted = gone.length - ours.length;
    if (added.length === 0 && deleted === 0) return undefined;
    const reason = `attachments changed in Outlook: ${added.length} added, ${deleted} deleted`;
    await operations.append(tx, [
      attachmentOperation(context, { id: random.id(), at: now, ...mark }, { side: 'local', reason }),
    ]);
    return undefined;
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

  /** @param postponedIds  gets what the next run is to ask for once more */
  async #fetch(context: RunContext, attachment: StoredAttachment, postponedIds: Set<string>): Promise<void> {
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
      if (content === 'gone') {
        // A server that is behind does not know it yet: it is asked for twice before it counts as deleted.
        const isLast = (now.failures ?? 0) > 0;
        postponedIds.add(attachment.id);
        return isLast
          ? attachments.deleteMany(tx, userId, [attachment.id])
          : attachments.saveMany(tx, userId, [{ ...now, failures: 1 }]);
      }
      const digest = digestOf(content);
      const own = (await this.#pendingLike(tx, userId, attachment)).find((each) => each.digest === digest);
      if (own) {
        const state = own.state === 'deleting' ? own.state : 'synced';
        await attachments.deleteMany(tx, userId, [attachment.id]);
        await attachments.saveMany(tx, userId, [{ ...agreedOn(own, { graphEventId, graphAttachmentId }), state }]);
        if (state === 'deleting') await attachments.saveContent(tx, userId, own.id, null);
        await rememberWrite(
          tx,
          this.#parts,
          { ...own, graphEventId },
          { userId, id: graphAttachmentId, isThere: true },
        );
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

export function digestOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
