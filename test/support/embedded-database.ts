import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { silentLogger } from '../../src/core/runtime.ts';
import { createBoss, startBoss } from '../../src/jobs/boss.ts';
import type { Db } from '../../src/store/db.ts';
import { migrate } from '../../src/store/migrator.ts';
import { openPglite } from '../../src/store/pglite.db.ts';
import { systemClock, systemRandom } from '../../src/system-runtime.ts';

const MIGRATIONS = new URL('../../prisma/migrations/', import.meta.url);

/**
 * An empty database in this process. Making one from nothing takes PGlite many seconds, reading one a fraction of that:
 * the first test process to come by leaves it in the temporary folder for all others.
 */
export async function openEmbedded(): Promise<Db> {
  return openPglite(':memory:', await emptyDatabase());
}

/** The same with every table in it, the queue's among them: what each spec file would otherwise make anew. */
export async function openMigrated(): Promise<Db> {
  return openPglite(':memory:', await migratedDatabase());
}

export async function emptyDatabase(): Promise<Blob> {
  return kept(`gcs-empty-pglite-${versionOf('@electric-sql/pglite')}.tar`, async () => {
    const pglite = await PGlite.create();
    const dump = await pglite.dumpDataDir('none');
    await pglite.close();
    return dump;
  });
}

async function migratedDatabase(): Promise<Blob> {
  const hash = createHash('sha256');
  for (const name of readdirSync(MIGRATIONS).sort()) {
    if (!name.includes('.')) hash.update(readFileSync(new URL(`${name}/migration.sql`, MIGRATIONS)));
  }
  const versions = `${versionOf('@electric-sql/pglite')}-${versionOf('pg-boss')}`;
  return kept(`gcs-migrated-pglite-${versions}-${hash.digest('hex').slice(0, 16)}.tar`, async () => {
    const db = await openEmbedded();
    await migrate(db, { logger: silentLogger, clock: systemClock, random: systemRandom });
    const boss = createBoss(db, silentLogger);
    await startBoss(boss, db);
    await boss.stop({ graceful: false, close: true });
    if (db.raw.kind !== 'pglite') throw new Error('the embedded database is PGlite');
    const dump = await db.raw.pglite.dumpDataDir('none');
    await db.close();
    return dump;
  });
}

async function kept(name: string, make: () => Promise<Blob>): Promise<Blob> {
  const path = join(tmpdir(), name);
  try {
    return new Blob([readFileSync(path)]);
  } catch {
    const dump = await make();
    const half = `${path}.${process.pid}`;
    writeFileSync(half, new Uint8Array(await dump.arrayBuffer()));
    renameSync(half, path);
    return dump;
  }
}

function versionOf(name: string): string {
  const entry = createRequire(import.meta.url).resolve(name);
  for (let folder = dirname(entry); ; folder = dirname(folder)) {
    try {
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
      if (manifest.name === name && manifest.version) return manifest.version;
    } catch {
      // Further up.
    }
    if (folder === dirname(folder)) throw new Error(`${name} has no version`);
  }
}

interface Manifest {
  readonly name?: string;
  readonly version?: string;
}
