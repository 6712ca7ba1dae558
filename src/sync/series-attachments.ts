import { SyncError } from '../core/errors.ts';
import type { EventId } from '../core/ids.ts';
import type { Random } from '../core/runtime.ts';
import type { AttachmentRepository, StoredAttachment } from '../store/attachment.repository.ts';
import type { Tx } from '../store/db.ts';
import type { StoredEvent } from '../store/event.repository.ts';

/**
 * Files of single dates are changed in Outlook only, which drops them with their dates: a series whose later dates have some is
 * not divided.
 *
 * @throws {SyncError} `conflict-state`
 */
export async function assertNoneOfDates(
  tx: Tx,
  attachments: AttachmentRepository,
  { id, userId }: StoredEvent,
  from: string,
): Promise<void> {
  const all = await attachments.listOf(tx, userId, [id]);
  const date = all.map(({ originalDate = '' }) => originalDate).find((each) => each >= from);
  if (date === undefined) return;
  throw new SyncError(
    'conflict-state',
    `${date} of series ${id} has attachments of its own, which Outlook would drop with the date: change single dates instead`,
  );
}

/** The series that follows has the files of the one it was part of; whatever is only listed here stays there. */
export async function copyAttachments(
  tx: Tx,
  { attachments, random }: { readonly attachments: AttachmentRepository; readonly random: Random },
  from: StoredEvent,
  { id: eventId, createdAt }: Pick<StoredEvent, 'id' | 'createdAt'>,
): Promise<void> {
  const { userId } = from;
  const all = await attachments.listOf(tx, userId, [from.id]);
  const files = all.filter(
    ({ originalDate, hasContent, state }) => !originalDate && hasContent && state !== 'deleting',
  );
  for (const file of files) {
    const content = await attachments.readContent(tx, userId, file.id);
    if (!content) continue;
    const copy = unsent(file, { id: random.id(), eventId, createdAt });
    await attachments.saveMany(tx, userId, [copy]);
    await attachments.saveContent(tx, userId, copy.id, content);
  }
}

function unsent(
  file: StoredAttachment,
  { id, eventId, createdAt }: { id: string; eventId: EventId; createdAt: Date },
): StoredAttachment {
  const { name, contentType, contentId, digest, size, isInline } = file;
  return {
    ...{ id, eventId, createdAt, lastModifiedAt: createdAt, kind: 'file', state: 'pending' },
    ...{ name, contentType, contentId, digest, size, isInline },
    ...{ hasContent: true, isAnnounced: false, isHeld: false },
  };
}
