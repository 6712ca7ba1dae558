import { itemNotFound, malformedId } from '../http/graph-error.ts';

/**
 * Graph's ids: long, base64url-like, case-sensitive, padded. Real ones are serialised entry ids, and an
 * occurrence's is its master's plus a date; ours are made the same way, so they need no index and a
 * moved event's default id changes by itself (the folder is part of it).
 */
export type IdForm = 'default' | 'immutable';
export type IdKind = 'item' | 'occurrence' | 'folder' | 'provisional-folder' | 'group';

export interface ObjectId {
  kind: IdKind;
  form: IdForm;
  folder: number;
  n: number;
  /** Original date of an occurrence, `yyyy-MM-dd`; '' otherwise. */
  date: string;
  /** How often the item came back from Deleted Items: each time its default id is another one. */
  generation?: number | undefined;
  /**
   * Of an item in another mailbox, seen through an entry of this one's calendar list: `folder` is the entry's
   * number, which the immutable form carries as well, for it tells whose item `n` is.
   */
  isLinked?: boolean | undefined;
}

const KINDS: readonly IdKind[] = ['item', 'occurrence', 'folder', 'provisional-folder', 'group'];
/** Added to the kind's number. */
const LINKED = 0x80;
const HEADER_BYTES = 42;
const CHECKED_BYTES = 106;
const TOTAL_BYTES = 110;
/** Ids are made by the thousand, one after the other; every byte is written each time. */
const scratch = Buffer.alloc(TOTAL_BYTES);

export function encodeId(mailboxId: string, id: ObjectId): string {
  const bytes = scratch;
  // The first bytes give the familiar "AAMk…" and "AAkA…" beginnings.
  bytes.writeUInt32BE(id.form === 'immutable' ? 0x0009002e : 0x00032400, 0);
  bytes.fill(0, 4, 40).write(mailboxId, 4, 36, 'latin1');
  bytes.writeUInt16BE(0x4600, 40);
  bytes.writeUInt8(KINDS.indexOf(id.kind) | (id.isLinked ? LINKED : 0), HEADER_BYTES);
  const generation = id.form === 'immutable' ? 0 : (id.generation ?? 0);
  const folder = id.form === 'immutable' && !id.isLinked ? 0 : id.folder;
  bytes.writeUInt32BE(((generation << 24) | folder) >>> 0, 43);
  bytes.writeUInt32BE(id.n, 47);
  const { date } = id;
  bytes.writeUInt32BE(date === '' ? 0 : Number(date.slice(0, 4) + date.slice(5, 7) + date.slice(8)), 51);
  bytes.writeUInt32BE(fill(bytes), CHECKED_BYTES);
  return `${bytes.toString('base64url')}=`;
}

/**
 * An id of something this mailbox itself holds.
 *
 * @throws {GraphError} as {@link readId}; 404 `ErrorItemNotFound` also for what is seen through a link
 */
export function decodeId(mailboxId: string, text: string): ObjectId {
  const id = readId(mailboxId, text);
  if (id.isLinked) throw itemNotFound();
  return id;
}

/**
 * @throws {GraphError} 400 `ErrorInvalidIdMalformed` for anything not made by {@link encodeId};
 *   404 `ErrorItemNotFound` for an id of another mailbox
 */
export function readId(mailboxId: string, text: string): ObjectId {
  if (!/^[A-Za-z0-9_-]+=$/.test(text)) throw malformedId();
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== TOTAL_BYTES || bytes.readUInt32BE(CHECKED_BYTES) !== checksum(bytes)) throw malformedId();
  if (`${bytes.toString('base64url')}=` !== text) throw malformedId();
  const code = bytes.readUInt8(HEADER_BYTES);
  const kind = KINDS[code & ~LINKED];
  if (kind === undefined) throw malformedId();
  if (bytes.toString('latin1', 4, 40) !== mailboxId) throw itemNotFound();
  return {
    kind,
    form: bytes.readUInt32BE(0) === 0x0009002e ? 'immutable' : 'default',
    folder: bytes.readUIntBE(44, 3),
    generation: bytes.readUInt8(43),
    n: bytes.readUInt32BE(47),
    date: dateText(bytes.readUInt32BE(51)),
    ...(code & LINKED ? { isLinked: true } : {}),
  };
}

function dateText(packed: number): string {
  if (packed === 0) return '';
  const digits = String(packed).padStart(8, '0');
  return `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6)}`;
}

/**
 * Filler that looks like a store key; a function of what stands before it, so ids stay pure.
 *
 * @returns the {@link checksum} of the filled bytes
 */
function fill(bytes: Buffer): number {
  let hash = fnv(bytes, 0, 55);
  let state = hash;
  for (let at = 55; at < CHECKED_BYTES; at += 1) {
    state = Math.imul(state ^ (state >>> 13), 0x5bd1e995);
    const byte = state >>> 24;
    bytes[at] = byte;
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}

const checksum = (bytes: Buffer): number => fnv(bytes, 0, CHECKED_BYTES);

function fnv(bytes: Buffer, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let at = from; at < to; at += 1) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash >>> 0;
}

/** The bytes of the last change key: the next one is likely of the same mailbox. */
const replica = Buffer.alloc(22);
let replicaOf = '';

/** `changeKey`: 22 bytes, the mailbox's replica and a counter. */
export function encodeChangeKey(mailboxId: string, version: number): string {
  if (mailboxId !== replicaOf) {
    replica.fill(0).write(mailboxId.replaceAll('-', ''), 0, 16, 'hex');
    replicaOf = mailboxId;
  }
  replica.writeUIntBE(version, 16, 6);
  return replica.toString('base64');
}

/** The Exchange global object id: the occurrence's date sits in bytes 17 to 20, zeros on the master. */
export function iCalUId(uid: string, date = ''): string {
  const day = date === '' ? '00000000' : hexDate(date);
  return `040000008200E00074C5B7101A82E008${day}${uid.slice(0, 16)}000000000000000010000000${uid.slice(0, 32)}`;
}

function hexDate(date: string): string {
  const [year, month, day] = date.split('-').map(Number) as [number, number, number];
  const hex = (value: number, width: number) => value.toString(16).toUpperCase().padStart(width, '0');
  return hex(year, 4) + hex(month, 2) + hex(day, 2);
}
