import { createSecretKey, type KeyObject } from 'node:crypto';
import { sql } from 'kysely';
import { isSyncError, SyncError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import type { Random } from '../core/runtime.ts';
import type { Queryable, Tx } from './db.ts';
import { IV_BYTES, KEY_BYTES, type KeyRing, open, seal, type WrappedKey } from './key-ring.ts';
import { proveRing } from './key-rotation.ts';

export { KeyRing } from './key-ring.ts';

/**
 * Encryption at rest: AES-256-GCM, a data key per user, wrapped by the key ring. The column's name and the user's id are
 * authenticated with each value, so that no value can be moved to another place and still be read.
 */

/** Drawn together: asking the system for a few bytes costs as much as asking for many. */
const IVS_AT_A_TIME = 128;
/** Users whose keys are kept open in memory; the least lately used make room, and are unwrapped again when they come. */
const CACHED_KEYS = 5_000;
const TEXT_PREFIX = 'enc:v1:';
const JSON_KEY = '$enc';
const JSON_PREFIX = 'v1:';

/** Hands out users' ciphers; a user's key is made when it is first needed. */
export class ContentCipher {
  readonly #ring: KeyRing;
  readonly #random: Random;
  readonly #ivs: IvSource;
  readonly #cachedKeys: number;
  readonly #cache = new Map<UserId, { readonly wrappedKey: string; readonly cipher: UserCipher }>();
  /** Which ciphers a transaction has proven to be current; forgotten with it. */
  readonly #proven = new WeakMap<Queryable, Map<UserId, UserCipher>>();

  /** @param o.cachedKeys  users whose keys are kept open in memory */
  constructor(ring: KeyRing, random: Random, o: { readonly cachedKeys?: number } = {}) {
    this.#ring = ring;
    this.#random = random;
    this.#cachedKeys = o.cachedKeys ?? CACHED_KEYS;
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
    try {
      await proveRing(this.#ring, q);
    } catch (cause) {
      if (!isSyncError(cause, 'decryption-failed')) throw cause;
      throw new SyncError('misconfigured', `CALENDAR_ENCRYPTION_KEYS does not open this database: ${cause.message}`, {
        cause,
      });
    }
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
    const cipher = new UserCipher(userId, this.#ring.unwrap(userId, found), this.#random, () => this.forget(userId));
    // A key made by a transaction that is still open could vanish with it.
    if (found.isUncommitted) return cipher;
    this.#cache.set(userId, { wrappedKey: found.wrappedKey, cipher });
    const oldest = this.#cache.keys().next();
    if (this.#cache.size > this.#cachedKeys && !oldest.done) this.#cache.delete(oldest.value);
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
    const wrappedKey = this.#ring.wrap(userId, this.#random.bytes(KEY_BYTES), this.#ivs.next());
    await sql`
      insert into "UserKey" ("userId", "keyId", "wrappedKey") values (${userId}, ${this.#ring.currentId}, ${wrappedKey})
      on conflict ("userId") do nothing
    `.execute(q.kysely);
    const stored = await this.#find(q, userId);
    if (!stored) throw new SyncError('decryption-failed', `the key of user ${userId} could not be stored`);
    return stored;
  }
}

interface StoredKey extends WrappedKey {
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

  /** @returns what is stored in a `bytea` column */
  encryptBytes(column: string, value: Uint8Array): Uint8Array {
    return Buffer.from(seal(this.#key, value, this.#place(column), this.#ivs.next()), 'base64');
  }

  /** @throws {SyncError} `decryption-failed` for bytes that were tampered with or belong elsewhere */
  decryptBytes(column: string, sealed: Uint8Array): Uint8Array {
    return this.#opened(column, Buffer.from(sealed).toString('base64'));
  }

  #place(column: string): string {
    return `${this.#userId}:${column}`;
  }

  /** As JSON, which keeps what UTF-8 alone would not: a subject cut in the middle of an emoji. */
  #seal(column: string, value: unknown): string {
    return seal(this.#key, Buffer.from(JSON.stringify(value), 'utf8'), this.#place(column), this.#ivs.next());
  }

  #open(column: string, sealed: string): unknown {
    return JSON.parse(Buffer.from(this.#opened(column, sealed)).toString('utf8'));
  }

  #opened(column: string, sealed: string): Uint8Array {
    try {
      return open(this.#key, sealed, this.#place(column));
    } catch (cause) {
      this.#onUnreadable();
      throw new SyncError('decryption-failed', `a value in ${column} of user ${this.#userId} cannot be decrypted`, {
        cause,
      });
    }
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
