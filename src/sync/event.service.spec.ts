import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ALICE,
  BOB,
  connect,
  type EventServiceWorld,
  emptyTables,
  insertPlainRow,
  markSynced,
  openEventServiceWorld,
  queuedRuns,
} from '../../test/support/event-service-world.ts';
import { isSyncError, type SyncErrorCode } from '../core/errors.ts';
import type { EventInput } from '../core/event-input.ts';
import type { UserId } from '../core/ids.ts';

let world: EventServiceWorld;

beforeAll(async () => {
  world = await openEventServiceWorld();
});
beforeEach(() => emptyTables(world));
afterAll(() => world.close());

const NINE = { dateTime: '2026-03-09T09:00:00', timeZone: 'Europe/Berlin' };
const TEN = { dateTime: '2026-03-09T10:00:00', timeZone: 'Europe/Berlin' };

function input(overrides: EventInput & { calendarId?: string } = {}): EventInput & { calendarId?: string } {
  return { subject: 'Standup', start: NINE, end: TEN, ...overrides };
}

async function create(overrides: EventInput & { calendarId?: string } = {}, userId: UserId = ALICE) {
  return (await world.service.create(userId, input(overrides), {})).event;
}

async function refusal(work: Promise<unknown>, code: SyncErrorCode): Promise<Error & { problems: readonly unknown[] }> {
  const error = await work.then(
    () => expect.fail(`should have been refused with ${code}`),
    (reason: unknown) => reason,
  );
  if (!isSyncError(error)) throw error;
  expect(error.code).toBe(code);
  return error;
}

describe('creating an event', () => {
  it('answers every field of the contract, and stores what it answers', async () => {
    const event = await create({ location: { displayName: 'Room 1' }, categories: ['Customers'] });

    expect(event).toEqual({
      id: expect.any(String),
      calendarId: 'default',
      graphEventId: null,
      iCalUId: null,
      type: 'singleInstance',
      seriesMasterId: null,
      originalStart: null,
      subject: 'Standup',
      body: null,
      start: NINE,
      end: TEN,
      isAllDay: false,
      location: { displayName: 'Room 1' },
      locations: [{ displayName: 'Room 1' }],
      attendees: [],
      showAs: 'busy',
      sensitivity: 'normal',
      importance: 'normal',
      categories: ['Customers'],
      isReminderOn: true,
      reminderMinutesBeforeStart: 15,
      isOnlineMeeting: false,
      onlineMeeting: null,
      recurrence: null,
      organizer: null,
      isOrganizer: true,
      isCancelled: false,
      responseStatus: null,
      webLink: null,
      hasAttachments: false,
      pendingResponse: null,
      notices: [],
      createdDateTime: world.clock.now().toISOString(),
      lastModifiedDateTime: world.clock.now().toISOString(),
      syncedAt: null,
      syncState: 'pending',
      syncError: null,
      held: [],
      etag: expect.stringMatching(/^"\d+"$/),
    });
    expect(await world.service.get(ALICE, event.id)).toEqual(event);
  });

  it('queues the run that carries it over, once for many', async () => {
    await connect(world);
    await world.service.create(ALICE, input(), { correlationId: 'c-1' });
    await create();

    expect(await queuedRuns(world)).toEqual([
      expect.objectContaining({ trigger: 'change', status: 'PENDING', correlationId: 'c-1' }),
    ]);
  });

  it('works without a mailbox; there is nothing to run then', async () => {
    await create();
    expect(await queuedRuns(world)).toEqual([]);
  });

  it.each([
    ['the calendar is switched off', { settings: { enabled: false } }],
    ['the calendar is only read from Outlook', { settings: { direction: 'pull' as const } }],
  ])('queues nothing when %s', async (_case, calendar) => {
    await connect(world, ALICE, calendar);
    await create();
    expect(await queuedRuns(world)).toEqual([]);
  });

  it('queues nothing when the user switched everything off, unless the calendar says otherwise', async () => {
    await connect(world);
    await connect(world, ALICE, { id: 'work', settings: { enabled: true } });
    await world.db.transaction((tx) => world.settings.save(tx, ALICE, { enabled: false }));
    await create();
    await create({ calendarId: 'work' });
    expect(await queuedRuns(world)).toEqual([]);
    expect(await queuedRuns(world, ALICE, 'work')).toHaveLength(1);
  });

  it('queues nothing while the mailbox waits for a new consent', async () => {
    await connect(world);
    await sql`update "CalendarConnection" set status = 'REAUTH_REQUIRED'`.execute(world.db.kysely);
    await create();
    expect(await queuedRuns(world)).toEqual([]);
  });

  it('keeps neither the event nor the run when one of the two fails', async () => {
    await connect(world);
    await sql`alter table "CalendarSyncState" add constraint nothing_queued check (trigger <> 'change')`.execute(
      world.db.kysely,
    );
    try {
      await expect(create()).rejects.toThrow(/nothing_queued/);
      expect((await world.service.list(ALICE, { limit: 10 })).items).toEqual([]);
    } finally {
      await sql`alter table "CalendarSyncState" drop constraint nothing_queued`.execute(world.db.kysely);
    }
  });

  it('names the place where calendars are listed when there is none of that name', async () => {
    await connect(world);
    const error = await refusal(create({ calendarId: 'nowhere' }), 'not-found');
    expect(error.message).toContain('GET /calendar/calendars');
    await refusal(create({ calendarId: 'a\0b' }), 'not-found');
  });

  it('knows no calendar of another user, and none that left the mailbox', async () => {
    await connect(world, BOB, { id: 'work' });
    await refusal(create({ calendarId: 'work' }), 'not-found');
    await world.db.transaction((tx) => world.calendars.markRemoved(tx, BOB, 'work' as never, world.clock.now()));
    await refusal(create({ calendarId: 'work' }, BOB), 'not-found');
  });

  it('refuses a read-only calendar', async () => {
    await connect(world, ALICE, { id: 'holidays', canEdit: false });
    const error = await refusal(create({ calendarId: 'holidays' }), 'access-denied');
    expect(error.message).toContain('holidays is read-only');
  });

  it('refuses what no calendar can hold, and keeps nothing of it', async () => {
    await refusal(create({ start: TEN, end: NINE }), 'impossible-input');
    await refusal(world.service.create(ALICE, { subject: 'No time' }, {}), 'invalid-input');
    expect((await world.service.list(ALICE, { limit: 10 })).items).toEqual([]);
  });
});

