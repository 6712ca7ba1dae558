import { itemNotFound } from '../http/graph-error.ts';
import type { Actor, FoundEvent } from '../mailbox/event-operations.ts';
import type { View } from '../mailbox/event-render.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { StoredAttachment, StoredItem } from '../mailbox/model.ts';
import { wireInstant } from '../mailbox/zones.ts';
import { decodeAttachmentId, encodeAttachmentId } from './attachment-ids.ts';
import type { NewAttachment } from './attachment-input.ts';
import { hangingOn, saveHangings } from './hangings.ts';

/** Hangs a file, an item or a reference on an event; on one occurrence, that becomes an exception. */
export function addAttachment(actor: Actor, found: FoundEvent, input: NewAttachment): StoredAttachment {
  const { item, date } = found;
  const attachment = { ...input, ...nextOf(item), modifiedMs: actor.world.now() };
  saveHangings(actor, found, { attachments: [...hangingOn(item, date).attachments, attachment] });
  return attachment;
}

/** Numbers are not used again, so a deleted attachment's id stays dead. */
function nextOf(item: StoredItem): { k: number } {
  item.lastAttachment = (item.lastAttachment ?? 0) + 1;
  return { k: item.lastAttachment };
}

export function removeAttachment(actor: Actor, found: FoundEvent, attachment: StoredAttachment): void {
  const { attachments } = hangingOn(found.item, found.date);
  saveHangings(actor, found, { attachments: attachments.filter(({ k }) => k !== attachment.k) });
}

/** @throws {GraphError} 404 `ErrorItemNotFound`, 400 `ErrorInvalidIdMalformed` */
export function findAttachment(mailbox: Mailbox, { item, date }: FoundEvent, id: string): StoredAttachment {
  const { event, k } = decodeAttachmentId(mailbox, id);
  const isOfEvent = event.n === item.n && event.date === date;
  const isStale =
    event.form === 'default' && (event.folder !== item.folder || (event.generation ?? 0) !== (item.generation ?? 0));
  const attachment = hangingOn(item, date).attachments.find((each) => each.k === k);
  if (!isOfEvent || isStale || attachment === undefined) throw itemNotFound();
  return attachment;
}

/** One attachment as Graph sends it. `select`: lower-case names, undefined for all; `withItem`: what `$expand` brings out. */
export function renderAttachment(
  eventId: string,
  attachment: StoredAttachment,
  o: { select?: ReadonlySet<string> | undefined; withItem?: boolean } = {},
): Record<string, unknown> {
  const { type, contentType, contentId, contentLocation, bytes, item } = attachment;
  const head = {
    '@odata.type': `#microsoft.graph.${type}Attachment`,
    ...(type === 'file' ? { '@odata.mediaContentType': contentType } : {}),
    id: encodeAttachmentId(eventId, attachment.k),
  };
  const all: Record<string, unknown> = {
    lastModifiedDateTime: wireInstant(attachment.modifiedMs),
    name: attachment.name,
    contentType,
    size: attachment.size,
    isInline: attachment.isInline,
    ...(type === 'file' ? { contentId, contentLocation, contentBytes: bytes ?? '' } : {}),
  };
  const { select } = o;
  const shown =
    select === undefined
      ? all
      : Object.fromEntries(Object.entries(all).filter(([name]) => select.has(name.toLowerCase())));
  return { ...head, ...shown, ...(type === 'item' && o.withItem === true ? { item } : {}) };
}

export function renderAttachments(
  mailbox: Mailbox,
  { item, date }: FoundEvent,
  view: View,
  select?: ReadonlySet<string>,
): Record<string, unknown>[] {
  const eventId = mailbox.itemId(item, view.form, date);
  return hangingOn(item, date).attachments.map((each) => renderAttachment(eventId, each, { select }));
}
