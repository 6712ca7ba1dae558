import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { sql } from 'kysely';
import { SyncError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import type { Random } from '../core/runtime.ts';
import { jsonChunks } from './columns.ts';
import type { Queryable, Tx } from './db.ts';

/**
 * Encryption at rest: AES-256-GCM, a data key per user, wrapped by the key ring. The column's name and the user's id are
 * authenticated with each value, so that no value can be moved to another place and still be read.
 */

const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Drawn together: asking the system for a few bytes costs as much as asking for many. */
const IVS_AT_A_TIME = 128;
/** Users whose keys are kept open in memory; the least lately used make room, and are unwrapped again when they come. */
const CACHED_KEYS = 5_000;
const TEXT_PREFIX = 'enc:v1:';
const JSON_KEY = '$enc';
const JSON_PREFIX = 'v1:';

export class KeyRing {
  readonly currentId: string;
  readonly #keys: ReadonlyMap<string, KeyObject>;

  private constructor(currentId: string, keys: ReadonlyMap<string, KeyObject>) {
    this.currentId = currentId;
    this.#keys = keys;
  }

  /**
   * @param text  `id:base64(32 bytes)[,id:…]`, the first one current
   * @throws {SyncError} `misconfigured` naming the entry, never its value
   */
  static parse(text: string): KeyRing {
    const keys = new Map<string, KeyObject>();
    for (const [index, entry] of text.split(',').entries()) {
      const [id, encoded] = splitOnce(entry.trim(), ':');
      const key = Buffer.from(encoded ?? '', 'base64');
      if (!id || key.length !== KEY_BYTES || keys.has(id)) {
        throw new SyncError(
          'misconfigured',
          `CALENDAR_ENCRYPTION_KEYS: entry ${index + 1} must be a name of its own and 32 bytes in base64, e.g. k1:$(openssl rand -base64 32)`,
        );
      }
      keys.set(id, createSecretKey(key));
    }
    return new KeyRing([...keys.keys()][0] as string, keys);
  }

  key(id: string): KeyObject | undefined {
    return this.#keys.get(id);
  }

  /** A key of its own for another purpose, from the current one (HKDF): all processes with the same ring have the same. */
  derived(purpose: string): KeyObject {
    const current = this.#keys.get(this.currentId) as KeyObject;
    return createSecretKey(Buffer.from(hkdfSync('sha256', current, '', purpose, KEY_BYTES)));
  }
}

/** Hands out users' ciphers; a user's key is made when it is first needed. */
export class ContentCipher {
  readonly #ring: KeyRing;
  readonly #random: Random;
  readonly #ivs: IvSource;
  readonly #cache = new Map<UserId, { readonly wrappedKey: string; readonly cipher: UserCipher }>();
  /** Which ciphers a transaction has proven to be current; forgotten with it. */
  readonly #proven = new WeakMap<Queryable, Map<UserId, UserCipher>>();

  constructor(ring: KeyRing, random: Random) {
    this.#ring = ring;
    this.#random = random;
    this.#ivs = new IvSource(random);
  }

  /**
   * The user's cipher. A transaction asks the database once whether the key is still the one: another process may have
   * destroyed it and made a new one, and what is written with a destroyed key can never be read again. Reads outside of
   * transactions trust what is known, and ask again once a value did not open. A transaction also keeps the key from being
   * destroyed until it ends, so that an erasure finds everything that was written with it.
   *
   * @throws {SyncError} `decryption-failed` when the ring does not open the user's key
   */
  async forUser(q: Queryable, userId: UserId): Promise<UserCipher> {
    const known = q.inTransaction ? this.#proven.get(q)?.get(userId) : this.#recall(userId)?.cipher;
    if (known) return known;
    const found = (await this.#find(q, userId)) ?? (await this.#create(q, userId));
    const cipher = this.#cipherOf(userId, found);
    if (q.inTransaction) {
      const proven = this.#proven.get(q) ?? new Map<UserId, UserCipher>();
      this.#proven.set(q, proven.set(userId, cipher));
    }
    return cipher;
  }

  /**
   * Proves at start that the ring opens what the database holds.
   *
   * @throws {SyncError} `misconfigured` when a key is missing or wrong; nothing is read or written with it
   */
  async verify(q: Queryable): Promise<void> {
    const used = await sql<{ keyId: string; userId: UserId; wrappedKey: string }>`
      select distinct on ("keyId") "keyId", "userId", "wrappedKey" from "UserKey" order by "keyId", "userId"
    `.execute(q.kysely);
    for (const row of used.rows) {
      try {
        this.#unwrap(row.userId, row);
      } catch (cause) {
        throw new SyncError(
          'misconfigured',
          `CALENDAR_ENCRYPTION_KEYS does not open this database: ${(cause as Error).message}`,
          { cause },
        );
      }
    }
  }

  /**
   * Wraps every user's key with the ring's current key, so that older ones can be taken out of the ring. Content stays as
   * it is: it is encrypted with the users' own keys.
   *
   * @returns how many users' keys were wrapped anew
   * @throws {SyncError} `decryption-failed` when the ring does not open one of them; nothing is changed
   */
  async rewrap(tx: Tx): Promise<number> {
    const old = await sql<{ userId: UserId; keyId: string; wrappedKey: string }>`
      select "userId", "keyId", "wrappedKey" from "UserKey" where "keyId" <> ${this.#ring.currentId}
      order by "userId" for update
    `.execute(tx.kysely);
    const rows = old.rows.map((row) => ({
      userId: row.userId,
      wrappedKey: this.#wrap(row.userId, this.#unwrap(row.userId, row)),
    }));
    for (const chunk of jsonChunks(rows)) {
      await sql`
        update "UserKey" k set "keyId" = ${this.#ring.currentId}, "wrappedKey" = r."wrappedKey"
        from jsonb_to_recordset(${chunk}) as r("userId" text, "wrappedKey" text) where k."userId" = r."userId"
      `.execute(tx.kysely);
    }
    return rows.length;
  }

  /** Destroys a user's key: nothing that was encrypted with it can ever be read again, in no backup either. */
  async destroy(tx: Tx, userId: UserId): Promise<void> {
    await sql`delete from "UserKey" where "userId" = ${userId}`.execute(tx.kysely);
    this.#proven.get(tx)?.delete(userId);
    this.forget(userId);
  }

  forget(userId: UserId): void {
    this.#cache.delete(userId);
  }

  #recall(userId: UserId): { readonly wrappedKey: string; readonly cipher: UserCipher } | undefined {
    const cached = this.#cache.get(userId);
    if (!cached) return undefined;
    this.#cache.delete(userId);
    this.#cache.set(userId, cached);
    return cached;
  }

  #cipherOf(userId: UserId, found: StoredKey): UserCipher {
    const cached = this.#recall(userId);
    if (cached?.wrappedKey === found.wrappedKey) return cached.cipher;
    const cipher = new UserCipher(userId, this.#unwrap(userId, found), this.#random, () => this.forget(userId));
    // A key made by a transaction that is still open could vanish with it.
    if (found.isUncommitted) return cipher;
    this.#cache.set(userId, { wrappedKey: found.wrappedKey, cipher });
    const oldest = this.#cache.keys().next();
    if (this.#cache.size > CACHED_KEYS && !oldest.done) this.#cache.delete(oldest.value);
    return cipher;
  }

  async #find(q: Queryable, userId: UserId): Promise<StoredKey | undefined> {
    const found = await sql<StoredKey>`
      select "keyId", "wrappedKey",
        coalesce(xmin::text = (pg_current_xact_id_if_assigned()::text::bigint & 4294967295)::text, false) as "isUncommitted"
      from "UserKey" where "userId" = ${userId} ${q.inTransaction ? sql`for key share` : sql``}
    `.execute(q.kysely);
    return found.rows[0];
  }

  async #create(q: Queryable, userId: UserId): Promise<StoredKey> {
    const wrappedKey = this.#wrap(userId, this.#random.bytes(KEY_BYTES));
    await sql`
      insert into "UserKey" ("userId", "keyId", "wrappedKey") values (${userId}, ${this.#ring.currentId}, ${wrappedKey})
      on conflict ("userId") do nothing
    `.execute(q.kysely);
    const stored = await this.#find(q, userId);
    if (!stored) throw new SyncError('decryption-failed', `the key of user ${userId} could not be stored`);
    return stored;
  }

  #wrap(userId: UserId, key: Uint8Array): string {
    return seal(this.#ring.key(this.#ring.currentId) as KeyObject, key, `key:${userId}`, this.#ivs.next());
  }

  #unwrap(userId: UserId, { keyId, wrappedKey }: Pick<StoredKey, 'keyId' | 'wrappedKey'>): Uint8Array {
    const ringKey = this.#ring.key(keyId);
    if (!ringKey) throw new SyncError('decryption-failed', `key "${keyId}" is not in the key ring`);
    try {
      return open(ringKey, wrappedKey, `key:${userId}`);
    } catch (cause) {
      throw new SyncError('decryption-failed', `key "${keyId}" of the key ring is not the one that was used`, {
        cause,
      });
    }
  }
}

