import { afterEach, describe, expect, it } from 'vitest';
import { aGuest } from '../../test/support/events.ts';
import { expectQuiet } from '../../test/support/quiet.ts';
import { SyncWorld, type SyncWorldOptions } from '../../test/support/sync-world.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId } from '../core/ids.ts';

let world: SyncWorld;
afterEach(async () => {
  await world?.close();
});

const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const HOURS = { start: berlin('2026-03-10T09:00:00'), end: berlin('2026-03-10T10:00:00') };
const DAY_MS = 24 * 60 * 60_000;

async function open(mailsPerDay: number, options: SyncWorldOptions = {}): Promise<void> {
  world = await SyncWorld.open({
    env: { CALENDAR_GUEST_MAILS_PER_DAY: String(mailsPerDay) },
    settings: { notifyAttendees: 'all' },
    mailsAreExpected: true,
    ...options,
  });
}

const meeting = (subject: string, guests: number, more: EventInput = {}): EventInput => ({
  subject,
  ...HOURS,
  attendees: Array.from({ length: guests }, (_, at) => aGuest(`guest${at}@example.org`)),
  ...more,
});
const mailed = () => world.simulator.outbox.reduce((sum, { to }) => sum + to.length, 0);
const inOutlook = () => world.mailbox.listEvents().map(({ subject }) => subject);

