import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import type { Db } from '../../src/store/db.ts';
import { openPglite } from '../../src/store/pglite.db.ts';

/**
 * An empty database in this process. Making one from nothing takes PGlite many seconds, reading one a fraction of that:
 * the first test process to come by leaves it in the temporary folder for all others.
 */
export async function openEmbedded(): Promise<Db> {
  return openPglite(':memory:', await emptyDatabase());
}

export async function emptyDatabase(): Promise<Blob> {
  const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite');
  const { version } = JSON.parse(readFileSync(join(dirname(entry), '..', 'package.json'), 'utf8')) as {
    version: string;
  };
  const path = join(tmpdir(), `gcs-empty-pglite-${version}.tar`);
  try {
    return new Blob([readFileSync(path)]);
  } catch {
    const pglite = await PGlite.create();
    const dump = await pglite.dumpDataDir('none');
    await pglite.close();
    const half = `${path}.${process.pid}`;
    writeFileSync(half, new Uint8Array(await dump.arrayBuffer()));
    renameSync(half, path);
    return dump;
  }
}
