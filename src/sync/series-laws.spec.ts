import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet, NOTHING } from '../../test/support/quiet.ts';
import { openWorldDatabase, SyncWorld, USER } from '../../test/support/sync-world.ts';
import type { EventFields, PatternedRecurrence } from '../core/event.ts';
import type { EventInput } from '../core/event-input.ts';
import type { EventId } from '../core/ids.ts';
import type { EventService } from './event.service.ts';

let world: SyncWorld;
let service: EventService;
beforeAll(async () => {
  await openWorldDatabase();
});
beforeEach(async () => {
  world = await SyncWorld.open();
  service = world.services.eventService;
});
afterEach(async () => {
  await world.close();
});

const berlin = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const daily = (change: EventInput = {}): EventInput => ({
  subject: 'Daily',
  start: berlin('2026-03-10T09:00:00'),
  end: berlin('2026-03-10T10:00:00'),
  recurrence: {
    pattern: { type: 'daily', interval: 2 },
    range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 8 },
  },
  ...change,
});

interface Agreed {
  readonly id: EventId;
  readonly graphId: string;
}

async function agreedSeries(change: EventInput = {}): Promise<Agreed> {
  const id = await world.book(daily(change));
  await world.sync();
  return { id, graphId: (await world.get(id)).graphEventId ?? '' };
}

/** With a renamed, a moved and a cancelled date, the same on both sides. */
async function withExceptions(): Promise<Agreed> {
  const series = await agreedSeries();
  await service.update(USER, `${series.id}_2026-03-12`, { subject: 'Renamed' });
  await service.update(USER, `${series.id}_2026-03-16`, {
    start: berlin('2026-03-16T14:00:00'),
    end: berlin('2026-03-16T15:00:00'),
  });
  await service.delete(USER, `${series.id}_2026-03-20`);
  await world.sync();
  expect(await world.differences()).toEqual([]);
  return series;
}

const datesIn = async (id: EventId) => Object.keys((await world.get(id)).content.occurrences).sort();

/** A run makes both sides equal, and the next one has nothing to do. */
async function expectSettled(): Promise<void> {
  expect(await world.sync()).toMatchObject({ status: 'COMPLETED', failedEvents: 0 });
  expect(await world.differences()).toEqual([]);
  await expectSilence();
}

/** What lies outside of the window, and what waits for a person, may be looked at once more before nothing is left to do. */
async function expectSilence(): Promise<void> {
  world.simulator.clearLog();
  expect(await world.sync()).toMatchObject({ status: 'COMPLETED', conflictsDetected: 0, failedEvents: 0, ...NOTHING });
  expect(world.simulator.writes()).toEqual([]);
  await expectQuiet(world);
}

const PATTERNS: readonly PatternedRecurrence['pattern'][] = [
  { type: 'daily', interval: 3 },
  { type: 'weekly', interval: 2, daysOfWeek: ['monday', 'sunday'], firstDayOfWeek: 'monday' },
  { type: 'absoluteMonthly', interval: 1, dayOfMonth: 31 },
  { type: 'relativeMonthly', interval: 1, daysOfWeek: ['friday'], index: 'last' },
  { type: 'absoluteYearly', interval: 1, dayOfMonth: 29, month: 3 },
  { type: 'relativeYearly', interval: 1, daysOfWeek: ['sunday'], index: 'last', month: 3 },
];
const RANGES: readonly Omit<PatternedRecurrence['range'], 'startDate'>[] = [
  { type: 'noEnd' },
  { type: 'numbered', numberOfOccurrences: 4 },
  { type: 'endDate', endDate: '2027-12-31' },
];

const EVERY_RULE = PATTERNS.flatMap((pattern) =>
  RANGES.map((range): EventInput => {
    const rule = { pattern, range: { ...range, startDate: '2026-03-06' } };
    const times = { start: berlin('2026-03-06T09:00:00'), end: berlin('2026-03-06T09:45:00') };
    return { subject: `${pattern.type} ${range.type}`, ...times, recurrence: rule };
  }),
);