describe('an Idempotency-Key', () => {
  it('makes one event of the same request, however its members are ordered', async () => {
    const first = await world.service.create(ALICE, input(), { idempotencyKey: 'k1' });
    const again = await world.service.create(
      ALICE,
      { end: TEN, start: { timeZone: 'Europe/Berlin', dateTime: NINE.dateTime }, subject: 'Standup' },
      { idempotencyKey: 'k1' },
    );
    expect(first.isRepeated).toBe(false);
    expect(again).toEqual({ event: first.event, isRepeated: true });
    expect((await world.service.list(ALICE, { limit: 10 })).items).toHaveLength(1);
  });

  it('answers with the event as it is now', async () => {
    const { event } = await world.service.create(ALICE, input(), { idempotencyKey: 'k1' });
    await world.service.update(ALICE, event.id, { subject: 'Renamed' });
    const again = await world.service.create(ALICE, input(), { idempotencyKey: 'k1' });
    expect(again.event.subject).toBe('Renamed');
  });

  it('is refused for another request, and after its event was deleted', async () => {
    const { event } = await world.service.create(ALICE, input(), { idempotencyKey: 'k1' });
    await refusal(world.service.create(ALICE, input({ subject: 'Other' }), { idempotencyKey: 'k1' }), 'conflict-state');
    await refusal(
      world.service.create(ALICE, input({ calendarId: 'default' }), { idempotencyKey: 'k1' }),
      'conflict-state',
    );
    await world.service.delete(ALICE, event.id);
    await refusal(world.service.create(ALICE, input(), { idempotencyKey: 'k1' }), 'conflict-state');
  });

  it('is each user’s own', async () => {
    const alice = await world.service.create(ALICE, input(), { idempotencyKey: 'k1' });
    const bob = await world.service.create(BOB, input(), { idempotencyKey: 'k1' });
    expect(bob.isRepeated).toBe(false);
    expect(bob.event.id).not.toBe(alice.event.id);
  });

  it('holds when ten of the same request come at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => world.service.create(ALICE, input(), { idempotencyKey: 'k1' })),
    );
    expect(new Set(answers.map(({ event }) => event.id)).size).toBe(1);
    expect(answers.filter(({ isRepeated }) => !isRepeated)).toHaveLength(1);
    expect((await world.service.list(ALICE, { limit: 10 })).items).toHaveLength(1);
  });

  it('is free again when its request was refused', async () => {
    await refusal(world.service.create(ALICE, input({ calendarId: 'nowhere' }), { idempotencyKey: 'k1' }), 'not-found');
    expect((await world.service.create(ALICE, input(), { idempotencyKey: 'k1' })).isRepeated).toBe(false);
  });

  it.each([[''], ['x'.repeat(256)], ['a\0b']])('must be usable', async (idempotencyKey) => {
    await refusal(world.service.create(ALICE, input(), { idempotencyKey }), 'invalid-input');
  });
});

