import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configFor, SyncWorld } from '../../test/support/sync-world.ts';
import { type App, createApp } from '../app.ts';
import { type Fetch, silentLogger } from '../core/runtime.ts';

/** The API's process; it runs nothing, and never speaks to Graph. */
let world: SyncWorld;
let worker: App;
let trouble: 'none' | 'no connection' | 504;

beforeEach(async () => {
  world = await SyncWorld.open();
  trouble = 'none';
  worker = await anotherProcess(async (url, init) => {
    if (trouble !== 'none' && url.includes('/v1.0/')) {
      if (trouble === 504) return new Response('', { status: 504 });
      throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
    }
    return world.simulator.fetch(url, init);
  });
  await worker.start({ isApi: false, isWorker: true });
});
afterEach(async () => {
  await world.whileTimePasses(() => worker.stop());
  await world.close();
});

function anotherProcess(fetch: Fetch): Promise<App> {
  const { db, clock } = world;
  return createApp(configFor(world.simulator), { db, clock, logger: silentLogger, fetch });
}

const graphOf = async ({ services }: Pick<App, 'services'>) => (await services.healthService.check()).checks.graph;

/** Lets the worker work, and come back at once to what it put back, until the API's process says so of Graph. */
async function expectAtApi(graph: object): Promise<void> {
  const asked = async () => {
    await sql`update pgboss.job set start_after = now() where state < 'active'`.execute(world.db.kysely);
    world.clock.advance(100);
    return graphOf(world);
  };
  await expect.poll(asked, { interval: 20 }).toMatchObject(graph);
}

/** @returns when the outage ends for which the worker has put its run back, and does nothing meanwhile */
async function putBackUntil(): Promise<number> {
  const waiting = async () => {
    const found = await sql<{ until: string }>`
      select data -> 'outage' ->> 'until' as until from pgboss.job
      where state < 'active' and start_after > now() + interval '5 seconds' and data ? 'outage'
    `.execute(world.db.kysely);
    return Date.parse(found.rows[0]?.until ?? '');
  };
  await expect.poll(waiting).toBeGreaterThan(0);
  return waiting();
}

const says = (message: string) => ({ status: 'degraded', message: expect.stringContaining(message) });

describe('the health that a process tells which runs nothing itself', () => {
  it('knows that a worker has stopped asking Graph, and so does a process that has just started', async () => {
    trouble = 'no connection';
    await world.enqueue();
    expect(await graphOf(world)).toEqual({ status: 'ok' });
    await expectAtApi(says('Microsoft Graph does not answer; nothing is sent'));
    const restarted = await anotherProcess(async () => expect.unreachable());
    expect(await graphOf(restarted)).toEqual(says('Microsoft Graph does not answer; nothing is sent'));
    await restarted.stop();
  });

  it('is well again once the worker gets through', async () => {
    trouble = 'no connection';
    const jobId = await world.enqueue();
    await expectAtApi(says('Microsoft Graph does not answer'));
    trouble = 'none';
    await expectAtApi({ status: 'ok' });
    await expect.poll(async () => (await world.run(jobId)).status).toBe('COMPLETED');
    expect(await graphOf(world)).toEqual({ status: 'ok' });
  });

  it('is well again when the time has passed, though the worker was killed', async () => {
    trouble = 'no connection';
    await world.enqueue();
    await expectAtApi(says('Microsoft Graph does not answer; nothing is sent'));
    world.clock.advance((await putBackUntil()) - world.clock.now().getTime());
    expect(await graphOf(world)).toEqual(says('the next request tries whether it is back'));
    world.clock.advance(10_000);
    expect(await graphOf(world)).toEqual({ status: 'ok' });
  });

  it('tells a mailbox that Graph cannot serve from Graph as a whole', async () => {
    trouble = 504;
    await world.enqueue();
    await expectAtApi(says('Graph does not serve 1 mailbox for now'));
  });
});
