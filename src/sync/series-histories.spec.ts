import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectQuiet, NOTHING } from '../../test/support/quiet.ts';
import { arbitraryHistory, type History, play, vanished } from '../../test/support/series-history.ts';
import { openWorldDatabase, SyncWorld, USER } from '../../test/support/sync-world.ts';
import { sameUnit, type Unit, unitsOf } from '../core/canonical-event.ts';

/** `SERIES_HISTORIES=2000 SERIES_SEED=7 vitest run src/sync/series-histories.spec.ts` looks further. */
const HISTORIES = Number(process.env['SERIES_HISTORIES'] ?? '12');
const SEED = Number(process.env['SERIES_SEED'] ?? '20260326');

beforeAll(async () => {
  await openWorldDatabase();
});

/** Where the sides differ although no conflict waits for a person and nothing was refused by name. */
async function unexplained(world: SyncWorld): Promise<string[]> {
  const remote = world.remoteContents();
  const local = await world.all();
  const bases = await world.bases.findByEventIds(
    world.db,
    USER,
    local.map(({ id }) => id),
  );
  const found: string[] = [];
  for (const { id, content, revision, graphEventId } of local) {
    const base = bases.get(id);
    const there = remote.get(base?.graphEventId ?? graphEventId ?? '');
    remote.delete(base?.graphEventId ?? graphEventId ?? '');
    const waiting: readonly Unit[] = base?.conflictUnits ?? [];
    if (!there) {
      if (waiting.length === 0) found.push(`${content.subject}: only here`);
      continue;
    }
    const differing = unitsOf(content, there).filter((unit) => !sameUnit(content, there, unit));
    const isParked = base?.failedRevision !== undefined && base.failedRevision >= revision;
    // Under a rule that waits, what is said about single dates may read differently.
    const left = differing.filter((unit) => !waiting.includes(unit) && !isParked);
    if (left.length > 0) found.push(`${content.subject}: ${left.join(', ')}`);
  }
  const pending = await world.pendingConflicts();
  for (const [id, { subject }] of remote) {
    const isWaiting = pending.some(({ eventId }) => bases.get(eventId)?.graphEventId === id);
    if (!isWaiting) found.push(`${subject}: only in Outlook ${pending.length}`);
  }
  return found;
}

async function holds(history: History): Promise<void> {
  const world = await SyncWorld.open();
  try {
    const played = await play(world, history);
    const run = await world.sync();
    expect(run.status).toBe('COMPLETED');
    expect(await unexplained(world)).toEqual([]);
    const sides = JSON.stringify([await world.all(), [...world.remoteContents()]], bigintsAsText);
    const records = JSON.stringify(await world.allConflicts(), bigintsAsText);
    expect(vanished(played, { sides, records })).toEqual([]);
    world.simulator.clearLog();
    // What was moved out of the window is reported as removed, and asked for once before that is believed or not.
    expect(await world.sync()).toMatchObject({
      status: 'COMPLETED',
      conflictsDetected: 0,
      failedEvents: 0,
      ...NOTHING,
    });
    expect(world.simulator.writes()).toEqual([]);
    await expectQuiet(world);
  } finally {
    await world.close();
  }
}

function bigintsAsText(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

describe('any history of edits of one series on both sides', () => {
  it('converges, and loses nothing that a person wrote', { timeout: 60_000 + HISTORIES * 5_000 }, async () => {
    await fc.assert(fc.asyncProperty(arbitraryHistory(), holds), { numRuns: HISTORIES, seed: SEED });
  });
});