describe('every rule there is', () => {
  it('arrives from here, and from Outlook', async () => {
    await world.bookAll(EVERY_RULE);
    for (const rule of EVERY_RULE) world.mailbox.createEvent({ ...rule, subject: `${rule.subject} there` });
    await expectSettled();
    expect(await world.all()).toHaveLength(2 * EVERY_RULE.length);
  });
});

describe('an exception', () => {
  const FIELDS: Partial<EventFields> = {
    subject: 'Other',
    body: { contentType: 'text', content: 'Bring samples' },
    locations: [{ displayName: 'Yard' }],
    showAs: 'oof',
    sensitivity: 'private',
    importance: 'high',
    categories: ['Travel'],
    isReminderOn: true,
    reminderMinutesBeforeStart: 45,
  };

  it('of any field arrives from here, and is reset from here', async () => {
    const { id } = await agreedSeries();
    const dates = ['2026-03-10', '2026-03-12', '2026-03-14', '2026-03-16', '2026-03-18', '2026-03-20', '2026-03-22'];
    const fields = Object.entries(FIELDS).filter(([name]) => name !== 'isReminderOn');
    for (const [nth, [name, value]] of fields.slice(0, dates.length).entries()) {
      await service.update(USER, `${id}_${dates[nth]}`, { [name]: value });
    }
    await service.update(USER, `${id}_2026-03-24`, FIELDS);
    await expectSettled();
    expect(await datesIn(id)).toHaveLength(8);
    const { recurrence: _rule, ...plain } = daily();
    for (const date of [...dates, '2026-03-24']) {
      const times = { start: berlin(`${date}T09:00:00`), end: berlin(`${date}T10:00:00`) };
      const own = (await world.get(id)).content;
      const { body, locations, showAs, sensitivity, importance, categories } = own;
      const { isReminderOn, reminderMinutesBeforeStart } = own;
      await service.update(USER, `${id}_${date}`, {
        ...{ ...plain, ...times, body, locations, showAs, sensitivity, importance, categories },
        ...{ isReminderOn, reminderMinutesBeforeStart },
      });
    }
    expect(await datesIn(id)).toEqual([]);
    await expectSettled();
  });

  it('of any field arrives from Outlook, is changed again, reset and cancelled there', async () => {
    const { id, graphId } = await agreedSeries();
    const { locations, ...fields } = FIELDS;
    world.mailbox.updateOccurrence(graphId, '2026-03-12', { ...fields, location: locations?.[0] });
    await expectSettled();
    expect((await world.get(id)).content.occurrences['2026-03-12']).toMatchObject({ fields: { subject: 'Other' } });
    world.mailbox.updateOccurrence(graphId, '2026-03-12', { subject: 'Again' });
    world.mailbox.updateOccurrence(graphId, '2026-03-14', { subject: 'Daily once' });
    await expectSettled();
    world.mailbox.updateOccurrence(graphId, '2026-03-14', { subject: 'Daily' });
    await expectSettled();
    const [, second] = await Promise.all([12, 14].map((day) => service.get(USER, `${id}_2026-03-${day}`)));
    expect(second?.subject).toBe('Daily');
    world.mailbox.deleteOccurrence(graphId, '2026-03-12');
    await expectSettled();
    expect((await world.get(id)).content.occurrences['2026-03-12']).toEqual({ isCancelled: true });
  });

  it('that was changed and changed back stands on both sides alike once its series changes', async () => {
    const { id } = await agreedSeries();
    await service.update(USER, `${id}_2026-03-12`, { subject: 'Renamed' });
    await expectSettled();
    await service.update(USER, `${id}_2026-03-12`, { subject: 'Daily' });
    await expectSettled();
    await service.update(USER, id, { subject: 'Daily, later' });
    await world.sync();
    // Exchange goes on with what the date said last, which only a look at it can tell.
    await expectSettled();
  });

  it('is changed again and then cancelled from here', async () => {
    const { id, graphId } = await withExceptions();
    await service.update(USER, `${id}_2026-03-12`, { subject: 'Renamed again', showAs: 'oof' });
    await expectSettled();
    await service.delete(USER, `${id}_2026-03-12`);
    await service.delete(USER, `${id}_2026-03-16`);
    await expectSettled();
    expect(world.mailbox.cancelledDates(graphId)).toEqual(['2026-03-12', '2026-03-16', '2026-03-20']);
  });
});

