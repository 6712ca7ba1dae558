import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from '../../test/support/quiet.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventId } from '../core/ids.ts';

let world: SyncWorld;
beforeEach(async () => {
  world = await SyncWorld.open({ settings: { conflictResolution: 'manual' } });
});
afterEach(async () => {
  await world.close();
});

const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const talk = {
  subject: 'Talk',
  body: { contentType: 'text', content: 'Agenda' },
  start: berlin('2026-03-10T09:00:00'),
  end: berlin('2026-03-10T10:00:00'),
  isOnlineMeeting: true,
  onlineMeetingProvider: 'teamsForBusiness',
};
const recurrence = {
  pattern: { type: 'daily', interval: 1 },
  range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 3 },
};
const plain = (content: string) => ({ contentType: 'text' as const, content });

async function online(event: object = talk): Promise<{ id: EventId; graphId: string; joinUrl: string }> {
  const there = world.mailbox.createEvent(event);
  await world.sync();
  const { id } = await world.bySubject('Talk');
  return { id, graphId: there.id, joinUrl: (there['onlineMeeting'] as { joinUrl: string }).joinUrl };
}

function expectJoinable(graphId: string, joinUrl: string, text: string): void {
  const there = world.mailbox.getEvent(graphId);
  expect(there?.isOnlineMeeting).toBe(true);
  expect(there?.body.content).toContain(joinUrl);
  expect(there?.body.content).toContain(text);
}

describe('an online meeting keeps its join block', () => {
  it.each([
    ['PREFER_LOCAL', undefined, 'Ours'],
    ['MERGE', undefined, undefined],
    ['MANUAL', { event: { body: plain('Decided') } }, 'Decided'],
  ] as const)('when a conflict about its body is decided by %s', async (resolution, resolvedData, text) => {
    const { id, graphId, joinUrl } = await online();
    await world.edit(id, { body: plain('Ours') });
    const before = world.mailbox.getEvent(graphId)?.body.content ?? '';
    world.mailbox.updateEvent(graphId, {
      body: { contentType: 'html', content: before.replace('Agenda', 'Theirs') },
    });
    await world.sync();
    const [conflict] = await world.pendingConflicts();
    await world.services.conflicts.resolve(USER, conflict!.id, {
      resolution,
      correlationId: 'test',
      ...(resolvedData ? { resolvedData } : {}),
    });
    await world.sync();
    expectJoinable(graphId, joinUrl, text ?? '');
    await world.dropQueuedRuns();
    await world.sync();
    await expectQuiet(world);
  });

  it('when one date of a series gets another body, and on all other dates', async () => {
    const { id, graphId, joinUrl } = await online({ ...talk, recurrence });
    await world.services.eventService.update(USER, `${id}_2026-03-11`, { body: plain('Only today') });
    await world.sync();
    const dates = world.mailbox.occurrences(graphId, '2026-03-10T00:00:00Z', '2026-03-14T00:00:00Z');
    expect(dates).toHaveLength(3);
    for (const { body } of dates) expect(body.content).toContain(joinUrl);
    expect(dates[1]?.body.content).toContain('Only today');
    await world.sync();
    await expectQuiet(world);
  });
});