interface StoredKey {
  readonly keyId: string;
  readonly wrappedKey: string;
  readonly isUncommitted: boolean;
}

/** Encrypts one user's content. Plain values, written by SQL, are read as they are. */
export class UserCipher {
  readonly #userId: UserId;
  readonly #key: KeyObject;
  readonly #ivs: IvSource;
  readonly #onUnreadable: () => void;

  /** @param onUnreadable  told when a value did not open: the key may be a destroyed one */
  constructor(userId: UserId, key: Uint8Array, random: Random, onUnreadable: () => void = () => {}) {
    this.#userId = userId;
    // Prepared once: preparing a key costs several times what encrypting a value does.
    this.#key = createSecretKey(key);
    this.#ivs = new IvSource(random);
    this.#onUnreadable = onUnreadable;
  }

  encryptText(column: string, value: string): string {
    return TEXT_PREFIX + this.#seal(column, value);
  }

  /** @throws {SyncError} `decryption-failed` for a value that was tampered with or belongs elsewhere */
  decryptText(column: string, value: string): string {
    if (!value.startsWith(TEXT_PREFIX)) return value;
    return String(this.#open(column, value.slice(TEXT_PREFIX.length)));
  }

  /** @returns what is stored in a `jsonb` column */
  encryptJson(column: string, value: unknown): { readonly $enc: string } | null {
    if (value === null || value === undefined) return null;
    return { [JSON_KEY]: JSON_PREFIX + this.#seal(column, value) };
  }

  /** @throws {SyncError} `decryption-failed` for a value that was tampered with or belongs elsewhere */
  decryptJson(column: string, value: unknown): unknown {
    if (typeof value !== 'object' || value === null || !(JSON_KEY in value)) return value ?? null;
    const sealed = String((value as Record<string, unknown>)[JSON_KEY]);
    return this.#open(column, sealed.slice(JSON_PREFIX.length));
  }

  #place(column: string): string {
    return `${this.#userId}:${column}`;
  }

  /** As JSON, which keeps what UTF-8 alone would not: a subject cut in the middle of an emoji. */
  #seal(column: string, value: unknown): string {
    return seal(this.#key, Buffer.from(JSON.stringify(value), 'utf8'), this.#place(column), this.#ivs.next());
  }

  #open(column: string, sealed: string): unknown {
    let plain: Uint8Array;
    try {
      plain = open(this.#key, sealed, this.#place(column));
    } catch (cause) {
      this.#onUnreadable();
      throw new SyncError('decryption-failed', `a value in ${column} of user ${this.#userId} cannot be decrypted`, {
        cause,
      });
    }
    return JSON.parse(Buffer.from(plain).toString('utf8'));
  }
}

/** Hands out initialization vectors, none of them twice. */
class IvSource {
  readonly #random: Random;
  #drawn: Uint8Array = new Uint8Array();
  #used = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  next(): Uint8Array {
    if (this.#used + IV_BYTES > this.#drawn.length) {
      this.#drawn = this.#random.bytes(IV_BYTES * IVS_AT_A_TIME);
      this.#used = 0;
    }
    this.#used += IV_BYTES;
    return this.#drawn.subarray(this.#used - IV_BYTES, this.#used);
  }
}

function seal(key: KeyObject, plain: Uint8Array, place: string, iv: Uint8Array): string {
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(place, 'utf8'));
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64');
}

function open(key: KeyObject, sealed: string, place: string): Uint8Array {
  const bytes = Buffer.from(sealed, 'base64');
  // Without a length Node would take a shorter tag, which is easier to guess.
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(place, 'utf8'));
  decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