describe('mails to guests', () => {
  it('end with the day’s budget; what mails nobody goes on, and the run says what waits', async () => {
    await open(10);
    for (const name of ['One', 'Two', 'Three', 'Four']) await world.book(meeting(name, 4));
    await world.book({ subject: 'Alone', ...HOURS });
    const run = await world.sync();
    expect(mailed()).toBe(8);
    expect(inOutlook().sort()).toEqual(['Alone', 'One', 'Two']);
    expect(run).toMatchObject({
      status: 'FAILED',
      errorCode: 'GUEST_MAIL_BUDGET',
      errorDetails: { waiting: 2, sent: 8, budget: 10, freeAt: expect.any(String) },
    });
    expect(await world.differences()).toMatchObject([{ units: 'only here' }, { units: 'only here' }]);
  });

  it('go on once the day has passed, each once', async () => {
    await open(10);
    for (const name of ['One', 'Two', 'Three', 'Four']) await world.book(meeting(name, 4));
    await world.sync();
    await world.sync();
    expect(mailed()).toBe(8);
    world.clock.advance(DAY_MS + 60 * 60_000);
    const run = await world.sync();
    expect(run.status).toBe('COMPLETED');
    expect(mailed()).toBe(16);
    expect(inOutlook()).toHaveLength(4);
    expect((await world.sync()).status).toBe('COMPLETED');
    expect(mailed()).toBe(16);
  });

  it('count changes, dates of a series and cancellations too', async () => {
    await open(12);
    const rule = {
      pattern: { type: 'daily' as const, interval: 1 },
      range: { type: 'numbered' as const, startDate: '2026-03-10', numberOfOccurrences: 5 },
    };
    const ids: EventId[] = [];
    for (const input of [meeting('Single', 2), meeting('Series', 2, { recurrence: rule })])
      ids.push(await world.book(input));
    await world.sync();
    expect(mailed()).toBe(4);
    const [single, series] = ids as [EventId, EventId];
    await world.edit(single, { start: berlin('2026-03-10T11:00:00'), end: berlin('2026-03-10T12:00:00') });
    await world.editContent(series, (content) => ({
      ...content,
      occurrences: { '2026-03-11': { isCancelled: true }, '2026-03-12': { isCancelled: true } },
    }));
    await world.sync();
    expect(mailed()).toBe(10);
    await world.remove(single);
    expect((await world.sync()).status).toBe('COMPLETED');
    expect(mailed()).toBe(12);
    await world.remove(series);
    expect(await world.sync()).toMatchObject({ status: 'FAILED', errorCode: 'GUEST_MAIL_BUDGET' });
    expect(mailed()).toBe(12);
    expect(inOutlook()).toEqual(['Series']);
  });

  it('count once more for each date that differs when a series changes', async () => {
    await open(11);
    const range = { type: 'numbered' as const, startDate: '2026-03-10', numberOfOccurrences: 5 };
    const own = (subject: string) => ({ isCancelled: false as const, fields: { subject } });
    const id = await world.book(
      meeting('Series', 2, { recurrence: { pattern: { type: 'daily', interval: 1 }, range } }),
    );
    await world.editContent(id, (content) => ({
      ...content,
      occurrences: { '2026-03-11': own('First'), '2026-03-12': own('Second') },
    }));
    await world.sync();
    expect(mailed()).toBe(6);
    await world.edit(id, { location: { displayName: 'Yard' } });
    expect(await world.sync()).toMatchObject({ status: 'FAILED', errorCode: 'GUEST_MAIL_BUDGET' });
    expect(mailed()).toBe(6);
    world.clock.advance(DAY_MS + 60 * 60_000);
    expect((await world.sync()).status).toBe('COMPLETED');
    expect(mailed()).toBe(12);
    await expectQuiet(world);
  });

  it('let one meeting through that is larger than the whole budget, when nothing else was mailed', async () => {
    await open(3);
    await world.book(meeting('Large', 8));
    expect((await world.sync()).status).toBe('COMPLETED');
    expect(mailed()).toBe(8);
    await world.book(meeting('Small', 1));
    await world.book({ subject: 'Alone', ...HOURS });
    expect((await world.sync()).errorCode).toBe('GUEST_MAIL_BUDGET');
    expect(mailed()).toBe(8);
    expect(inOutlook().sort()).toEqual(['Alone', 'Large']);
  });

  it('are given back when Graph refuses the write', async () => {
    await open(4);
    world.simulator.failNext({ status: 400, code: 'ErrorInvalidRequest', path: /events$/ });
    await world.book(meeting('Refused', 4));
    expect((await world.sync()).failedEvents).toBe(1);
    await world.book(meeting('Good', 4));
    expect((await world.sync()).status).toBe('COMPLETED');
    expect(mailed()).toBe(4);
  });

  it('are given back when Graph is too busy for the write, for as long as it is', async () => {
    await open(4);
    world.simulator.failNext({ method: 'POST', path: /events$/, status: 503, count: 'always' });
    const busy = await world.book(meeting('Not taken', 4));
    await world.syncWhileTimePasses().catch(() => undefined);
    world.simulator.clearFaults();
    await world.remove(busy);
    await world.book(meeting('Good', 4));
    expect((await world.syncWhileTimePasses()).status).toBe('COMPLETED');
    expect(mailed()).toBe(4);
    expect(inOutlook()).toEqual(['Good']);
  });

  it('are given back when Graph refuses a deletion', async () => {
    await open(10);
    const id = await world.book(meeting('Kept there', 2));
    await world.sync();
    await world.remove(id);
    world.simulator.failNext({ method: 'DELETE', status: 400, code: 'ErrorInvalidRequest' });
    expect((await world.sync()).failedEvents).toBe(1);
    await world.book(meeting('New', 7));
    expect((await world.sync()).status).toBe('COMPLETED');
    expect(mailed()).toBe(9);
  });

  it('are given back for a change that was never sent', async () => {
    await open(6);
    const id = await world.book(meeting('Online', 2, { isOnlineMeeting: true }));
    await world.sync();
    const [there] = world.mailbox.listEvents();
    const { joinUrl } = there!.onlineMeeting as { joinUrl: string };
    const body = { contentType: 'text' as const, content: `Dial in: ${joinUrl} or come by` };
    world.mailbox.quietly(() => world.mailbox.updateEvent(String(there!.id), { body }));
    await world.sync();
    await world.edit(id, { body: { contentType: 'text', content: 'Agenda' } });
    expect((await world.sync()).failedEvents).toBe(1);
    await world.book(meeting('New', 4));
    expect((await world.sync()).status).toBe('COMPLETED');
    expect(mailed()).toBe(6);
  });

  it.each([
    ['a change', 'PATCH'],
    ['a deletion', 'DELETE'],
  ] as const)('stay spent when Graph may have carried out %s and never said so', async (_, method) => {
    await open(5);
    const id = await world.book(meeting('Moved', 2));
    await world.sync();
    if (method === 'DELETE') await world.remove(id);
    else await world.edit(id, { start: berlin('2026-03-10T11:00:00'), end: berlin('2026-03-10T12:00:00') });
    world.simulator.failNext({ method, kind: 'drop-after-commit' });
    world.simulator.failNext({ method, status: 500, count: 'always' });
    await world.syncWhileTimePasses().catch(() => undefined);
    world.simulator.clearFaults();
    await world.syncWhileTimePasses();
    expect(mailed()).toBe(4);
    await world.book(meeting('New', 2));
    expect((await world.sync()).errorCode).toBe('GUEST_MAIL_BUDGET');
    expect(mailed()).toBe(4);
  });

  it('stay spent when a change was carried out without an answer, and met itself when it was repeated', async () => {
    await open(5);
    const id = await world.book(meeting('Moved', 2));
    await world.sync();
    await world.edit(id, { start: berlin('2026-03-10T11:00:00'), end: berlin('2026-03-10T12:00:00') });
    world.simulator.failNext({ method: 'PATCH', kind: 'drop-after-commit' });
    await world.syncWhileTimePasses();
    expect(mailed()).toBe(4);
    await world.book(meeting('New', 2));
    expect((await world.sync()).errorCode).toBe('GUEST_MAIL_BUDGET');
    expect(mailed()).toBe(4);
  });

  it('stay spent when Graph may have created the meeting and never said so: the pull finds it', async () => {
    await open(3);
    await world.book(meeting('New', 2));
    world.simulator.failNext({ method: 'POST', path: /events$/, kind: 'drop-after-commit' });
    world.simulator.failNext({ method: 'POST', path: /events$/, status: 500, count: 'always' });
    await world.syncWhileTimePasses().catch(() => undefined);
    expect(mailed()).toBe(2);
    world.simulator.clearFaults();
    await world.syncWhileTimePasses();
    await world.book(meeting('Another', 2));
    expect((await world.sync()).errorCode).toBe('GUEST_MAIL_BUDGET');
    expect(mailed()).toBe(2);
    expect(inOutlook()).toEqual(['New']);
  });

  it('that wait use up no run: what comes after them goes, and no continuation follows the other', async () => {
    await open(2, { env: { CALENDAR_GUEST_MAILS_PER_DAY: '2', CALENDAR_MAX_EVENTS_PER_SYNC: '20' } });
    await world.bookAll(Array.from({ length: 45 }, (_, at) => meeting(`Meeting ${at}`, 1)));
    await world.book({ subject: 'Alone', ...HOURS });
    let { id } = await world.run(await world.enqueue());
    let runs = 1;
    for (; (await world.carryOutOnce(id)).continuation && runs < 5; runs += 1)
      ({ id } = await world.continuationOf(id));
    expect(runs).toBeLessThan(5);
    expect(inOutlook().sort()).toEqual(['Alone', 'Meeting 0', 'Meeting 1']);
    world.simulator.clearLog();
    expect(await world.sync()).toMatchObject({ errorCode: 'GUEST_MAIL_BUDGET', errorDetails: { waiting: 43 } });
    expect(world.simulator.writes()).toEqual([]);
  });

  it('cost nothing to count where nobody would be mailed', async () => {
    await open(0, { settings: { notifyAttendees: 'never' }, mailsAreExpected: false });
    await world.book(meeting('Quiet', 4));
    expect((await world.sync()).status).toBe('COMPLETED');
    expect(mailed()).toBe(0);
    expect(inOutlook()).toEqual(['Quiet']);
  });
});
