import { expect } from 'vitest';
import type { SyncWorld } from './sync-world.ts';

/** The counters of a run that changed nothing on either side. */
export const NOTHING = {
  localCreated: 0,
  localUpdated: 0,
  localDeleted: 0,
  remoteCreated: 0,
  remoteUpdated: 0,
  remoteDeleted: 0,
};

/** The law every sync has to end with: the next run writes nothing on either side and costs one delta request. */
export async function expectQuiet(world: SyncWorld, { graphRequests = 1 } = {}): Promise<void> {
  world.simulator.clearLog();
  const run = await world.sync();
  expect(run).toMatchObject({
    status: 'COMPLETED',
    conflictsDetected: 0,
    failedEvents: 0,
    graphRequests,
    ...NOTHING,
  });
  expect(world.simulator.writes()).toEqual([]);
  expect(world.simulator.outbox).toEqual([]);
}