describe('changing an event', () => {
  it('changes what is named, keeps the rest, and is pending again', async () => {
    await connect(world);
    const before = await create({ body: { contentType: 'text', content: 'Agenda' } });
    await markSynced(world, before.id);
    expect((await world.service.get(ALICE, before.id)).syncState).toBe('synced');
    world.clock.advance(60_000);

    const after = await world.service.update(ALICE, before.id, { subject: 'Daily' }, { correlationId: 'c-2' });

    expect(after).toEqual({
      ...before,
      subject: 'Daily',
      lastModifiedDateTime: world.clock.now().toISOString(),
      etag: expect.not.stringMatching(before.etag),
    });
    expect(await world.service.get(ALICE, before.id)).toEqual(after);
    expect(await queuedRuns(world)).toHaveLength(1);
  });

  it('leaves the event as it is, etag and all, when nothing changes', async () => {
    const before = await create();
    await connect(world);
    world.clock.advance(60_000);
    expect(await world.service.update(ALICE, before.id, { subject: 'Standup', start: NINE })).toEqual(before);
    expect(await queuedRuns(world)).toEqual([]);
  });

  it('answers 404 for another user’s event, and for none', async () => {
    const event = await create();
    for (const id of [event.id, 'nothing', 'a\0b', `${event.id}_2026-03-09`]) {
      await refusal(world.service.get(BOB, id), 'not-found');
      await refusal(world.service.update(BOB, id, { subject: 'Mine' }), 'not-found');
      await refusal(world.service.delete(BOB, id), 'not-found');
      await refusal(world.service.instances(BOB, id, YEAR), 'not-found');
    }
    expect(await world.service.get(ALICE, event.id)).toEqual(event);
  });

  it('does not touch the events of a read-only calendar', async () => {
    await connect(world, ALICE, { id: 'shared' });
    const event = await create({ calendarId: 'shared' });
    await connect(world, ALICE, { id: 'shared', canEdit: false });
    await refusal(world.service.update(ALICE, event.id, { subject: 'Mine' }), 'access-denied');
    await refusal(world.service.delete(ALICE, event.id), 'access-denied');
  });

  it('goes on with events whose mailbox is gone', async () => {
    await connect(world, ALICE, { id: 'work' });
    const event = await create({ calendarId: 'work' });
    await world.db.transaction(async (tx) => {
      await world.calendars.deleteAll(tx, ALICE);
      await world.connections.delete(tx, ALICE);
    });
    expect((await world.service.update(ALICE, event.id, { subject: 'Still mine' })).subject).toBe('Still mine');
    await world.service.delete(ALICE, event.id);
  });

  it('renames an event whose time nobody here can read, and leaves the time alone', async () => {
    const custom = { dateTime: '2026-03-09T09:00:00', timeZone: 'tzone://Microsoft/Custom' };
    await insertPlainRow(world, { id: 'custom', start: custom, end: custom });
    const event = await world.service.update(ALICE, 'custom', { subject: 'Renamed' });
    expect(event).toMatchObject({ subject: 'Renamed', start: custom, end: custom });
  });
});

