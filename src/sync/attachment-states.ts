import type { ListedAttachment, NotCarried } from '../core/attachment.ts';
import type { StoredAttachment } from '../store/attachment.repository.ts';
import type { AttachmentMark } from '../store/attachment-mark.repository.ts';
import { settledAfter } from './attachment-settling.ts';

/** New in Outlook's list: its content is fetched next, unless it stays there. */
export function arrived(
  { listed, notCarried }: { listed: ListedAttachment; notCarried?: NotCarried | undefined },
  { id, mark, now }: { id: string; mark: AttachmentMark; now: Date },
): StoredAttachment {
  const { eventId, originalDate, graphEventId } = mark;
  const { kind, name, contentType, contentId, size, isInline, lastModifiedAt = now } = listed;
  return {
    ...{ id, eventId, originalDate, graphEventId, graphAttachmentId: listed.id, createdAt: now, lastModifiedAt },
    ...{ kind, name, contentType, contentId, size, listedSize: size, isInline, notCarried },
    ...{ hasContent: false, state: 'synced', isAnnounced: false, isHeld: false },
  };
}

/** Waits to be sent, or was sent and deleted here before its answer came. */
export function isUnknownThere({ state, isAnnounced, graphAttachmentId, hasContent }: StoredAttachment): boolean {
  if (graphAttachmentId !== undefined || !hasContent) return false;
  return state === 'pending' || (state === 'deleting' && isAnnounced);
}

/**
 * About to be sent. If nobody hears what became of it, a list that does not show it proves nothing before it has settled, and it
 * is not sent again until then; a pull that finds it earlier knows it.
 */
export function announced(attachment: StoredAttachment, now: Date): StoredAttachment {
  const isNew = attachment.graphAttachmentId === undefined;
  return { ...attachment, isAnnounced: true, ...(isNew ? { retryAt: settledAfter(now) } : {}) };
}

/** It was announced, and whether it was sent, and arrived, is not known. */
export function isUnclear({ isAnnounced, graphAttachmentId }: StoredAttachment): boolean {
  return isAnnounced && graphAttachmentId === undefined;
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
