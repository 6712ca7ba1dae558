import type { StoredAttachment } from '../store/attachment.repository.ts';

/** What names a file in any system, and leads out of a folder in none. */
const UNFIT = /[\p{Cc}\\/:*?"<>|\u202a-\u202e\u2066-\u2069]/gu;
const LONGEST_NAME = 100;

/** Where an archive has an attachment's content: two of one name are told apart by their ids. */
export function fileNameOf({ id, name }: Pick<StoredAttachment, 'id' | 'name'>): string {
  const fit = name.toWellFormed().replace(UNFIT, '_').slice(-LONGEST_NAME).toWellFormed();
  return `attachments/${id}/${fit.replace(/^[. ]+|[. ]+$/g, '') || 'file'}`;
}

/** An attachment as its owner may see it. */
export function attachmentRecord(attachment: StoredAttachment): object {
  const {
    digest: _technical,
    listedSize: _listed,
    isAnnounced: _sent,
    failures: _failures,
    hasContent,
    ...rest
  } = attachment;
  const { retryAt: _when, ...shown } = rest;
  return { ...shown, file: hasContent ? fileNameOf(attachment) : null };
}