describe('If-Match', () => {
  it.each([
    ['the tag', (tag: string) => tag],
    ['any version', () => '*'],
    ['one of several', (tag: string) => `"7", ${tag}`],
    ['a tag made weak on the way', (tag: string) => `W/${tag}`],
    ['a tag that lost its quotes', (tag: string) => tag.replaceAll('"', '')],
  ])('lets %s through', async (_case, header) => {
    const event = await create();
    const changed = await world.service.update(ALICE, event.id, { subject: 'A' }, { ifMatch: header(event.etag) });
    await world.service.delete(ALICE, event.id, { ifMatch: header(changed.etag) });
  });

  it('holds back a change and a deletion of a version that is gone, and tells the new tag', async () => {
    const event = await create();
    const changed = await world.service.update(ALICE, event.id, { subject: 'A' });
    const error = await refusal(
      world.service.update(ALICE, event.id, { subject: 'B' }, { ifMatch: event.etag }),
      'version-mismatch',
    );
    expect(error.message).toContain(changed.etag);
    await refusal(world.service.delete(ALICE, event.id, { ifMatch: event.etag }), 'version-mismatch');
    await refusal(world.service.delete(ALICE, event.id, { ifMatch: '' }), 'version-mismatch');
    expect(await world.service.get(ALICE, event.id)).toEqual(changed);
  });

  it('lets one of two writers through who saw the same version', async () => {
    const event = await create();
    const outcomes = await Promise.allSettled(
      ['A', 'B'].map((subject) => world.service.update(ALICE, event.id, { subject }, { ifMatch: event.etag })),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});

describe('deleting an event', () => {
  it('is on its way like any change, at the time of our clock', async () => {
    await connect(world);
    const event = await create();
    await markSynced(world, event.id, { graphEventId: 'g1' as never });
    await sql`delete from "CalendarSyncState"`.execute(world.db.kysely);
    world.clock.advance(60_000);

    await world.service.delete(ALICE, event.id);

    await refusal(world.service.get(ALICE, event.id), 'not-found');
    await refusal(world.service.delete(ALICE, event.id), 'not-found');
    const pending = await world.tombstones.listPending(world.db, ALICE, 'default' as never);
    expect(pending.map(({ tombstone }) => tombstone)).toEqual([
      expect.objectContaining({ eventId: event.id, deletedAt: world.clock.now() }),
    ]);
    expect(await queuedRuns(world)).toHaveLength(1);
  });
});

describe('the state of an event', () => {
  it.each([
    ['in step', {}, { syncState: 'synced', syncError: null, held: [] }],
    ['changed since', { agreedRevision: 0n }, { syncState: 'pending' }],
    ['in conflict', { agreedRevision: 0n, conflictUnits: ['subject' as const] }, { syncState: 'conflict' }],
    ['kept back', { heldUnits: ['attendees' as const] }, { syncState: 'synced', held: ['attendees'] }],
  ])('is told when it is %s', async (_case, base, expected) => {
    const event = await create();
    await markSynced(world, event.id, base);
    expect(await world.service.get(ALICE, event.id)).toMatchObject(expected);
  });

  it('is an error while Outlook refuses this version, and pending once it is changed', async () => {
    const event = await create();
    const { revision } = (await world.events.find(world.db, ALICE, event.id as never))!;
    const refused = { errorCode: 'ErrorInvalidRequest', errorMessage: 'no', failedRevision: revision };
    await markSynced(world, event.id, { ...refused, agreedRevision: 0n, conflictUnits: ['subject'] });
    expect(await world.service.get(ALICE, event.id)).toMatchObject({
      syncState: 'error',
      syncError: { code: 'ErrorInvalidRequest', message: 'no' },
    });
    await markSynced(world, event.id, { ...refused, agreedRevision: 0n });
    expect(await world.service.update(ALICE, event.id, { subject: 'Better' })).toMatchObject({
      syncState: 'pending',
      syncError: null,
    });
  });

  it('is an error for a row nobody can read, which must not become what it shows instead', async () => {
    await insertPlainRow(world, { id: 'bad', start: 17, end: { dateTime: '2026-03-09T10:00:00', timeZone: 'UTC' } });
    expect(await world.service.get(ALICE, 'bad')).toMatchObject({
      syncState: 'error',
      syncError: { message: expect.stringContaining('start must be') },
    });
    const error = await refusal(world.service.update(ALICE, 'bad', { subject: 'Renamed' }), 'impossible-input');
    expect(error.problems).toEqual([expect.objectContaining({ path: 'start' })]);
    const mended = await world.service.update(ALICE, 'bad', { start: NINE });
    expect(mended).toMatchObject({ start: NINE, syncState: 'pending', syncError: null });
  });
});

describe('the change feed', () => {
  it('tells each change with the event as it is now, and nothing twice', async () => {
    const first = await create({ subject: 'One' });
    const start = await world.service.changes(ALICE, { limit: 10 });
    expect(start).toMatchObject({ items: [{ change: 'created', id: first.id, event: first }], hasMore: false });

    const second = await create({ subject: 'Two' });
    const renamed = await world.service.update(ALICE, first.id, { subject: 'Uno' });
    await create({ subject: 'Not hers' }, BOB);
    const page = await world.service.changes(ALICE, { cursor: start.cursor, limit: 1 });
    expect(page).toMatchObject({ items: [{ change: 'created', id: second.id }], hasMore: true });
    const rest = await world.service.changes(ALICE, { cursor: page.cursor, limit: 10 });
    expect(rest.items).toEqual([{ change: 'updated', id: first.id, event: renamed }]);

    await world.service.delete(ALICE, second.id);
    const last = await world.service.changes(ALICE, { cursor: rest.cursor, limit: 10 });
    expect(last.items).toEqual([{ change: 'deleted', id: second.id }]);
    expect(await world.service.changes(ALICE, { cursor: last.cursor, limit: 10 })).toMatchObject({ items: [] });
  });

  it('refuses a cursor it did not give out', async () => {
    await refusal(world.service.changes(ALICE, { cursor: 'nonsense', limit: 10 }), 'invalid-input');
    await refusal(world.service.changes(ALICE, { limit: 0 }), 'invalid-input');
  });
});

const YEAR = { start: '2026-01-01T00:00:00Z', end: '2027-01-01T00:00:00Z' };
