import { isSameList, type ListedAttachment } from '../core/attachment.ts';
import { isSyncError, type SyncError } from '../core/errors.ts';
import type { StoredAttachment } from '../store/attachment.repository.ts';
import type { AttachmentMark } from '../store/attachment-mark.repository.ts';

/** An exception without attachments of its own shows its series'. */
export function isInherited(
  mark: AttachmentMark,
  of: {
    listed: readonly ListedAttachment[];
    lists: ReadonlyMap<string, readonly ListedAttachment[] | SyncError>;
    marks: readonly AttachmentMark[];
  },
  all: readonly StoredAttachment[],
): boolean {
  const master = of.marks.find(({ eventId, originalDate }) => eventId === mark.eventId && originalDate === undefined);
  const read = master && of.lists.get(master.graphEventId);
  if (read && !isSyncError(read)) return isSameList(of.listed, read);
  const ofSeries = all.filter((each) => each.originalDate === undefined && each.graphAttachmentId !== undefined);
  return (
    ofSeries.length === of.listed.length &&
    of.listed.every(({ kind, name, size }) =>
      ofSeries.some((own) => own.kind === kind && own.name === name && (own.listedSize ?? size) === size),
    )
  );
}
