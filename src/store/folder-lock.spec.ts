import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { emptyDatabase } from '../../test/support/embedded-database.ts';
import { silentLogger } from '../core/runtime.ts';
import { openDatabase } from './db.ts';
import { lockFolder } from './folder-lock.ts';
import { openPglite } from './pglite.db.ts';

const LOCKS = `import { lockFolder } from ${JSON.stringify(new URL('./folder-lock.ts', import.meta.url).href)};`;
const OPENS = `import { openPglite } from ${JSON.stringify(new URL('./pglite.db.ts', import.meta.url).href)};`;
const STAY = `process.stdout.write('holding'); setInterval(() => {}, 60_000);`;

let folder: string;
let processes: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gcs-lock-'));
  processes = [];
});
afterEach(async () => {
  await Promise.all(processes.map(kill));
  rmSync(folder, { recursive: true });
});

describe('a data folder', () => {
  it('is one process’s: another is refused, and told who has it', async () => {
    const holder = await start(`${LOCKS} lockFolder(process.argv[1]); ${STAY}`);
    expect(() => lockFolder(folder)).toThrow(
      `the data folder ${folder} is in use by process ${holder.pid}; stop it first, or set DATABASE_URL to another folder`,
    );
    try {
      lockFolder(folder);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'misconfigured' });
    }
  });

  it('cannot be opened twice by one process either', () => {
    const release = lockFolder(folder);
    expect(() => lockFolder(folder)).toThrow(`in use by process ${process.pid};`);
    release();
  });

  it('is free once it was released, however often', () => {
    const release = lockFolder(folder);
    release();
    const again = lockFolder(folder);
    release();
    expect(() => lockFolder(folder)).toThrow('in use');
    again();
    lockFolder(folder)();
  });

  it('is taken over at once from a process that was killed', async () => {
    const holder = await start(`${LOCKS} lockFolder(process.argv[1]); ${STAY}`);
    await kill(holder);
    expect(readdirOf('graph-calendar-sync.pid')).toBe(String(holder.pid));
    const release = lockFolder(folder);
    expect(readdirOf('graph-calendar-sync.pid')).toBe(String(process.pid));
    release();
    expect(existsSync(join(folder, 'graph-calendar-sync.pid'))).toBe(false);
  });

  it('goes to one of several processes that start at once over a killed one’s', async () => {
    const dead = await start(`${LOCKS} lockFolder(process.argv[1]); ${STAY}`);
    await kill(dead);
    const script = `${LOCKS} try { lockFolder(process.argv[1]); ${STAY} } catch (error) { process.stdout.write(error.code); setInterval(() => {}, 60_000); }`;
    const answers = await Promise.all(Array.from({ length: 4 }, () => answerOf(script)));
    expect(answers.sort()).toEqual(['holding', 'misconfigured', 'misconfigured', 'misconfigured']);
  });

  it('that cannot be one is refused in one line', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(() => lockFolder(file)).toThrow(`the data folder ${file} cannot be used: `);
  });
});

describe('an embedded database in a folder', () => {
  it('is refused while another process has it, and has what was committed when that one is killed', async () => {
    const template = join(folder, 'template.tar');
    writeFileSync(template, new Uint8Array(await (await emptyDatabase()).arrayBuffer()));
    const data = join(folder, 'data');
    const holder = await start(
      `${OPENS} import { readFileSync } from 'node:fs';
       const db = await openPglite(process.argv[2], new Blob([readFileSync(process.argv[3])]));
       await db.raw.pglite.exec('create table word (text text); insert into word values (\\'kept\\')');
       ${STAY}`,
      data,
      template,
    );
    await expect(openDatabase({ url: `pglite:${data}`, logger: silentLogger })).rejects.toMatchObject({
      code: 'misconfigured',
      message: expect.stringContaining(`is in use by process ${holder.pid};`),
    });
    await kill(holder);
    const db = await openDatabase({ url: `pglite:${data}`, logger: silentLogger });
    expect(db.description).toBe(`PGlite in ${data}`);
    expect((await sql`select text from word`.execute(db.kysely)).rows).toEqual([{ text: 'kept' }]);
    await db.close();
    await db.close();
    lockFolder(data)();
  }, 120_000);

  it('lets go of its folder when it cannot be opened', async () => {
    mkdirSync(join(folder, 'pgdata'));
    writeFileSync(join(folder, 'pgdata', 'PG_VERSION'), '7\n');
    await expect(openPglite(folder)).rejects.toMatchObject({
      code: 'misconfigured',
      message: expect.stringMatching(`^the embedded database in ${folder} cannot be opened: `),
    });
    lockFolder(folder)();
  });

  it('is never one in memory by mistake', async () => {
    await expect(openDatabase({ url: 'pglite:', logger: silentLogger })).rejects.toMatchObject({
      code: 'misconfigured',
      message: 'DATABASE_URL must name a folder, e.g. pglite:./data',
    });
  });
});

function readdirOf(name: string): string {
  return readFileSync(join(folder, name), 'utf8').trim();
}

/** A process of its own that runs a script over the folder, and has begun to hold it. */
async function start(script: string, ...more: string[]): Promise<ChildProcess> {
  const { child, answer } = run(script, more);
  expect(await answer).toBe('holding');
  return child;
}

function answerOf(script: string): Promise<string> {
  return run(script, []).answer;
}

function run(script: string, more: readonly string[]): { child: ChildProcess; answer: Promise<string> } {
  const args = ['--input-type=module', '--eval', script, folder, ...more];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  processes.push(child);
  const answer = new Promise<string>((resolve, reject) => {
    let errors = '';
    child.stderr?.on('data', (text) => {
      errors += text;
    });
    child.stdout?.once('data', (text) => resolve(String(text)));
    child.once('exit', (code) => reject(new Error(`the process ended with ${code}: ${errors}`)));
  });
  return { child, answer };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const isGone = once(child, 'exit');
  child.kill('SIGKILL');
  await isGone;
}
