import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StopMode } from './database-server.ts';
import type { Layout } from './fleet.ts';
import { type Program, pause } from './processes.ts';
import type { Scenario, Weather } from './scenario.ts';
import { silenceKept } from './silence.ts';

const EMBEDDED: Layout = { store: 'pglite', workers: 0, mailboxes: 2 };
const ONE_WORKER: Layout = { store: 'postgres', workers: 1, mailboxes: 2 };

/** Does it again and again, at drawn moments, until the weather is over. */
async function often(weather: Weather, o: { least: number; most: number }, deed: () => Promise<void>): Promise<void> {
  for (;;) {
    await pause(weather.dice.between(o.least, o.most));
    if (Date.now() >= weather.until) return;
    await deed();
  }
}

function count({ deeds }: Weather, what: string, by = 1): void {
  deeds[what] = (deeds[what] ?? 0) + by;
}

async function killAndRestart(weather: Weather, program: Program): Promise<void> {
  await program.kill();
  count(weather, `kills of ${program.recipe.name.replace(/ \d+$/, '')}`);
  // A supervisor needs a moment, too.
  await pause(weather.dice.between(0, 1_000));
  await program.start();
}

const TMPFS_MB = 96;
let smallDisk: string | undefined;

function mountSmallDisk(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'gcs-fleet-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${TMPFS_MB}m`, 'tmpfs', folder], { stdio: 'pipe' });
    smallDisk = folder;
    process.once('exit', unmountSmallDisk);
    return undefined;
  } catch {
    rmSync(folder, { recursive: true, force: true });
    return 'a small file system cannot be mounted here (it takes root, and mount)';
  }
}

function unmountSmallDisk(): void {
  if (smallDisk === undefined) return;
  execFileSync('umount', ['-l', smallDisk], { stdio: 'pipe' });
  rmSync(smallDisk, { recursive: true, force: true });
  smallDisk = undefined;
}

/** Takes what is left of the disk. @returns gives it back */
function fillDisk(folder: string): () => void {
  const path = join(folder, 'filler');
  const { bavail, bsize } = statfsSync(folder);
  try {
    writeFileSync(path, Buffer.alloc(Math.max(0, bavail * bsize)));
  } catch {
    // As full as it gets.
  }
  return () => rmSync(path, { force: true });
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'pglite-kills',
    does: 'kill -9 of the service on an embedded database, at random moments',
    layout: EMBEDDED,
    weather: (weather) =>
      often(weather, { least: 1_500, most: 8_000 }, () => killAndRestart(weather, weather.fleet.service)),
  },
  {
    name: 'postgres-kills',
    does: 'kill -9 of service and worker on PostgreSQL, at random moments',
    layout: ONE_WORKER,
    weather: (weather) =>
      often(weather, { least: 1_500, most: 7_000 }, () =>
        killAndRestart(weather, weather.dice.pick(weather.fleet.ours)),
      ),
  },
  {
    name: 'worker-storm',
    does: 'three workers on one PostgreSQL, one of them killed every few seconds',
    layout: { store: 'postgres', workers: 3, mailboxes: 3 },
    weather: (weather) =>
      often(weather, { least: 1_500, most: 4_000 }, () =>
        killAndRestart(weather, weather.dice.pick(weather.fleet.workers)),
      ),
  },
  {
    name: 'database-stops',
    does: 'PostgreSQL is stopped (fast, immediate) under load, and started again',
    layout: ONE_WORKER,
    weather: async (weather) => {
      let mode: StopMode = 'fast';
      await often(weather, { least: 3_000, most: 8_000 }, async () => {
        const { database } = weather.fleet;
        await database?.halt(mode);
        count(weather, `${mode} stops of the database`);
        await pause(weather.dice.between(500, 6_000));
        await database?.resume();
        mode = mode === 'fast' ? 'immediate' : 'fast';
      });
    },
  },
  {
    name: 'connections-cut',
    does: 'every session of PostgreSQL is terminated, again and again',
    layout: { store: 'postgres', workers: 2, mailboxes: 2 },
    weather: (weather) =>
      often(weather, { least: 500, most: 3_000 }, async () => {
        count(weather, 'connections cut', (await weather.fleet.database?.cutConnections()) ?? 0);
        count(weather, 'rounds of cuts');
      }),
  },
  {
    name: 'disk-full',
    does: 'the disk of an embedded database fills up under load, and has room again',
    get layout(): Layout {
      return { ...EMBEDDED, dataFolder: join(smallDisk ?? '', 'data') };
    },
    prepare: mountSmallDisk,
    cleanUp: unmountSmallDisk,
    weather: async (weather) => {
      const { fleet } = weather;
      await often(weather, { least: 3_000, most: 6_000 }, async () => {
        const begins = fleet.service.output.length;
        const giveBack = fillDisk(smallDisk ?? '');
        count(weather, 'times the disk was full');
        const saysSo = await saysDiskIsFull(weather, begins);
        if (saysSo) count(weather, 'times the service said so');
        giveBack();
        // Who was killed by it is started again, as any supervisor would.
        if (!fleet.service.isRunning) {
          count(weather, 'ends of the service by it');
          fleet.service.crashes.length = 0;
          await fleet.service.start();
        }
      });
      if (!weather.deeds['times the service said so']) weather.complaints.push('a full disk was not told of');
    },
  },
  {
    name: 'simulator-kills',
    does: 'Graph goes away in the middle of batches, and comes back',
    layout: ONE_WORKER,
    weather: (weather) =>
      often(weather, { least: 2_000, most: 6_000 }, async () => {
        await weather.fleet.noteConcurrency();
        await killAndRestart(weather, weather.fleet.simulator);
        await weather.fleet.outlook('PATCH', '/switches', { latencyMs: 15 });
      }),
  },
  {
    name: 'network-cut',
    does: 'connections to Graph break after the request went through: answers are lost',
    layout: { store: 'postgres', workers: 2, mailboxes: 2 },
    weather: async (weather) => {
      const { proxy } = weather.fleet;
      await often(weather, { least: 500, most: 3_000 }, async () => {
        proxy.roughness = 0.4;
        await pause(weather.dice.between(500, 3_000));
        proxy.roughness = 0;
      });
      count(weather, 'answers lost', proxy.cuts);
    },
  },
  {
    name: 'retry-after',
    does: 'Graph asks one process for silence; nobody speaks before it is over, and who was told is killed',
    // As many users of one mailbox as it takes for several processes to be at it.
    layout: { store: 'postgres', workers: 3, mailboxes: 4, isMailboxShared: true },
    weather: silenceKept,
  },
];

/** How the service says that there is no room: in its log, and by an answer that is no success. */
async function saysDiskIsFull({ fleet }: Weather, begins: number): Promise<boolean> {
  for (const until = Date.now() + 15_000; Date.now() < until; await pause(500)) {
    if (/no space left|ENOSPC|disk is full/i.test(fleet.service.output.slice(Math.max(0, begins - 1)))) return true;
  }
  return false;
}
