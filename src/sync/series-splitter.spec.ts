import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ALICE,
  BOB,
  connect,
  type EventServiceWorld,
  emptyTables,
  markSynced,
  openEventServiceWorld,
  queuedRuns,
} from '../../test/support/event-service-world.ts';
import { expectMails } from '../../test/support/outbox-watch.ts';
import { expectQuiet } from '../../test/support/quiet.ts';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import { isSyncError, type SyncErrorCode } from '../core/errors.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId } from '../core/ids.ts';
import type { EventService } from './event.service.ts';

const at = (dateTime: string, timeZone = 'Europe/Berlin') => ({ dateTime, timeZone });
const SPRING = { start: '2026-03-01T00:00:00Z', end: '2026-05-01T00:00:00Z' };
const guest = { type: 'required' as const, emailAddress: { address: 'guest@example.com' } };
/** Mondays at nine in Berlin, from 9 March 2026, six times. */
const WEEKLY: EventInput = {
  subject: 'Weekly',
  start: at('2026-03-09T09:00:00'),
  end: at('2026-03-09T10:00:00'),
  recurrence: {
    pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' },
    range: { type: 'numbered', startDate: '2026-03-09', numberOfOccurrences: 6 },
  },
};

async function refusalOf(work: Promise<unknown>, code: SyncErrorCode): Promise<Error> {
  const error = await work.then(
    () => expect.fail(`should have been refused with ${code}`),
    (reason: unknown) => reason,
  );
  if (!isSyncError(error)) throw error;
  expect(error.code).toBe(code);
  return error;
}

