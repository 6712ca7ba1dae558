import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserId } from '../../core/ids.ts';
import { silentLogger } from '../../core/runtime.ts';
import { type Db, openDatabase } from '../../store/db.ts';
import { ContentCipher, KeyRing } from '../../store/encryption.ts';
import { migrate } from '../../store/migrator.ts';
import { systemClock, systemRandom } from '../../system-runtime.ts';
import { runCommand } from '../main.ts';

const ANN = 'ann' as UserId;
const OLD = `k1:${Buffer.alloc(32, 1).toString('base64')}`;
const NEW = `k2:${Buffer.alloc(32, 2).toString('base64')}`;

let folder: string;
/** What a user wrote, encrypted while the old key was the current one. */
let sealed: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gcs-keys-'));
  sealed = await withDatabase(async (db) => {
    await migrate(db, { logger: silentLogger, clock: systemClock, random: systemRandom });
    return (await cipherOf(OLD).forUser(db, ANN)).encryptText('event.subject', 'Dentist');
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function withDatabase<T>(work: (db: Db) => Promise<T>): Promise<T> {
  const db = await openDatabase({ url: `pglite:${folder}`, logger: silentLogger });
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

const cipherOf = (ring: string) => new ContentCipher(KeyRing.parse(ring), systemRandom);

async function rotate(ring: string | undefined): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await runCommand(['keys', 'rotate', '--json'], {
    out: { write: (text: string) => (out += text) },
    err: { write: (text: string) => (err += text) },
    env: {
      DATABASE_URL: `pglite:${folder}`,
      LOG_LEVEL: 'silent',
      ...(ring === undefined ? {} : { CALENDAR_ENCRYPTION_KEYS: ring }),
    },
    clock: systemClock,
    random: systemRandom,
    interrupted: new AbortController().signal,
    readInput: async () => '',
  });
  return { code, out, err };
}

describe('keys rotate', () => {
  it('says what to set when there is no ring', async () => {
    expect(await rotate(undefined)).toMatchObject({ code: 1, err: expect.stringContaining('put a new key in front') });
  });

  it('changes nothing when the ring lacks the key in use', async () => {
    expect(await rotate(NEW)).toMatchObject({ code: 1, err: 'error: key "k1" is not in the key ring\n' });
    await withDatabase((db) => cipherOf(OLD).verify(db));
  });

  it('makes the old key superfluous, and leaves what it protected readable', async () => {
    const { code, out, err } = await rotate(`${NEW},${OLD}`);
    expect(err).toBe('');
    expect(code).toBe(0);
    const [progress, outcome] = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(progress).toEqual({ progress: { total: 1, rewrapped: 1, failed: 0 } });
    expect(outcome).toMatchObject({ currentKey: 'k2', rewrapped: 1, remaining: {}, mayRemoveOldKeys: true });

    await withDatabase(async (db) => {
      await cipherOf(NEW).verify(db);
      expect((await cipherOf(NEW).forUser(db, ANN)).decryptText('event.subject', sealed)).toBe('Dentist');
      await expect(cipherOf(OLD).verify(db)).rejects.toThrow('CALENDAR_ENCRYPTION_KEYS does not open this database');
    });
    expect(JSON.parse((await rotate(`${NEW},${OLD}`)).out)).toMatchObject({ rewrapped: 0 });
  });
});
