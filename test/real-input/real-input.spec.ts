import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventId } from '../../src/core/ids.ts';
import { expectQuiet, NOTHING } from '../support/quiet.ts';
import { SyncWorld } from '../support/sync-world.ts';
import { calendarFiles, exampleResponses, hasShared } from './examples.ts';
import { loadCalendarFile, loadExample, Tally } from './furnish.ts';

/** Real calendars reach back decades; the window follows them, five years at a time. */
const FIRST_YEAR = 1971;
const LAST_YEAR = 2040;
const YEARS_A_WINDOW = 4;

const missing = ['ics', 'graph-examples'].filter((folder) => !hasShared(folder));
if (missing.length > 0) {
  console.log(
    `skipped: real calendar files and published examples (${missing.join(', ')}) are not beside this checkout`,
  );
}

describe.skipIf(missing.length > 0)('calendars and examples that nobody here wrote', () => {
  let world: SyncWorld;
  const files = new Tally();
  const examples = new Tally();

  beforeAll(async () => {
    world = await SyncWorld.open({
      now: `${FIRST_YEAR}-06-01T08:00:00Z`,
      env: { GRAPH_PAGE_SIZE: '1000', CALENDAR_MAX_EVENTS_PER_SYNC: '100000' },
      settings: { window: { pastDays: 900, futureDays: 900 }, notifyAttendees: 'all' },
      mailsAreExpected: true,
      furnish: (mailbox, simulator) =>
        simulator.quietly(() => {
          for (const { ics } of calendarFiles()) loadCalendarFile(mailbox, ics, files);
          for (const { events } of exampleResponses()) {
            for (const event of events) loadExample(mailbox, event, examples);
          }
        }),
    });
  }, 300_000);
  afterAll(async () => {
    await world?.close();
  });

  async function syncThroughTheYears(): Promise<void> {
    for (let year = FIRST_YEAR; year <= LAST_YEAR; year += YEARS_A_WINDOW) {
      world.clock.advance(Date.parse(`${year}-06-01T08:00:00Z`) - world.clock.now().getTime());
      const run = await world.sync();
      expect(run).toMatchObject({ status: 'COMPLETED', failedEvents: 0, localDeleted: 0, remoteDeleted: 0 });
    }
  }

  it('are pulled, edited on both sides, pushed, and equal on both sides; then nothing is left to do', async () => {
    console.log(`calendar files: ${files}\npublished examples: ${examples}`);
    expect(files.loaded).toBeGreaterThan(1_000);
    expect(examples.loaded).toBeGreaterThan(30);

    await syncThroughTheYears();
    expect(await world.differences()).toEqual([]);
    const pulled = await world.all();
    // An example that repeats another one's transactionId is the same event to Graph.
    expect(pulled).toHaveLength(world.mailbox.listEvents().length);
    await expectQuiet(world);

    const refused: string[] = [];
    for (const [each, { id, graphEventId, content, facts }] of pulled.entries()) {
      if (each % 3 === 0) await tryTo(refused, () => editHere(id, content.subject, each));
      if (each % 3 === 1 && facts?.isOrganizer) {
        world.simulator.quietly(() =>
          world.mailbox.updateEvent(graphEventId!, { subject: `there ${content.subject}` }),
        );
      }
    }
    const edited = await world.sync();
    expect(edited).toMatchObject({ status: 'COMPLETED', failedEvents: 0, conflictsDetected: 0 });
    console.log(
      `edited: ${edited.localUpdated} from Outlook, ${edited.remoteUpdated} to Outlook; refused: ${refused.length}`,
    );
    expect(await world.differences()).toEqual([]);
    // Writes to events outside the window come back as tombstones, which are proven before they are taken for none.
    world.simulator.clearLog();
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', failedEvents: 0, ...NOTHING });
    expect(world.simulator.writes()).toEqual([]);
    await expectQuiet(world);
  }, 600_000);

  async function editHere(id: EventId, subject: string, each: number): Promise<void> {
    if (each % 2 === 0) await world.edit(id, { subject: `here ${subject}` });
    else await world.edit(id, { categories: ['Travel'], showAs: 'oof', location: { displayName: 'Yard' } });
  }

  async function tryTo(refused: string[], act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      refused.push(error instanceof Error ? error.message : String(error));
    }
  }
});