describe('a series whose time changes', () => {
  const later = { start: berlin('2026-03-10T11:00:00'), end: berlin('2026-03-10T12:00:00') };

  it.each([
    ['drops', true],
    ['keeps', false],
  ])('keeps what is said about its dates when Exchange %s it', async (_case, patternChangeDropsExceptions) => {
    await world.close();
    world = await SyncWorld.open({ switches: { patternChangeDropsExceptions } });
    service = world.services.eventService;
    const { id } = await withExceptions();
    await service.update(USER, id, later);
    await expectSettled();
    expect(await datesIn(id)).toEqual(['2026-03-12', '2026-03-16', '2026-03-20']);
  });

  it('keeps it when Exchange drops half of it', async () => {
    await world.close();
    world = await SyncWorld.open({ switches: { patternChangeDropsExceptions: false } });
    service = world.services.eventService;
    const { id, graphId } = await withExceptions();
    await service.update(USER, id, later);
    world.onRequest(/exceptionOccurrences/, () => {
      world.mailbox.updateOccurrence(graphId, '2026-03-12', { subject: 'Daily' });
    });
    await world.sync();
    world.stopWatching();
    expect(await world.differences()).toEqual([]);
    expect(await datesIn(id)).toContain('2026-03-16');
    const kept = JSON.stringify([(await world.get(id)).content, (await world.allConflicts()).map(({ data }) => data)]);
    expect(kept).toContain('Renamed');
  });

  it('keeps it when the run is killed between the master and its dates', async () => {
    const { id, graphId } = await withExceptions();
    await service.update(USER, id, later);
    await world.dropQueuedRuns();
    world.simulator.failNext({ path: /exceptionOccurrences/i, kind: 'hang', count: 50 });
    const jobId = await world.enqueue();
    const kill = new AbortController();
    const killed = world.carryOutOnce(jobId, kill.signal);
    await expect.poll(() => world.mailbox.cancelledDates(graphId).length, { timeout: 10_000 }).toBe(0);
    kill.abort(new Error('killed'));
    await expect(killed).rejects.toThrow();
    world.simulator.clearFaults();
    await world.carryOut(jobId);
    expect(await world.differences()).toEqual([]);
    expect(await datesIn(id)).toEqual(['2026-03-12', '2026-03-16', '2026-03-20']);
    await expectQuiet(world);
  });

  it('here meets an exception made in Outlook, and neither is lost', async () => {
    const { id, graphId } = await agreedSeries();
    await service.update(USER, id, later);
    world.mailbox.updateOccurrence(graphId, '2026-03-14', { subject: 'There' });
    world.mailbox.deleteOccurrence(graphId, '2026-03-18');
    await expectSettled();
    const { content } = await world.get(id);
    expect(content.start.dateTime).toContain('T11:00');
    expect(content.occurrences).toMatchObject({ '2026-03-14': { fields: { subject: 'There' } }, '2026-03-18': {} });
  });

  it('in Outlook meets an exception made here, and neither is lost', async () => {
    const { id, graphId } = await agreedSeries();
    await service.update(USER, `${id}_2026-03-14`, { subject: 'Here' });
    await service.delete(USER, `${id}_2026-03-18`);
    world.mailbox.updateEvent(graphId, later);
    await expectSettled();
    const { content } = await world.get(id);
    expect(content.start.dateTime).toContain('T11:00');
    expect(content.occurrences).toMatchObject({ '2026-03-14': { fields: { subject: 'Here' } }, '2026-03-18': {} });
  });
});

