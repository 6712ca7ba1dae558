import { equalContent } from '../core/canonical-event.ts';
import { isSyncError, type SyncError } from '../core/errors.ts';
import type { EventId, GraphEventId } from '../core/ids.ts';
import { mayDelete } from '../core/outgoing-change.ts';
import { isLeftAlone } from '../core/rules.ts';
import type { CalendarGraph } from '../graph/calendar-graph.ts';
import { isBreakdown } from '../graph/graph-errors.ts';
import type { StoredAttachment } from '../store/attachment.repository.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { Tx } from '../store/db.ts';
import type { StoredEvent } from '../store/event.repository.ts';
import { attachmentOperation } from './attachment-operation.ts';
import type { AttachmentParts, AttachmentReader } from './attachment-reader.ts';
import { isDue, putOff } from './attachment-retry.ts';
import { rememberWrite } from './attachment-settling.ts';
import { agreedOn, announced, isUnclear, sentAgain } from './attachment-states.ts';
import type { PullOutcome } from './pull-round.ts';
import { agreedContent } from './remote-planner.ts';
import { assertNotCancelled, type RunContext } from './run-context.ts';

const STEP = 20;
const HELD = 'kept here: it could mail guests, or the event belongs to somebody else';

export interface AttachmentPusherParts extends AttachmentParts {
  readonly graph: CalendarGraph;
  readonly bases: BaseRepository;
  readonly reader: AttachmentReader;
}

interface Target {
  readonly event: StoredEvent;
  readonly base: EventBase;
  readonly graphEventId: GraphEventId;
}

/**
 * Sends attachments added or deleted here, one event after the other and one file at a time. Graph has nothing to know a second
 * one by, so each is announced before it is sent, and what was announced is looked for before it is sent again.
 */
export class AttachmentPusher {
  readonly #parts: AttachmentPusherParts;

  constructor(parts: AttachmentPusherParts) {
    this.#parts = parts;
  }

  async push(context: RunContext): Promise<PullOutcome> {
    const { db, attachmentMarks } = this.#parts;
    const { userId, calendarId, dateRange: range } = context;
    let after: EventId | undefined;
    for (;;) {
      const eventIds = await attachmentMarks.listWaiting(db, userId, calendarId, { limit: STEP, after, range });
      if (eventIds.length === 0) return 'complete';
      for (const target of await this.#load(context, eventIds)) {
        assertNotCancelled(context);
        if (context.counters.isExhausted) return 'out-of-capacity';
        await this.#pushOne(context, target);
      }
      after = eventIds.at(-1);
    }
  }

