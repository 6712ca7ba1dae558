import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { UserId } from '../core/ids.ts';
import { systemRandom } from '../system-runtime.ts';
import { KeyRing, UserCipher } from './encryption.ts';

const [ALICE, BOB] = ['alice', 'bob'] as [UserId, UserId];
const KEY = systemRandom.bytes(32);
const cipher = new UserCipher(ALICE, KEY, systemRandom);
const keyOf = (fill: number) => Buffer.alloc(32, fill).toString('base64');

describe('the key ring', () => {
  it('takes the first key as the current one, and knows the others', () => {
    const ring = KeyRing.parse(`new:${keyOf(1)}, old:${keyOf(2)}`);
    expect(ring.currentId).toBe('new');
    expect(ring.key('new')?.export()).toEqual(Buffer.alloc(32, 1));
    expect(ring.key('old')?.export()).toEqual(Buffer.alloc(32, 2));
    expect(ring.key('older')).toBeUndefined();
  });

  it.each([
    ['nothing', ''],
    ['a key without a name', keyOf(1)],
    ['a key that is too short', `k1:${Buffer.alloc(31, 1).toString('base64')}`],
    ['a key that is too long', `k1:${Buffer.alloc(33, 1).toString('base64')}`],
    ['a name without a key', 'k1:'],
    ['two keys of one name', `k1:${keyOf(1)},k1:${keyOf(2)}`],
    ['a comma at the end', `k1:${keyOf(1)},`],
  ])('refuses %s without repeating it', (_what, text) => {
    try {
      KeyRing.parse(text);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'misconfigured', message: expect.stringMatching(/entry \d must be/) });
      for (const key of text.match(/[A-Za-z0-9+/=]{20,}/g) ?? []) expect(String(error)).not.toContain(key);
    }
  });
});

describe('a user’s cipher', () => {
  it('gives back every text and every value, to the last bit', () => {
    const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }));
    fc.assert(
      fc.property(anyText, fc.jsonValue(), (text, value) => {
        expect(cipher.decryptText('subject', cipher.encryptText('subject', text))).toBe(text);
        // As text: JSON itself takes the sign from zero.
        expect(JSON.stringify(cipher.decryptJson('body', cipher.encryptJson('body', value)))).toBe(
          JSON.stringify(value),
        );
      }),
    );
  });

  it.each(['', '\0', 'a\0b', '🎂'.slice(0, 1), `${'x'.repeat(254)}${'🎂'.slice(0, 1)}`, '\ufeffBOM', 'enc:v1:plain'])(
    'keeps %j',
    (text) => {
      expect(cipher.decryptText('subject', cipher.encryptText('subject', text))).toBe(text);
      expect(cipher.decryptJson('body', cipher.encryptJson('body', { text }))).toEqual({ text });
    },
  );

  it('writes nothing where there is nothing', () => {
    expect(cipher.encryptJson('body', null)).toBeNull();
    expect(cipher.encryptJson('body', undefined)).toBeNull();
    expect(cipher.decryptJson('body', null)).toBeNull();
    expect(cipher.decryptJson('body', undefined)).toBeNull();
  });

  it('reads plain values as they are', () => {
    expect(cipher.decryptText('subject', 'Plain')).toBe('Plain');
    expect(cipher.decryptJson('body', { content: 'Plain' })).toEqual({ content: 'Plain' });
    expect(cipher.decryptJson('body', 'Plain')).toBe('Plain');
  });

  it('never writes the same twice: equal contents do not show', () => {
    const sealed = Array.from({ length: 300 }, () => cipher.encryptText('subject', 'Same'));
    expect(new Set(sealed).size).toBe(300);
    expect(new Set(sealed.map((text) => text.slice(0, 'enc:v1:'.length + 16))).size).toBe(300);
  });

  it('does not open a value that was moved to another column', () => {
    const sealed = cipher.encryptText('subject', 'Secret');
    expect(() => cipher.decryptText('calendar.name', sealed)).toThrow(/a value in calendar.name of user alice/);
    const json = cipher.encryptJson('body', { secret: true });
    expect(() => cipher.decryptJson('details', json)).toThrow(/cannot be decrypted/);
  });

  it('does not open another user’s value, not even under the same key', () => {
    const bob = new UserCipher(BOB, KEY, systemRandom);
    expect(() => bob.decryptText('subject', cipher.encryptText('subject', 'Secret'))).toThrow(/of user bob/);
  });

  it('does not open a value of another key, and tells so', () => {
    let told = 0;
    const other = new UserCipher(ALICE, systemRandom.bytes(32), systemRandom, () => {
      told += 1;
    });
    expect(() => other.decryptText('subject', cipher.encryptText('subject', 'Secret'))).toThrow(/cannot be decrypted/);
    expect(told).toBe(1);
  });

  it('does not open a value of which any bit was changed, or any end is missing', () => {
    const sealed = cipher.encryptText('subject', 'Secret');
    const bytes = Buffer.from(sealed.slice('enc:v1:'.length), 'base64');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), fc.integer({ min: 0, max: 7 }), (at, bit) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        expect(() => cipher.decryptText('subject', `enc:v1:${changed.toString('base64')}`)).toThrow(
          'cannot be decrypted',
        );
      }),
    );
    for (let length = 0; length < bytes.length; length += 1) {
      const cut = `enc:v1:${bytes.subarray(0, length).toString('base64')}`;
      expect(() => cipher.decryptText('subject', cut)).toThrow('cannot be decrypted');
    }
  });

  it('says in its errors where, and never what', () => {
    const sealed = cipher.encryptText('subject', 'Secret words');
    try {
      cipher.decryptText('body', sealed);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'decryption-failed', recovery: 'give-up' });
      expect(String(error)).not.toContain('Secret');
      expect(String(error)).not.toContain(sealed.slice(10, 30));
    }
  });
});