describe('one date of a series and all that follow, here', () => {
  let world: EventServiceWorld;
  let service: EventService;
  beforeAll(async () => {
    world = await openEventServiceWorld();
    service = world.service;
  });
  beforeEach(() => emptyTables(world));
  afterAll(() => world.close());

  const aSeries = async (change: EventInput = {}) => (await service.create(ALICE, { ...WEEKLY, ...change })).event;
  const shown = async (id: string) => {
    const { items } = await service.instances(ALICE, id, SPRING);
    return items.map(({ start, subject }) => `${start.dateTime.slice(5, 16)} ${subject}`);
  };

  it('are changed by ending the series and beginning another, which is what is answered', async () => {
    const series = await aSeries();
    await service.update(ALICE, `${series.id}_2026-03-16`, { subject: 'before' });
    await service.update(ALICE, `${series.id}_2026-04-06`, { subject: 'after' });
    await service.delete(ALICE, `${series.id}_2026-04-13`);
    const { event } = await service.updateFollowing(ALICE, `${series.id}_2026-03-23`, {
      subject: 'Changed',
      start: at('2026-03-23T14:00:00'),
      end: at('2026-03-23T15:00:00'),
    });
    expect(event).toMatchObject({ type: 'seriesMaster', subject: 'Changed', syncState: 'pending', graphEventId: null });
    expect(event.id).not.toBe(series.id);
    expect(event.recurrence?.range).toMatchObject({
      type: 'numbered',
      startDate: '2026-03-23',
      numberOfOccurrences: 4,
    });
    expect(await shown(series.id)).toEqual(['03-09T09:00 Weekly', '03-16T09:00 before']);
    expect(await shown(event.id)).toEqual(['03-23T14:00 Changed', '03-30T14:00 Changed', '04-06T14:00 after']);
    expect(await service.get(ALICE, event.id)).toEqual(event);
  });

  it('are deleted by ending the series', async () => {
    const series = await aSeries();
    await service.deleteFollowing(ALICE, `${series.id}_2026-03-23`);
    expect(await shown(series.id)).toEqual(['03-09T09:00 Weekly', '03-16T09:00 Weekly']);
    expect((await service.list(ALICE, { limit: 10 })).items).toHaveLength(1);
  });

  it('are the whole series from its first date on, and where all before is cancelled', async () => {
    const series = await aSeries();
    const { event } = await service.updateFollowing(ALICE, `${series.id}_2026-03-09`, { subject: 'All' });
    expect(event).toMatchObject({ id: series.id, subject: 'All' });
    await service.delete(ALICE, `${series.id}_2026-03-09`);
    const rest = await service.updateFollowing(ALICE, `${series.id}_2026-03-16`, { subject: 'Rest' });
    expect(rest.event.id).toBe(series.id);
    expect(await shown(series.id)).toHaveLength(5);
    await service.deleteFollowing(ALICE, `${series.id}_2026-03-16`);
    await refusalOf(service.get(ALICE, series.id), 'not-found');
  });

  it('queue one run, and both stand in the change feed', async () => {
    await connect(world);
    const series = await aSeries();
    const [run] = await queuedRuns(world);
    const { cursor } = await service.changes(ALICE, { limit: 10 });
    const { event } = await service.updateFollowing(ALICE, `${series.id}_2026-03-23`, { subject: 'Changed' });
    expect((await queuedRuns(world)).map(({ id }) => id)).toEqual([run?.id]);
    const { items } = await service.changes(ALICE, { limit: 10, cursor });
    expect(items.map(({ change, id }) => `${change} ${id}`).sort()).toEqual(
      [`created ${event.id}`, `updated ${series.id}`].sort(),
    );
  });

  it('are not divided again by the same request: by its tag, its key, or not at all', async () => {
    const series = await aSeries();
    const id = `${series.id}_2026-03-23`;
    const how = { ifMatch: series.etag, idempotencyKey: 'once' };
    const first = await service.updateFollowing(ALICE, id, { subject: 'Changed' }, how);
    expect(first.isRepeated).toBe(false);
    const again = await service.updateFollowing(ALICE, id, { subject: 'Changed' }, how);
    expect(again).toEqual({ event: first.event, isRepeated: true });
    await refusalOf(service.updateFollowing(ALICE, id, { subject: 'Other' }, how), 'conflict-state');
    await refusalOf(service.updateFollowing(ALICE, id, { subject: 'Changed' }), 'not-found');
    const other = `${series.id}_2026-03-16`;
    await refusalOf(
      service.updateFollowing(ALICE, other, { subject: 'X' }, { ifMatch: series.etag }),
      'version-mismatch',
    );
    await refusalOf(service.deleteFollowing(ALICE, other, { ifMatch: series.etag }), 'version-mismatch');
    expect((await service.list(ALICE, { limit: 10 })).items).toHaveLength(2);
  });

  it('of a whole series come under their key again as well', async () => {
    const series = await aSeries();
    const id = `${series.id}_2026-03-09`;
    const first = await service.updateFollowing(ALICE, id, { subject: 'All' }, { idempotencyKey: 'all' });
    const again = await service.updateFollowing(ALICE, id, { subject: 'All' }, { idempotencyKey: 'all' });
    expect(again).toEqual({ event: first.event, isRepeated: true });
  });

  it('are left alone by a change to nothing, and by one that is refused', async () => {
    const series = await aSeries();
    const id = `${series.id}_2026-03-23`;
    expect((await service.updateFollowing(ALICE, id, { subject: 'Weekly' })).event).toEqual(series);
    const impossible = { start: at('2026-03-23T11:00:00'), end: at('2026-03-23T10:00:00') };
    await refusalOf(service.updateFollowing(ALICE, id, impossible, { idempotencyKey: 'refused' }), 'impossible-input');
    expect(await service.get(ALICE, series.id)).toEqual(series);
    const how = { idempotencyKey: 'refused' };
    expect((await service.updateFollowing(ALICE, id, { subject: 'Good' }, how)).isRepeated).toBe(false);
  });

  it('need a date that is there, and one’s own', async () => {
    const series = await aSeries();
    await refusalOf(service.updateFollowing(ALICE, series.id, { subject: 'X' }), 'impossible-input');
    await refusalOf(service.deleteFollowing(ALICE, series.id), 'impossible-input');
    await refusalOf(service.updateFollowing(ALICE, `${series.id}_2026-03-24`, { subject: 'X' }), 'not-found');
    await refusalOf(service.updateFollowing(BOB, `${series.id}_2026-03-23`, { subject: 'X' }), 'not-found');
    await refusalOf(service.deleteFollowing(BOB, `${series.id}_2026-03-23`), 'not-found');
  });

  it('wait while the times of the series are in conflict', async () => {
    await connect(world);
    const series = await aSeries();
    await markSynced(world, series.id, { conflictUnits: ['time'] });
    await refusalOf(service.updateFollowing(ALICE, `${series.id}_2026-03-23`, { subject: 'X' }), 'conflict-state');
  });
});