describe('a series with exceptions that becomes one event and a series again', () => {
  it('here: what was said about its dates goes with the rule on both sides, as the person saw', async () => {
    const { id } = await withExceptions();
    await service.update(USER, id, { recurrence: null });
    await expectSettled();
    await service.update(USER, id, { recurrence: daily().recurrence ?? null });
    await expectSettled();
    expect(await datesIn(id)).toEqual([]);
  });

  it('in Outlook: the same', async () => {
    const { id, graphId } = await withExceptions();
    world.mailbox.updateEvent(graphId, { recurrence: null });
    await expectSettled();
    expect((await world.get(id)).content.recurrence).toBeNull();
    world.mailbox.updateEvent(graphId, { recurrence: daily().recurrence });
    await expectSettled();
    expect(await datesIn(id)).toEqual([]);
  });

  it.each(['merge', 'manual', 'prefer_remote'] as const)(
    'in Outlook, while one of its dates was changed here: under %s the change stands in the record',
    async (conflictResolution) => {
      await world.services.settings.put(USER, { conflictResolution });
      const { id, graphId } = await withExceptions();
      await service.update(USER, `${id}_2026-03-14`, { subject: 'Kept here' });
      world.mailbox.updateEvent(graphId, { recurrence: null });
      await world.sync();
      const [conflict] = await world.allConflicts();
      expect(JSON.stringify(conflict?.data.local)).toContain('Kept here');
      await expectQuiet(world);
    },
  );
});

describe('one date changed on both sides differently', () => {
  it.each([
    ['prefer_local', 'here', 0],
    ['prefer_remote', 'there', 0],
    ['prefer_latest', 'there', 0],
    ['merge', undefined, 1],
    ['manual', undefined, 1],
  ] as const)('is decided by %s for that date alone, while all others flow', async (strategy, winner, waiting) => {
    await world.services.settings.put(USER, { conflictResolution: strategy });
    const { id, graphId } = await agreedSeries();
    await service.update(USER, `${id}_2026-03-12`, { subject: 'here' });
    await service.update(USER, `${id}_2026-03-14`, { subject: 'only here' });
    await service.update(USER, id, { importance: 'high' });
    world.clock.advance(60_000);
    world.mailbox.updateOccurrence(graphId, '2026-03-12', { subject: 'there' });
    world.mailbox.updateOccurrence(graphId, '2026-03-16', { subject: 'only there' });
    await world.sync();
    expect(await world.pendingConflicts()).toHaveLength(waiting);
    const differing = await world.differences();
    expect(differing.map(({ units }) => units)).toEqual(waiting ? [['occurrence:2026-03-12']] : []);
    const { occurrences } = (await world.get(id)).content;
    expect(occurrences['2026-03-14']).toMatchObject({ fields: { subject: 'only here' } });
    expect(occurrences['2026-03-16']).toMatchObject({ fields: { subject: 'only there' } });
    expect(world.mailbox.getEvent(graphId)?.importance).toBe('high');
    if (winner) expect(occurrences['2026-03-12']).toMatchObject({ fields: { subject: winner } });
    const [record] = await world.allConflicts();
    expect(JSON.stringify(record?.data.local)).toContain('"here"');
    expect(JSON.stringify(record?.data.remote)).toContain('"there"');
    await expectSilence();
  });
});

describe('a series longer than the window', () => {
  const endless = (start: string): EventInput => ({
    subject: 'Endless',
    start: berlin(`${start}T09:00:00`),
    end: berlin(`${start}T09:30:00`),
    recurrence: {
      pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' },
      range: { type: 'noEnd', startDate: start },
    },
  });

  it('on both ends comes from Outlook whole, and dates outside of the window keep what is said about them', async () => {
    const { id: graphId } = world.mailbox.createEvent(endless('2019-01-07'));
    world.mailbox.updateOccurrence(graphId, '2019-02-04', { subject: 'Long ago' });
    world.mailbox.deleteOccurrence(graphId, '2031-01-06');
    await expectSettled();
    const { id } = await world.bySubject('Endless');
    expect(await datesIn(id)).toEqual(['2019-02-04', '2031-01-06']);
    await service.update(USER, `${id}_2026-03-16`, { subject: 'Now' });
    await service.update(USER, `${id}_2030-01-07`, { subject: 'Far' });
    await expectSettled();
    expect(await datesIn(id)).toEqual(['2019-02-04', '2026-03-16', '2030-01-07', '2031-01-06']);
  });

  it('goes to Outlook from a beginning years before the window', async () => {
    const { event } = await service.create(USER, endless('2019-01-07'));
    await service.delete(USER, `${event.id}_2026-03-16`);
    await expectSettled();
    const { graphEventId } = await world.get(event.id as EventId);
    expect(world.mailbox.cancelledDates(graphEventId ?? '')).toEqual(['2026-03-16']);
  });
});

