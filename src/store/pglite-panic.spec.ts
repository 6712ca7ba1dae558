import { sql } from 'kysely';
import { expect, it, vi } from 'vitest';
import { openPglite } from './pglite.db.ts';

const STOPPED = { code: 'unavailable', message: expect.stringContaining('comes back when the service is restarted') };

it('is not asked again after the embedded database has panicked: it would never answer', async () => {
  const db = await openPglite(':memory:');
  if (db.raw.kind !== 'pglite') throw new Error('not the embedded database');
  const { pglite } = db.raw;
  const noRoom = Object.assign(new Error('could not write to file "pg_wal/xlogtemp.42": No space left on device'), {
    ...{ code: '53100', severity: 'PANIC' },
  });
  const query = vi.spyOn(pglite, 'query').mockRejectedValueOnce(noRoom);
  const begin = vi.spyOn(pglite, 'transaction');
  await expect(sql`select 1`.execute(db.kysely)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('disk of the database is full'),
  });
  await expect(db.ping()).rejects.toMatchObject(STOPPED);
  await expect(db.transaction(async () => {})).rejects.toMatchObject(STOPPED);
  expect([query.mock.calls.length, begin.mock.calls.length]).toEqual([1, 0]);
  vi.restoreAllMocks();
  await db.close();
});