describe('one date of a series and all that follow, in Outlook', () => {
  let world: SyncWorld;
  let service: EventService;
  beforeEach(async () => {
    world = await SyncWorld.open();
    service = world.services.eventService;
  });
  afterEach(() => world.close());

  const following = (id: EventId, date: string, input: EventInput) =>
    service.updateFollowing(USER, `${id}_${date}`, input);

  it('arrive as two series, the old one ended, with what was said about later dates', async () => {
    const id = await world.book(WEEKLY);
    await world.sync();
    await service.update(USER, `${id}_2026-03-30`, { subject: 'Other' });
    await service.delete(USER, `${id}_2026-04-06`);
    await world.sync();
    await following(id, '2026-03-23', { start: at('2026-03-24T14:00:00'), end: at('2026-03-24T15:00:00') });
    await world.sync();
    expect(await world.differences()).toEqual([]);
    expect(world.mailbox.listEvents().map((event) => event.recurrence?.range.startDate)).toEqual([
      '2026-03-09',
      '2026-03-24',
    ]);
    await expectQuiet(world);
  });

  it('go from Outlook when they are deleted here', async () => {
    const id = await world.book(WEEKLY);
    await world.sync();
    await service.deleteFollowing(USER, `${id}_2026-03-23`);
    await world.sync();
    expect(await world.differences()).toEqual([]);
    const [master] = world.mailbox.listEvents();
    expect(world.mailbox.occurrences(master!.id, SPRING.start, SPRING.end)).toHaveLength(2);
    await service.deleteFollowing(USER, `${id}_2026-03-09`);
    await world.sync();
    expect(world.mailbox.listEvents()).toEqual([]);
    await expectQuiet(world);
  });

  it('stay with the series while the rules leave it alone in Outlook and would let the new one go there', async () => {
    const id = await world.book({ ...WEEKLY, subject: 'Secret' });
    await world.sync();
    await world.services.settings.put(USER, { rules: [{ action: 'exclude', subjectContains: 'Secret' }] });
    await world.sync();
    await refusalOf(following(id, '2026-03-23', { subject: 'Public' }), 'conflict-state');
    await following(id, '2026-03-23', { location: { displayName: 'Yard' } });
    await world.sync();
    expect(world.mailbox.listEvents()).toHaveLength(1);
    await expectQuiet(world);
  });

  it('come from Outlook as two series', async () => {
    const id = await world.book(WEEKLY);
    await world.sync();
    const { graphEventId } = await world.get(id);
    world.mailbox.updateFollowing(graphEventId!, '2026-03-23', { subject: 'There' });
    await world.sync();
    expect(await world.differences()).toEqual([]);
    expect((await world.all()).map(({ content }) => content.subject).sort()).toEqual(['There', 'Weekly']);
    await expectQuiet(world);
  });

  it('are not divided where the policy would keep the old series as it is in Outlook', async () => {
    const id = await world.book(WEEKLY);
    await world.sync();
    const { graphEventId } = await world.get(id);
    world.mailbox.quietly(() => world.mailbox.updateEvent(graphEventId!, { attendees: [guest] }));
    await world.sync();
    const error = await refusalOf(following(id, '2026-03-23', { subject: 'New' }), 'conflict-state');
    expect(error.message).toMatch(/guests.*notifyAttendees "never".*twice/);
    expect(await world.all()).toHaveLength(1);
    await expectQuiet(world);
    expectMails();
    await world.services.settings.put(USER, { notifyAttendees: 'all' });
    await following(id, '2026-03-23', { subject: 'New' });
    await world.sync();
    expect(await world.differences()).toEqual([]);
    expect(world.simulator.outbox.length).toBeGreaterThan(0);
  });

  it('of somebody else’s series are refused, changed or deleted', async () => {
    world.mailbox.addForeignMeeting({ ...WEEKLY, organizer: { emailAddress: { address: 'boss@example.com' } } });
    await world.sync();
    const { id } = await world.bySubject('Weekly');
    await refusalOf(following(id, '2026-03-23', { categories: ['Mine'] }), 'access-denied');
    await refusalOf(service.deleteFollowing(USER, `${id}_2026-03-23`), 'access-denied');
    await expectQuiet(world);
  });
});
