import { MAX_ATTACHMENT_BYTES, MAX_ATTACHMENTS, MAX_USER_BYTES, reasonOf } from '../core/attachment.ts';
import { SyncError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import type { Clock, Random } from '../core/runtime.ts';
import type { AttachmentRepository, StoredAttachment } from '../store/attachment.repository.ts';
import type { CalendarRepository } from '../store/calendar.repository.ts';
import type { ConnectionRepository } from '../store/connection.repository.ts';
import type { Db, Queryable, Tx } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';
import type { SettingsRepository } from '../store/settings.repository.ts';
import { digestOf } from './attachment-reader.ts';
import { EventGate } from './event-gate.ts';
import { type EventTarget, idsIn, targetOf } from './event-target.ts';
import type { RunQueue } from './run-queue.ts';

export interface AttachmentView {
  readonly id: string;
  readonly name: string;
  readonly contentType: string;
  readonly size: number;
  readonly isInline: boolean;
  readonly contentId: string | null;
  readonly kind: 'file' | 'item' | 'reference';
  /** Whether its content is kept here, or will be once it has arrived. */
  readonly isCarried: boolean;
  /** Why it is not carried, held, or refused. */
  readonly reason: string | null;
  readonly syncState: 'synced' | 'pending' | 'held' | 'error';
  readonly lastModifiedDateTime: string;
}

export interface AttachmentInput {
  readonly name: string;
  readonly contentType: string;
  readonly content: Uint8Array;
  readonly isInline?: boolean;
  readonly contentId?: string;
}

/**
 * Attachments of the application's events. What is added or deleted here waits, and is on its way to Outlook within seconds.
 * An event or attachment that is not the user's own is answered as one that does not exist.
 */
export class AttachmentService {
  readonly #db: Db;
  readonly #events: EventRepository;
  readonly #attachments: AttachmentRepository;
  readonly #gate: EventGate;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #maxUserBytes: number;

  constructor(parts: {
    db: Db;
    events: EventRepository;
    attachments: AttachmentRepository;
    calendars: CalendarRepository;
    connections: ConnectionRepository;
    settings: SettingsRepository;
    queue: RunQueue;
    clock: Clock;
    random: Random;
    maxUserBytes?: number;
  }) {
    this.#db = parts.db;
    this.#events = parts.events;
    this.#attachments = parts.attachments;
    this.#gate = new EventGate(parts);
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#maxUserBytes = parts.maxUserBytes ?? MAX_USER_BYTES;
  }

  /** @throws {SyncError} `not-found` */
  async list(userId: UserId, eventId: string): Promise<{ items: AttachmentView[] }> {
    const target = targetOf(eventId, await this.#events.findMany(this.#db, userId, idsIn(eventId)));
    return { items: (await this.#listOf(this.#db, userId, target)).map(viewOf) };
  }

  /** @throws {SyncError} `not-found`; `conflict-state` for one that is only listed, or has not arrived yet */
  async content(userId: UserId, eventId: string, id: string): Promise<{ name: string; content: Uint8Array }> {
    const target = targetOf(eventId, await this.#events.findMany(this.#db, userId, idsIn(eventId)));
    const attachment = await this.#find(this.#db, userId, target, id);
    const content = await this.#attachments.readContent(this.#db, userId, attachment.id);
    if (content) return { name: attachment.name, content };
    const why = attachment.notCarried
      ? reasonOf(attachment.notCarried)
      : 'its content has not arrived from Outlook yet';
    throw new SyncError('conflict-state', `attachment ${id} cannot be downloaded: ${why}`);
  }

  /**
   * @throws {SyncError} `not-found`, `access-denied`; `conflict-state` for somebody else's meeting; `impossible-input` for what
   *   cannot be carried, or one date of a series
   */
  async add(
    userId: UserId,
    eventId: string,
    input: AttachmentInput,
    how: { correlationId?: string } = {},
  ): Promise<AttachmentView> {
    assertCarried(input);
    const now = this.#clock.now();
    return this.#db.transaction(async (tx) => {
      const event = await this.#open(tx, userId, eventId);
      const present = await this.#attachments.listOf(tx, userId, [event.id]);
      if (present.filter(({ originalDate }) => originalDate === undefined).length >= MAX_ATTACHMENTS) {
        throw new SyncError('impossible-input', `an event has at most ${MAX_ATTACHMENTS} attachments`);
      }
      const used = await this.#attachments.bytesOf(tx, userId);
      if (used + input.content.length > this.#maxUserBytes) {
        const limit = `all attachments together may have ${this.#maxUserBytes} bytes, and ${used} are taken`;
        throw new SyncError('impossible-input', `there is no room for this attachment: ${limit}`);
      }
      const attachment: StoredAttachment = {
        id: this.#random.id(),
        eventId: event.id,
        kind: 'file',
        name: input.name,
        contentType: input.contentType,
        contentId: input.contentId,
        digest: digestOf(input.content),
        size: input.content.length,
        isInline: input.isInline ?? false,
        hasContent: true,
        state: 'pending',
        isAnnounced: false,
        isHeld: false,
        createdAt: now,
        lastModifiedAt: now,
      };
      await this.#attachments.saveMany(tx, userId, [attachment]);
      await this.#attachments.saveContent(tx, userId, attachment.id, input.content);
      await this.#gate.sendOnItsWay(tx, { userId, calendarId: event.calendarId, correlationId: how.correlationId });
      return viewOf(attachment);
    });
  }

  /** @throws {SyncError} `not-found`, `access-denied`; `conflict-state` for somebody else's meeting */
  async remove(userId: UserId, eventId: string, id: string, how: { correlationId?: string } = {}): Promise<void> {
    await this.#db.transaction(async (tx) => {
      const event = await this.#open(tx, userId, eventId);
      const attachment = await this.#find(tx, userId, { event }, id);
      if (attachment.state === 'pending' && !attachment.isAnnounced) {
        await this.#attachments.deleteMany(tx, userId, [id]);
        return;
      }
      // What may be there under an answer that never came is deleted once it is found.
      const gone = { ...attachment, state: 'deleting' as const, errorCode: undefined, errorMessage: undefined };
      await this.#attachments.saveMany(tx, userId, [gone]);
      if (attachment.graphAttachmentId) await this.#attachments.saveContent(tx, userId, id, null);
      await this.#gate.sendOnItsWay(tx, { userId, calendarId: event.calendarId, correlationId: how.correlationId });
    });
  }

  /** The event, locked, if its attachments may be changed here. */
  async #open(tx: Tx, userId: UserId, eventId: string): Promise<StoredEvent> {
    const { event, originalDate } = targetOf(eventId, await this.#events.lockMany(tx, userId, idsIn(eventId)));
    if (originalDate !== undefined) {
      throw new SyncError(
        'impossible-input',
        `attachments of single dates are changed in Outlook only: change those of the series, ${event.id}`,
      );
    }
    await this.#gate.assertWritable(tx, userId, event.calendarId);
    if (event.facts?.isOrganizer === false) {
      const message = `event ${event.id} is somebody else's meeting: its attachments are changed by whoever organizes it`;
      throw new SyncError('conflict-state', message);
    }
    return event;
  }

  /** Of one date those it has for itself, or its series'. */
  async #listOf(q: Queryable, userId: UserId, { event, originalDate }: EventTarget): Promise<StoredAttachment[]> {
    const all = (await this.#attachments.listOf(q, userId, [event.id])).filter(isShown).sort(byAge);
    const own = all.filter((each) => each.originalDate === originalDate);
    return own.length > 0 || originalDate === undefined ? own : all.filter((each) => each.originalDate === undefined);
  }

  async #find(q: Queryable, userId: UserId, target: EventTarget, id: string): Promise<StoredAttachment> {
    const attachment = (await this.#listOf(q, userId, target)).find((each) => each.id === id);
    if (attachment) return attachment;
    throw new SyncError('not-found', `there is no attachment ${id.slice(0, 100)} on event ${target.event.id}`);
  }
}

function byAge(a: StoredAttachment, b: StoredAttachment): number {
  return a.createdAt.getTime() - b.createdAt.getTime() || (a.name < b.name ? -1 : 1);
}

/** A deletion that is held is shown: the attachment is in Outlook still. */
function isShown({ state, isHeld }: StoredAttachment): boolean {
  return state !== 'deleting' || isHeld;
}

function assertCarried({ content, name }: AttachmentInput): void {
  if (content.length > MAX_ATTACHMENT_BYTES) {
    const message = `an attachment has at most ${MAX_ATTACHMENT_BYTES} bytes, this one ${content.length}`;
    throw new SyncError('impossible-input', message, { problems: [{ path: 'contentBytes', message }] });
  }
  if (name.trim() === '') {
    throw new SyncError('impossible-input', 'an attachment needs a name', {
      problems: [{ path: 'name', message: 'must not be blank' }],
    });
  }
}

const HELD = 'it waits here: sending it could mail guests (notifyAttendees), or the event is left alone by the rules';
const HELD_DELETION = 'it was deleted here and stays in Outlook: deleting it there could mail guests (notifyAttendees)';

function viewOf(attachment: StoredAttachment): AttachmentView {
  const { state, isHeld, notCarried, errorCode, errorMessage } = attachment;
  const syncState = errorCode !== undefined ? 'error' : isHeld ? 'held' : state === 'synced' ? 'synced' : 'pending';
  const held = state === 'deleting' ? HELD_DELETION : HELD;
  const trouble = errorCode === undefined ? (isHeld ? held : null) : `Outlook refused it: ${errorMessage ?? errorCode}`;
  return {
    id: attachment.id,
    name: attachment.name,
    contentType: attachment.contentType,
    size: attachment.size,
    isInline: attachment.isInline,
    contentId: attachment.contentId ?? null,
    kind: attachment.kind,
    isCarried: notCarried === undefined && state !== 'deleting',
    reason: trouble ?? (notCarried === undefined ? null : reasonOf(notCarried)),
    syncState,
    lastModifiedDateTime: attachment.lastModifiedAt.toISOString(),
  };
}