describe('what is said about a date the rule does not have', () => {
  it('here stays here and is shown as held, while the rest flows', async () => {
    const { id, graphId } = await agreedSeries();
    await world.editContent(id, (content) => ({
      ...content,
      subject: 'Renamed',
      occurrences: { '2026-03-11': { isCancelled: false, fields: { subject: 'Nowhere' } } },
    }));
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', failedEvents: 0 });
    expect(world.mailbox.getEvent(graphId)?.subject).toBe('Renamed');
    expect((await service.get(USER, id)).held).toEqual(['occurrence:2026-03-11']);
    expect(await datesIn(id)).toEqual(['2026-03-11']);
    await expectQuiet(world);
  });
});

describe('what Outlook refuses or forgets', () => {
  it('a date moved across its neighbour is parked by name, and the rest of the series flows', async () => {
    const { id, graphId } = await agreedSeries();
    const day = { start: berlin('2026-03-15T09:00:00'), end: berlin('2026-03-15T10:00:00'), isAllDay: false };
    await world.editContent(id, (content) => ({
      ...content,
      importance: 'high',
      occurrences: {
        '2026-03-12': { isCancelled: false, fields: day },
        '2026-03-18': { isCancelled: false, fields: { subject: 'Flows' } },
      },
    }));
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', failedEvents: 1 });
    expect((await service.get(USER, id)).syncError?.code).toBe('ErrorOccurrenceCrossingBoundary');
    expect(world.mailbox.getEvent(graphId)?.importance).toBe('high');
    const [there] = world.mailbox.occurrences(graphId, '2026-03-18T00:00:00Z', '2026-03-19T00:00:00Z');
    expect(there?.subject).toBe('Flows');
    await expectQuiet(world);
  });

  it('a change that reads back unchanged is sent again, and settles', async () => {
    const { id } = await agreedSeries();
    await service.update(USER, `${id}_2026-03-12`, { subject: 'Special' });
    world.simulator.failNext({ kind: 'stale-read', method: 'PATCH', count: 1 });
    await world.sync();
    world.simulator.clearFaults();
    await expectSettled();
  });

  it('a date changed here that the series lost there after it was read is decided with the rule, not parked', async () => {
    await world.services.settings.put(USER, { conflictResolution: 'prefer_local' });
    const { id, graphId } = await agreedSeries();
    const last = (await world.get(id)).content.recurrence?.range;
    await world.editContent(id, (content) => ({
      ...content,
      occurrences: { '2026-03-12': { isCancelled: false, fields: { subject: 'Special' } } },
    }));
    world.onRequest(/\/events\/|\$batch/, () => {
      const { recurrence } = daily();
      const range = { type: 'endDate', startDate: '2026-03-10', endDate: '2026-03-11' };
      world.mailbox.updateEvent(graphId, { recurrence: { ...recurrence, range } });
    });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', failedEvents: 0 });
    await world.sync();
    expect((await world.get(id)).content.recurrence?.range).toMatchObject({ ...last });
    await expectSettled();
    expect(await world.allConflicts()).toHaveLength(1);
  });

  it('a rule changed here after somebody moved the series there carries no stale start', async () => {
    await world.services.settings.put(USER, { conflictResolution: 'prefer_local' });
    const { id, graphId } = await agreedSeries();
    const recurrence: PatternedRecurrence = {
      pattern: { type: 'daily', interval: 4 },
      range: { type: 'numbered', startDate: '2026-03-10', numberOfOccurrences: 3 },
    };
    await service.update(USER, id, { recurrence });
    let times = 0;
    world.onRequest(/\/events\/|\$batch/, () => {
      times += 1;
      if (times > 1) return;
      world.mailbox.updateEvent(graphId, {
        start: berlin('2026-03-12T09:00:00'),
        end: berlin('2026-03-12T10:00:00'),
        recurrence: { ...daily().recurrence, range: { ...daily().recurrence?.range, startDate: '2026-03-12' } },
      });
    });
    expect(await world.sync()).toMatchObject({ status: 'COMPLETED', failedEvents: 0 });
    world.stopWatching();
    expect(times).toBeGreaterThan(0);
    await expectSettled();
    expect(await world.allConflicts()).toHaveLength(1);
  });
});
