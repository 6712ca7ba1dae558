/**
 * What of an event's attachments is carried between the two sides, and what is only listed.
 *
 * Graph takes and gives files of up to 3 MB in one request (graph contract 1.8); larger ones need an upload session, and items
 * and links have no content of their own.
 */

export type AttachmentKind = 'file' | 'item' | 'reference';

/** Why an attachment is listed without its content. */
export type NotCarried = 'too-large' | 'item' | 'reference' | 'no-room' | 'too-many' | 'unreadable';

/** Where an attachment stands: on both sides, only here yet, or deleted here and in Outlook still. */
export type AttachmentState = 'synced' | 'pending' | 'deleting';

export const MAX_ATTACHMENT_BYTES = 3 * 1024 * 1024;
/** More files than anybody hangs on one meeting; what is beyond is listed. */
export const MAX_ATTACHMENTS = 100;
/** What of one user's attachments is kept here, all together. */
export const MAX_USER_BYTES = 1024 * 1024 * 1024;
/** Exchange counts what it keeps beside the bytes as well: a file of just 3 MB is listed as a little more. */
const OVERHEAD_BYTES = 64 * 1024;

/** An attachment as a list of Graph's has it. */
export interface ListedAttachment {
  readonly id: string;
  readonly kind: AttachmentKind;
  readonly name: string;
  readonly contentType: string;
  readonly contentId?: string | undefined;
  readonly size: number;
  readonly isInline: boolean;
  readonly lastModifiedAt?: Date | undefined;
}

const REASONS: Record<NotCarried, string> = {
  'too-large': 'it is larger than 3 MB: it stays in Outlook and is only listed here',
  item: 'it is an Outlook item, not a file: it stays in Outlook and is only listed here',
  reference: 'it is a link to a file elsewhere, not a file: it stays in Outlook and is only listed here',
  'no-room': 'the attachments kept here have reached their limit: it stays in Outlook and is only listed here',
  'too-many': `the event has more than ${MAX_ATTACHMENTS} attachments: this one stays in Outlook and is only listed here`,
  unreadable: 'Outlook lists it and does not give its content: it stays in Outlook and is only listed here',
};

export function reasonOf(why: NotCarried): string {
  return REASONS[why];
}

/** @param before  how many attachments of the event are carried already */
export function notCarried(listed: ListedAttachment, before: number): NotCarried | undefined {
  if (listed.kind !== 'file') return listed.kind;
  if (listed.size > MAX_ATTACHMENT_BYTES + OVERHEAD_BYTES) return 'too-large';
  return before >= MAX_ATTACHMENTS ? 'too-many' : undefined;
}

/** What is known here of an attachment that a list of Graph's is held against. */
export interface KnownAttachment {
  readonly id: string;
  readonly graphAttachmentId?: string | undefined;
  readonly notCarried?: NotCarried | undefined;
}

export interface AttachmentPlan {
  readonly added: readonly { readonly listed: ListedAttachment; readonly notCarried: NotCarried | undefined }[];
  /** Deleted in Outlook and, if they were not here as well, untouched here. */
  readonly gone: readonly string[];
}

/**
 * Unites both sides, attachment by attachment. Outlook's never change, they only come and go; what is not sent yet is never
 * taken for what was deleted.
 */
export function planAttachments(
  known: readonly KnownAttachment[],
  listed: readonly ListedAttachment[],
): AttachmentPlan {
  const there = new Set(listed.map(({ id }) => id));
  const here = new Set(known.flatMap(({ graphAttachmentId }) => graphAttachmentId ?? []));
  const missing = known.filter(({ graphAttachmentId: id }) => id !== undefined && !there.has(id));
  let carried = known.filter((each) => !missing.includes(each) && each.notCarried === undefined).length;
  const added = listed
    .filter(({ id }) => !here.has(id))
    .map((attachment) => {
      const why = notCarried(attachment, carried);
      if (why === undefined) carried += 1;
      return { listed: attachment, notCarried: why };
    });
  return { added, gone: missing.map(({ id }) => id) };
}

/** Whether two lists show the same files: an exception without attachments of its own shows its series'. */
export function isSameList(a: readonly ListedAttachment[], b: readonly ListedAttachment[]): boolean {
  const keyOf = ({ kind, name, size }: ListedAttachment) => JSON.stringify([kind, name, size]);
  const [left, right] = [a.map(keyOf).sort(), b.map(keyOf).sort()];
  return left.length === right.length && left.every((key, index) => key === right[index]);
}
