import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { SyncError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';

export const KEY_BYTES = 32;
export const IV_BYTES = 12;
const TAG_BYTES = 16;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** A user's own key, as the database holds it. */
export interface WrappedKey {
  /** Which key of the ring it is wrapped with. */
  readonly keyId: string;
  readonly wrappedKey: string;
}

/** The keys that users' own keys are wrapped with; the first one is current. */
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
      // Node reads base64 with anything in between: half a key and a typing error would pass for a whole one.
      const key = BASE64.test(encoded ?? '') ? Buffer.from(encoded ?? '', 'base64') : Buffer.of();
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

  /** Wraps a user's own key with the current key. */
  wrap(userId: UserId, key: Uint8Array, iv: Uint8Array): string {
    return seal(this.#keys.get(this.currentId) as KeyObject, key, `key:${userId}`, iv);
  }

  /** @throws {SyncError} `decryption-failed` when the key it was wrapped with is not here, or another one of that name */
  unwrap(userId: UserId, { keyId, wrappedKey }: WrappedKey): Uint8Array {
    const ringKey = this.#keys.get(keyId);
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

/** AES-256-GCM; `place` is authenticated with the value, which cannot be read anywhere else. */
export function seal(key: KeyObject, plain: Uint8Array, place: string, iv: Uint8Array): string {
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(place, 'utf8'));
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64');
}

/** @throws when it was tampered with, or sealed with another key or for another place */
export function open(key: KeyObject, sealed: string, place: string): Uint8Array {
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
