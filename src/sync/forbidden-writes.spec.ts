import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld } from '../../test/support/sync-world.ts';
import type { EventId } from '../core/ids.ts';

let world: SyncWorld;
beforeAll(async () => {
  await openWorldDatabase();
});
beforeEach(async () => {
  world = await SyncWorld.open();
});
afterEach(async () => {
  await world.close();
});

const MINUTE_MS = 60_000;
const visit = (subject: string) => ({
  subject,
  start: { dateTime: '2026-03-10T09:00:00', timeZone: 'UTC' },
  end: { dateTime: '2026-03-10T10:00:00', timeZone: 'UTC' },
});
const FORBIDDEN = { status: 403, code: 'ErrorAccessDenied', count: 'always' } as const;

async function synced(count: number): Promise<EventId[]> {
  const ids = await world.bookAll(Array.from({ length: count }, (_, each) => visit(`visit ${each}`)));
  await world.sync();
  return ids;
}

async function forbid(method: 'PATCH' | 'DELETE', ids: readonly EventId[]): Promise<void> {
  for (const id of ids) {
    const { graphEventId } = await world.get(id);
    world.simulator.failNext({ method, path: new RegExp(graphEventId!.replace(/[^\w-]/g, '.')), ...FORBIDDEN });
  }
}

async function expectCaughtUp(): Promise<void> {
  world.simulator.clearFaults();
  world.clock.advance(2 * MINUTE_MS);
  expect(await world.sync()).toMatchObject({ status: 'COMPLETED' });
  expect(await world.differences()).toEqual([]);
  await expectQuiet(world);
}

describe('writes that Graph forbids for ever', () => {
  it('hold up no write of another kind: two deletions in front of an edit', async () => {
    const ids = await synced(8);
    await forbid('DELETE', ids.slice(0, 2));
    await world.remove(...ids.slice(0, 2));
    await world.edit(ids[5]!, { subject: 'edited' });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteUpdated: 1, failedEvents: 2 });
    await expectQuiet(world);
    await expectCaughtUp();
  });

  it('hold up no edit behind them: twenty in front of one', async () => {
    const ids = await synced(21);
    await forbid('PATCH', ids.slice(0, 20));
    for (const id of ids) await world.edit(id, { subject: 'edited' });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteUpdated: 1, failedEvents: 20 });
    await expectQuiet(world);
    await expectCaughtUp();
  });

  it('hold up no edit that is made after very many of them', async () => {
    const ids = await synced(75);
    await forbid('PATCH', ids.slice(0, 74));
    for (const id of ids) await world.edit(id, { subject: 'edited' });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteUpdated: 1, failedEvents: 74 });
    await expectCaughtUp();
  });

  it('hold up no deletions behind them, once anything is written', async () => {
    const ids = await synced(80);
    await forbid('DELETE', ids.slice(0, 20));
    await world.remove(...ids.slice(0, 22));
    await world.edit(ids[60]!, { subject: 'edited' });
    expect(await world.sync()).toMatchObject({
      ...{ status: 'COMPLETED', remoteUpdated: 1, remoteDeleted: 2, failedEvents: 20 },
    });
    await expectQuiet(world);
  });

  it('are the mailbox’s trouble where there is nothing else, each run says so, and it costs three batches at most', async () => {
    const ids = await synced(90);
    world.simulator.failNext({ method: 'PATCH', ...FORBIDDEN });
    world.simulator.failNext({ method: 'DELETE', ...FORBIDDEN });
    world.simulator.failNext({ method: 'POST', path: /\/events$/, ...FORBIDDEN });
    await world.remove(...ids.slice(0, 3));
    for (const id of ids.slice(3)) await world.edit(id, { subject: 'edited' });
    await world.book(visit('new'));
    for (let runs = 0; runs < 5; runs += 1) {
      world.simulator.clearLog();
      expect(await world.sync()).toMatchObject({ status: 'FAILED', errorCode: 'FORBIDDEN', failedEvents: 0 });
      expect(world.simulator.writes().length).toBeLessThanOrEqual(3 + 2 * 20);
    }
    world.simulator.clearFaults();
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', remoteUpdated: 87, remoteDeleted: 3 });
    await expectQuiet(world);
  });
});