  async #load(context: RunContext, eventIds: readonly EventId[]): Promise<Target[]> {
    const { db, events, bases } = this.#parts;
    const stored = await events.findMany(db, context.userId, eventIds);
    const known = await bases.findByEventIds(db, context.userId, eventIds);
    return eventIds.flatMap((id) => {
      const [event, base] = [stored.get(id), known.get(id)];
      const isThere = event && base?.graphEventId && agreedContent(base);
      return isThere ? [{ event, base, graphEventId: base.graphEventId }] : [];
    });
  }

  async #pushOne(context: RunContext, found: Target): Promise<void> {
    const isAllowed = mayChange(context, found);
    let target = found;
    let waiting = (await this.#prepare(context, target, isAllowed)).filter((each) => isDue(each, context.now));
    if (!isAllowed || waiting.length === 0) return;
    context.counters.found(1);
    context.counters.handled(1);
    if (waiting.some(isUnclear)) {
      const looked = await this.#lookAgain(context, target);
      if (looked.retryAt) await this.#leaveUnclear(context, waiting, looked.retryAt);
      target = looked.target;
      waiting = await this.#waiting(context, target);
      if (waiting.length === 0) return;
    }
    await this.#announce(context, target, waiting);
    let written = 0;
    for (const attachment of waiting) {
      assertNotCancelled(context);
      if (await this.#send(context, target, attachment)) written += 1;
    }
    if (written === 0) return;
    context.counters.remote.updated += 1;
    await this.#lookAgain(context, target);
  }

  /** What is to be sent for this event, or is held; files of an event of Outlook's that this one is not any more go again. */
  async #prepare(context: RunContext, target: Target, isAllowed: boolean): Promise<StoredAttachment[]> {
    const { attachments, operations, clock, random } = this.#parts;
    const { userId } = context;
    const { event, graphEventId } = target;
    return this.#inTransaction(context, event.id, async (tx) => {
      const all = (await attachments.listOf(tx, userId, [event.id])).filter(({ originalDate }) => !originalDate);
      const strays = all.filter(({ graphEventId: id }) => id !== undefined && id !== graphEventId);
      const kept = strays.filter(({ hasContent, state }) => hasContent && state === 'synced').map(sentAgain);
      const keptIds = new Set(kept.map(({ id }) => id));
      const lost = strays.filter(({ id }) => !keptIds.has(id)).map(({ id }) => id);
      await attachments.deleteMany(tx, userId, lost);
      const waiting = [...all.filter((each) => !strays.includes(each)).filter(isWaiting), ...kept];
      const changed = waiting
        .filter(({ isHeld }) => isHeld === isAllowed)
        .map((each) => ({ ...each, isHeld: !isAllowed }));
      const ids = new Set(changed.map(({ id }) => id));
      await attachments.saveMany(tx, userId, [...kept.filter(({ id }) => !ids.has(id)), ...changed]);
      if (!isAllowed && changed.length > 0) {
        const of = { id: random.id(), at: clock.now(), eventId: event.id, graphEventId };
        const held = { side: 'remote' as const, operation: 'hold' as const, reason: HELD };
        await operations.append(tx, [attachmentOperation(context, of, held)]);
      }
      return waiting;
    });
  }

  async #waiting(context: RunContext, { event }: Target): Promise<StoredAttachment[]> {
    const all = await this.#parts.attachments.listOf(this.#parts.db, context.userId, [event.id]);
    return all.filter((each) => !each.originalDate && isWaiting(each) && isDue(each, context.now));
  }

  /** Before anything is sent: whatever happens then, the next attempt looks first, and a pull reads the event's attachments. */
  async #announce(context: RunContext, target: Target, waiting: readonly StoredAttachment[]): Promise<void> {
    const { attachments, attachmentMarks, clock } = this.#parts;
    const { event, graphEventId, base } = target;
    await this.#inTransaction(context, event.id, async (tx) => {
      const fresh = await this.#fresh(tx, context, waiting);
      const sent = fresh.map((each) => announced(each, clock.now()));
      await attachments.saveMany(tx, context.userId, sent);
      const sign = { graphEventId, eventId: event.id, etag: base.etag ?? '', hasAttachments: true };
      await attachmentMarks.note(tx, context.userId, [sign]);
    });
  }

  /** As they are now: a person may have deleted one meanwhile. */
  async #fresh(tx: Tx, context: RunContext, waiting: readonly StoredAttachment[]): Promise<StoredAttachment[]> {
    const ids = new Set(waiting.map(({ id }) => id));
    const eventIds = [...new Set(waiting.map(({ eventId }) => eventId))];
    const all = await this.#parts.attachments.listOf(tx, context.userId, eventIds);
    return all.filter(({ id }) => ids.has(id));
  }

  /** @returns whether Outlook is another one than before */
  async #send(context: RunContext, target: Target, waiting: StoredAttachment): Promise<boolean> {
    const { db, attachmentGraph, attachments } = this.#parts;
    const { graphEventId } = target;
    const attachment = await attachments.find(db, context.userId, waiting.id);
    if (!attachment || !isWaiting(attachment)) return false;
    try {
      if (attachment.state === 'deleting') {
        const { graphAttachmentId } = attachment;
        if (graphAttachmentId) await attachmentGraph.remove(context.session, graphEventId, graphAttachmentId);
        await this.#settle(context, target, attachment, { kind: 'removed' });
        return graphAttachmentId !== undefined;
      }
      const content = await attachments.readContent(db, context.userId, attachment.id);
      if (!content) return false;
      const graphAttachmentId = await attachmentGraph.add(context.session, graphEventId, { ...attachment, content });
      await this.#settle(context, target, attachment, { kind: 'added', graphAttachmentId });
      return true;
    } catch (error) {
      if (!isSyncError(error)) throw error;
      if (error.code === 'not-found' || error.recovery === 'refetch') {
        await this.#putOff(context, attachment);
        return false;
      }
      if (isBreakdown(error)) {
        await this.#parts.reader.postpone(context, attachment, error);
        return false;
      }
      if (error.code !== 'rejected' && error.code !== 'forbidden') throw error;
      await this.#settle(context, target, attachment, { kind: 'refused', error });
      return false;
    }
  }

  /** Nobody could tell whether they arrived: they are looked for again, and not sent before. */
  async #leaveUnclear(context: RunContext, waiting: readonly StoredAttachment[], retryAt: Date): Promise<void> {
    const [first] = waiting;
    if (!first) return;
    await this.#inTransaction(context, first.eventId, async (tx) => {
      const unclear = (await this.#fresh(tx, context, waiting)).filter(isUnclear);
      const later = unclear.map((each) => ({ ...each, retryAt }));
      await this.#parts.attachments.saveMany(tx, context.userId, later);
    });
  }

  async #putOff(context: RunContext, { id, eventId }: StoredAttachment): Promise<void> {
    const { attachments, clock } = this.#parts;
    await this.#inTransaction(context, eventId, async (tx) => {
      const now = await attachments.find(tx, context.userId, id);
      if (now) await attachments.saveMany(tx, context.userId, [putOff(now, clock.now())]);
    });
  }

  async #settle(
    context: RunContext,
    { event, graphEventId }: Target,
    attachment: StoredAttachment,
    outcome: { kind: 'removed' } | { kind: 'added'; graphAttachmentId: string } | { kind: 'refused'; error: SyncError },
  ): Promise<void> {
    const { attachments, operations, clock, random } = this.#parts;
    const { userId } = context;
    await this.#inTransaction(context, event.id, async (tx) => {
      const now = await attachments.find(tx, userId, attachment.id);
      const of = { id: random.id(), at: clock.now(), eventId: event.id, graphEventId };
      if (outcome.kind === 'removed') {
        await attachments.deleteMany(tx, userId, [attachment.id]);
        if (!attachment.graphAttachmentId) return;
        const { graphAttachmentId: id } = attachment;
        await rememberWrite(tx, this.#parts, { graphEventId, eventId: event.id }, { userId, id, isThere: false });
        const reason = 'attachment deleted here';
        await operations.append(tx, [attachmentOperation(context, of, { side: 'remote', reason })]);
      } else if (outcome.kind === 'added') {
        const { graphAttachmentId } = outcome;
        // Deleted here while it travelled: it is deleted there next.
        const state = now?.state === 'deleting' ? ('deleting' as const) : ('synced' as const);
        if (now)
          await attachments.saveMany(tx, userId, [{ ...agreedOn(now, { graphEventId, graphAttachmentId }), state }]);
        const written = { userId, id: graphAttachmentId, isThere: true };
        await rememberWrite(tx, this.#parts, { graphEventId, eventId: event.id }, written);
        const reason = 'attachment added here';
        await operations.append(tx, [attachmentOperation(context, of, { side: 'remote', reason })]);
      } else {
        const { error } = outcome;
        const refused = { errorCode: error.graphCode ?? error.code, errorMessage: error.message };
        // What Outlook does not give up is shown again.
        const state = now?.state === 'deleting' ? ('synced' as const) : now?.state;
        if (now && state) {
          await attachments.saveMany(tx, userId, [{ ...now, ...refused, state, isAnnounced: false, isHeld: false }]);
        }
        const reason = 'refused by Graph';
        const failed = { side: 'remote' as const, operation: 'fail' as const, reason, error };
        await operations.append(tx, [attachmentOperation(context, of, failed)]);
        context.counters.failed += 1;
      }
    });
  }

  /**
   * Reads event and attachments again, the event first: what happens in between moves its tag once more and is seen then. If
   * the event is as it was but for its tag, that is the echo of our own write, and the next pull need not be told.
   *
   * @returns the event with the tag it has now, if that is agreed on; and when to look again, if nothing could be seen
   */
  async #lookAgain(context: RunContext, target: Target): Promise<{ target: Target; retryAt?: Date | undefined }> {
    const { event, base, graphEventId } = target;
    const { graph, reader, attachmentMarks } = this.#parts;
    const remote = (await graph.readEvents(context.session, [graphEventId])).get(graphEventId);
    if (!remote || remote === 'gone') return { target };
    // Of a series only its master was read: somebody may have changed one of its dates.
    const isAlone = base.remote !== null && base.remote.recurrence === null && remote.content.recurrence === null;
    const isEcho = isAlone && base.remote !== null && equalContent(remote.content, base.remote);
    const mark = { graphEventId, eventId: event.id, etag: remote.etag };
    await this.#inTransaction(context, event.id, async (tx) => {
      await attachmentMarks.note(tx, context.userId, [{ ...mark, hasAttachments: true }]);
      if (!isEcho || !base.etag) return;
      await attachmentMarks.learnEtag(tx, context.userId, { eventId: event.id, from: base.etag, to: remote.etag });
    });
    const [later] = await reader.look(context, [mark]);
    await reader.fetchMissing(context, event.id);
    const seen = isEcho ? { ...target, base: { ...base, etag: remote.etag } } : target;
    return { target: seen, retryAt: later?.retryAt };
  }

  async #inTransaction<T>(context: RunContext, eventId: EventId, work: (tx: Tx) => Promise<T>): Promise<T> {
    const { db, events, leases } = this.#parts;
    return db.transaction(async (tx) => {
      await leases.assert(tx, context.lease);
      await events.lockMany(tx, context.userId, [eventId]);
      return work(tx);
    });
  }
}

function isWaiting({ state, errorCode }: StoredAttachment): boolean {
  return state !== 'synced' && errorCode === undefined;
}

/** Whether a change of its attachments may go to Outlook: it may make Exchange mail guests (graph contract 6.4). */
function mayChange({ rules, notifyAttendees: policy }: RunContext, { event, base }: Target): boolean {
  const agreed = agreedContent(base);
  if (event.facts?.isOrganizer === false) return false;
  if (isLeftAlone(rules, { local: event.content, ...(agreed ? { agreed } : {}) })) return false;
  return mayDelete({ agreed, facts: event.facts, policy });
}
