import { createHash } from 'node:crypto';
import { itemNotFound, malformedId } from '../http/graph-error.ts';
import type { ObjectId } from '../mailbox/ids.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';

/** Bytes of an event's id, of what every attachment id has after it, and of the whole. */
const EVENT_BYTES = 110;
const MARK = Buffer.from([0x00, 0x01, 0x12, 0x00, 0x10, 0x00]);
const TOTAL_BYTES = 131;

/** An attachment's id: its event's id, and more. So it changes when that one does, and is immutable when that one is. */
export function encodeAttachmentId(eventId: string, k: number): string {
  const head = Buffer.alloc(EVENT_BYTES + MARK.length + 4);
  Buffer.from(eventId, 'base64url').copy(head);
  MARK.copy(head, EVENT_BYTES);
  head.writeUInt32BE(k, EVENT_BYTES + MARK.length);
  return `${Buffer.concat([head, checkOf(head)]).toString('base64url')}=`;
}

/** @throws {GraphError} 400 `ErrorInvalidIdMalformed`, 404 for an id of another mailbox */
export function decodeAttachmentId(mailbox: Mailbox, text: string): { event: ObjectId; k: number } {
  const bytes = Buffer.from(text, 'base64url');
  const head = bytes.subarray(0, EVENT_BYTES + MARK.length + 4);
  if (bytes.length !== TOTAL_BYTES || !bytes.subarray(head.length).equals(checkOf(head))) throw malformedId();
  if (`${bytes.toString('base64url')}=` !== text) throw malformedId();
  const event = mailbox.decodeId(`${head.subarray(0, EVENT_BYTES).toString('base64url')}=`);
  if (event.kind !== 'item' && event.kind !== 'occurrence') throw itemNotFound();
  return { event, k: head.readUInt32BE(EVENT_BYTES + MARK.length) };
}

const checkOf = (head: Buffer): Buffer =>
  createHash('sha256')
    .update(head)
    .digest()
    .subarray(0, TOTAL_BYTES - EVENT_BYTES - MARK.length - 4);
