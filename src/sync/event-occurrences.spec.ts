import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ALICE,
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
import type { EventId } from '../core/ids.ts';

let world: EventServiceWorld;

beforeAll(async () => {
  world = await openEventServiceWorld();
});
beforeEach(() => emptyTables(world));
afterAll(() => world.close());

const at = (dateTime: string, timeZone = 'Europe/Berlin') => ({ dateTime, timeZone });
const MARCH = { start: '2026-03-01T00:00:00Z', end: '2026-04-01T00:00:00Z' };

/** Mondays at nine in Berlin, from 9 March 2026. */
async function aSeries(overrides: EventInput = {}) {
  const { event } = await world.service.create(ALICE, {
    subject: 'Weekly',
    start: at('2026-03-09T09:00:00'),
    end: at('2026-03-09T10:00:00'),
    recurrence: {
      pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' },
      range: { type: 'noEnd', startDate: '2026-03-09' },
    },
    ...overrides,
  });
  return event;
}

async function stored(id: string) {
  const event = await world.events.find(world.db, ALICE, id as EventId);
  if (!event) throw new Error(`there is no event ${id}`);
  return event.content;
}

async function refusal(work: Promise<unknown>, code: SyncErrorCode): Promise<Error> {
  const error = await work.then(
    () => expect.fail(`should have been refused with ${code}`),
    (reason: unknown) => reason,
  );
  if (!isSyncError(error)) throw error;
  expect(error.code).toBe(code);
  return error;
}

async function dates(id: string, range = MARCH): Promise<string[]> {
  const { items } = await world.service.instances(ALICE, id, range);
  return items.map(({ start }) => start.dateTime.slice(0, 16));
}

describe('one date of a series', () => {
  it('reads as the series has it, at its own time', async () => {
    const series = await aSeries();
    expect(await world.service.get(ALICE, `${series.id}_2026-03-30`)).toMatchObject({
      id: `${series.id}_2026-03-30`,
      type: 'occurrence',
      seriesMasterId: series.id,
      // Nine o'clock stays nine o'clock after the clocks went forward.
      start: at('2026-03-30T09:00:00'),
      originalStart: '2026-03-30T07:00:00.000Z',
      recurrence: null,
      subject: 'Weekly',
      etag: series.etag,
      calendarId: 'default',
      syncState: 'pending',
    });
  });

  it.each(['2026-03-10', '2026-03-02', '2026-02-30', '2026-13-01'])('is not there on %s', async (date) => {
    const series = await aSeries();
    const error = await refusal(world.service.get(ALICE, `${series.id}_${date}`), 'not-found');
    expect(error.message).toContain(date);
    await refusal(world.service.update(ALICE, `${series.id}_${date}`, { subject: 'No' }), 'not-found');
    await refusal(world.service.delete(ALICE, `${series.id}_${date}`), 'not-found');
  });

  it('is not there for an event that does not recur', async () => {
    const single = await aSeries({ recurrence: null });
    await refusal(world.service.get(ALICE, `${single.id}_2026-03-09`), 'not-found');
    await refusal(world.service.instances(ALICE, single.id, MARCH), 'impossible-input');
  });

  it('keeps only what differs, and gives the rest of the series no part in it', async () => {
    await connect(world);
    const series = await aSeries();
    await markSynced(world, series.id);
    world.clock.advance(60_000);

    const changed = await world.service.update(ALICE, `${series.id}_2026-03-16`, {
      subject: 'With guests from Oslo',
      showAs: 'busy',
      start: at('2026-03-16T09:00:00'),
    });

    expect(changed).toMatchObject({
      type: 'exception',
      subject: 'With guests from Oslo',
      syncState: 'pending',
      lastModifiedDateTime: world.clock.now().toISOString(),
    });
    expect((await stored(series.id)).occurrences).toEqual({
      '2026-03-16': { isCancelled: false, fields: { subject: 'With guests from Oslo' } },
    });
    expect((await world.service.get(ALICE, `${series.id}_2026-03-23`)).subject).toBe('Weekly');
    expect((await world.service.get(ALICE, series.id)).subject).toBe('Weekly');
    expect(await queuedRuns(world)).toHaveLength(1);
  });

  it('goes on following the series in everything else', async () => {
    const series = await aSeries();
    const id = `${series.id}_2026-03-16`;
    await world.service.update(ALICE, id, { subject: 'Special' });
    await world.service.update(ALICE, series.id, {
      location: { displayName: 'Room 2' },
      subject: 'Renamed',
      start: at('2026-03-09T14:00:00'),
      end: at('2026-03-09T15:00:00'),
    });
    expect(await world.service.get(ALICE, id)).toMatchObject({
      subject: 'Special',
      location: { displayName: 'Room 2' },
      start: at('2026-03-16T14:00:00'),
    });
  });

  it('is no exception any more once it says what the series says', async () => {
    const series = await aSeries();
    const id = `${series.id}_2026-03-16`;
    await world.service.update(ALICE, id, { subject: 'Special', importance: 'high' });
    await world.service.update(ALICE, id, { importance: 'normal' });
    expect((await stored(series.id)).occurrences).toEqual({
      '2026-03-16': { isCancelled: false, fields: { subject: 'Special' } },
    });
    expect((await world.service.update(ALICE, id, { subject: 'Weekly' })).type).toBe('occurrence');
    expect((await stored(series.id)).occurrences).toEqual({});
  });

  it('changes nothing when nothing is said', async () => {
    const series = await aSeries();
    const before = await world.service.get(ALICE, `${series.id}_2026-03-16`);
    const view = await world.service.update(ALICE, `${series.id}_2026-03-16`, {
      subject: 'Weekly',
      start: before.start,
      end: before.end,
      recurrence: null,
    });
    expect(view).toEqual(before);
  });

  it('goes when it is deleted, and stays gone', async () => {
    await connect(world);
    const series = await aSeries();
    await world.service.update(ALICE, `${series.id}_2026-03-16`, { subject: 'Special' });
    await world.service.delete(ALICE, `${series.id}_2026-03-16`);
    await world.service.delete(ALICE, `${series.id}_2026-03-23`);

    expect(await dates(series.id)).toEqual(['2026-03-09T09:00', '2026-03-30T09:00']);
    for (const id of [`${series.id}_2026-03-16`, `${series.id}_2026-03-23`]) {
      await refusal(world.service.get(ALICE, id), 'not-found');
      await refusal(world.service.update(ALICE, id, { subject: 'Back' }), 'not-found');
      await refusal(world.service.delete(ALICE, id), 'not-found');
    }
    expect((await world.service.get(ALICE, series.id)).cancelledOccurrences).toEqual([
      `${series.id}_2026-03-16`,
      `${series.id}_2026-03-23`,
    ]);
  });

  it('cannot recur by itself', async () => {
    const series = await aSeries();
    const { recurrence } = series;
    if (!recurrence) throw new Error('a series has a rule');
    await refusal(world.service.update(ALICE, `${series.id}_2026-03-16`, { recurrence }), 'impossible-input');
  });

  it('honours If-Match with the tag of its series', async () => {
    const series = await aSeries();
    const id = `${series.id}_2026-03-16`;
    await world.service.update(ALICE, id, { subject: 'A' }, { ifMatch: series.etag });
    await refusal(world.service.update(ALICE, id, { subject: 'B' }, { ifMatch: series.etag }), 'version-mismatch');
    await refusal(world.service.delete(ALICE, id, { ifMatch: series.etag }), 'version-mismatch');
  });

  it('keeps both of two dates changed at once', async () => {
    const series = await aSeries();
    await Promise.all(
      ['2026-03-16', '2026-03-23', '2026-03-30'].map((date) =>
        world.service.update(ALICE, `${series.id}_${date}`, { subject: date }),
      ),
    );
    expect(Object.keys((await stored(series.id)).occurrences)).toEqual(['2026-03-16', '2026-03-23', '2026-03-30']);
  });

  it('is told from an event whose own id looks like one', async () => {
    const series = await aSeries();
    const id = `${series.id}_2026-03-16`;
    await insertPlainRow(world, { id, start: at('2026-05-01T09:00:00'), end: at('2026-05-01T10:00:00') });
    expect(await world.service.get(ALICE, id)).toMatchObject({ type: 'singleInstance', subject: 'By SQL' });
  });
});

describe('moving one date', () => {
  it('keeps start and end together', async () => {
    const series = await aSeries();
    const id = `${series.id}_2026-03-16`;
    await world.service.update(ALICE, id, { start: at('2026-03-17T11:00:00'), end: at('2026-03-17T12:00:00') });
    expect((await stored(series.id)).occurrences).toEqual({
      '2026-03-16': {
        isCancelled: false,
        fields: { start: at('2026-03-17T11:00:00'), end: at('2026-03-17T12:00:00'), isAllDay: false },
      },
    });
    expect(await world.service.get(ALICE, id)).toMatchObject({ originalStart: '2026-03-16T08:00:00.000Z' });
  });

  it('keeps the end where it was when only the start moves, also when the series moves later', async () => {
    const series = await aSeries();
    const id = `${series.id}_2026-03-16`;
    await world.service.update(ALICE, id, { start: at('2026-03-16T09:30:00') });
    await world.service.update(ALICE, series.id, {
      start: at('2026-03-09T14:00:00'),
      end: at('2026-03-09T15:00:00'),
    });
    expect(await world.service.get(ALICE, id)).toMatchObject({
      start: at('2026-03-16T09:30:00'),
      end: at('2026-03-16T10:00:00'),
    });
  });

  it.each([
    ['onto the day of the next', '2026-03-23', '2026-03-23'],
    ['past the next', '2026-03-25', '2026-03-23'],
    ['onto the day of the previous', '2026-03-09', '2026-03-09'],
    ['before the previous', '2026-03-03', '2026-03-09'],
  ])('is impossible %s, and names that one', async (_case, day, neighbour) => {
    const series = await aSeries();
    const move = { start: at(`${day}T18:00:00`), end: at(`${day}T19:00:00`) };
    const error = await refusal(world.service.update(ALICE, `${series.id}_2026-03-16`, move), 'impossible-input');
    expect(error.message).toContain(neighbour);
    expect((await stored(series.id)).occurrences).toEqual({});
  });

  it('has all the room there is before the first', async () => {
    const series = await aSeries();
    const move = { start: at('2026-03-01T18:00:00'), end: at('2026-03-01T19:00:00') };
    await world.service.update(ALICE, `${series.id}_2026-03-09`, move);
    expect(await dates(series.id)).toContain('2026-03-01T18:00');
  });

  it('looks at where the neighbours stand now, not where the rule has them', async () => {
    const series = await aSeries();
    const to = (day: string) => ({ start: at(`${day}T18:00:00`), end: at(`${day}T19:00:00`) });
    await world.service.update(ALICE, `${series.id}_2026-03-23`, to('2026-03-26'));
    await world.service.update(ALICE, `${series.id}_2026-03-16`, to('2026-03-25'));
    const error = await refusal(
      world.service.update(ALICE, `${series.id}_2026-03-16`, to('2026-03-26')),
      'impossible-input',
    );
    expect(error.message).toContain('2026-03-26');
  });

  it('may take the place of a date that was deleted', async () => {
    const series = await aSeries();
    await world.service.delete(ALICE, `${series.id}_2026-03-23`);
    const move = { start: at('2026-03-24T18:00:00'), end: at('2026-03-24T19:00:00') };
    await world.service.update(ALICE, `${series.id}_2026-03-16`, move);
    expect(await dates(series.id)).toEqual(['2026-03-09T09:00', '2026-03-24T18:00', '2026-03-30T09:00']);
  });

  it('counts days in the zone of the series', async () => {
    const series = await aSeries();
    // Late on Sunday in New York is Monday in Berlin.
    const move = {
      start: at('2026-03-22T22:00:00', 'America/New_York'),
      end: at('2026-03-22T23:00:00', 'America/New_York'),
    };
    await refusal(world.service.update(ALICE, `${series.id}_2026-03-16`, move), 'impossible-input');
  });

  it('finds the neighbours of a yearly date', async () => {
    const series = await aSeries({
      recurrence: {
        pattern: { type: 'absoluteYearly', interval: 5, dayOfMonth: 9, month: 3 },
        range: { type: 'noEnd', startDate: '2026-03-09' },
      },
    });
    const to = (day: string) => ({ start: at(`${day}T18:00:00`), end: at(`${day}T19:00:00`) });
    await refusal(world.service.update(ALICE, `${series.id}_2031-03-09`, to('2036-03-09')), 'impossible-input');
    await refusal(world.service.update(ALICE, `${series.id}_2031-03-09`, to('2026-03-09')), 'impossible-input');
    await world.service.update(ALICE, `${series.id}_2031-03-09`, to('2036-03-08'));
  });
});

describe('changing a series', () => {
  async function withExceptions() {
    const series = await aSeries();
    await world.service.update(ALICE, `${series.id}_2026-03-16`, { subject: 'Renamed' });
    await world.service.update(ALICE, `${series.id}_2026-03-23`, {
      start: at('2026-03-24T11:00:00'),
      end: at('2026-03-24T12:00:00'),
    });
    await world.service.delete(ALICE, `${series.id}_2026-03-30`);
    return series;
  }

  it('shows its exceptions and cancelled dates', async () => {
    const series = await withExceptions();
    const view = await world.service.get(ALICE, series.id);
    expect(view.type).toBe('seriesMaster');
    expect(view.exceptionOccurrences).toEqual([
      expect.objectContaining({ id: `${series.id}_2026-03-16`, type: 'exception', subject: 'Renamed' }),
      expect.objectContaining({ id: `${series.id}_2026-03-23`, start: at('2026-03-24T11:00:00') }),
    ]);
    expect(view.cancelledOccurrences).toEqual([`${series.id}_2026-03-30`]);
  });

  it('keeps them all when its time of day moves: only what had no time of its own moves along', async () => {
    const series = await withExceptions();
    await world.service.update(ALICE, series.id, {
      start: at('2026-03-09T08:00:00'),
      end: at('2026-03-09T09:00:00'),
    });
    expect(await dates(series.id)).toEqual(['2026-03-09T08:00', '2026-03-16T08:00', '2026-03-24T11:00']);
    expect((await world.service.get(ALICE, `${series.id}_2026-03-16`)).subject).toBe('Renamed');
  });

  it('has no exception any more where the two have come to say the same', async () => {
    const series = await withExceptions();
    const to = (from: string, until: string) => ({
      start: at(`2026-03-09T${from}:00`),
      end: at(`2026-03-09T${until}:00`),
    });
    await world.service.update(ALICE, `${series.id}_2026-04-06`, {
      start: at('2026-04-06T11:00:00'),
      end: at('2026-04-06T12:00:00'),
    });
    await world.service.update(ALICE, series.id, to('11:00', '12:00'));
    expect(Object.keys((await stored(series.id)).occurrences)).toEqual(['2026-03-16', '2026-03-23', '2026-03-30']);
    await world.service.update(ALICE, series.id, to('15:00', '16:00'));
    expect((await world.service.get(ALICE, `${series.id}_2026-04-06`)).start).toEqual(at('2026-04-06T15:00:00'));
  });

  it('keeps those whose date the new rule still has', async () => {
    const series = await withExceptions();
    const pattern = { type: 'weekly', interval: 2, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' } as const;
    await world.service.update(ALICE, series.id, {
      recurrence: { pattern, range: { type: 'noEnd', startDate: '2026-03-09' } },
    });
    // Every other Monday: 9, 23 and so on; what was said about the 16th and the 30th is about no date any more.
    expect(Object.keys((await stored(series.id)).occurrences)).toEqual(['2026-03-23']);
    expect(await dates(series.id)).toEqual(['2026-03-09T09:00', '2026-03-24T11:00']);
  });

  it('refuses a rule that puts an occurrence in the way of one that was moved', async () => {
    const series = await withExceptions();
    const pattern = {
      type: 'weekly',
      interval: 1,
      daysOfWeek: ['monday', 'tuesday'],
      firstDayOfWeek: 'monday',
    } as const;
    const error = await refusal(
      world.service.update(ALICE, series.id, {
        recurrence: { pattern, range: { type: 'noEnd', startDate: '2026-03-09' } },
      }),
      'impossible-input',
    );
    expect(error.message).toMatch(/2026-03-23.*2026-03-24/);
  });

  it('takes its rule along when its start moves to another date', async () => {
    const series = await withExceptions();
    const moved = await world.service.update(ALICE, series.id, {
      start: at('2026-03-23T09:00:00'),
      end: at('2026-03-23T10:00:00'),
    });
    expect(moved.recurrence?.range.startDate).toBe('2026-03-23');
    expect(Object.keys((await stored(series.id)).occurrences)).toEqual(['2026-03-23', '2026-03-30']);
  });

  it('starts a rule given without a start date with the event', async () => {
    const series = await aSeries();
    const pattern = { type: 'daily', interval: 2 } as const;
    const changed = await world.service.update(ALICE, series.id, {
      recurrence: { pattern, range: { type: 'noEnd' } as never },
    });
    expect(changed.recurrence?.range.startDate).toBe('2026-03-09');
  });

  it('becomes one event when its rule is taken away, and a series when it gets one', async () => {
    const series = await withExceptions();
    const single = await world.service.update(ALICE, series.id, { recurrence: null });
    expect(single).toMatchObject({ type: 'singleInstance', recurrence: null });
    expect(single).not.toHaveProperty('exceptionOccurrences');
    expect((await stored(series.id)).occurrences).toEqual({});
    const again = await world.service.update(ALICE, series.id, { recurrence: series.recurrence });
    expect(again.type).toBe('seriesMaster');
  });

  it('can become one of whole days; an exception with a time of its own keeps it', async () => {
    const series = await withExceptions();
    await world.service.update(ALICE, series.id, {
      isAllDay: true,
      start: at('2026-03-09T00:00:00'),
      end: at('2026-03-10T00:00:00'),
    });
    expect(await world.service.get(ALICE, `${series.id}_2026-03-23`)).toMatchObject({
      isAllDay: false,
      start: at('2026-03-24T11:00:00'),
    });
    expect(await world.service.get(ALICE, `${series.id}_2026-03-16`)).toMatchObject({
      isAllDay: true,
      originalStart: '2026-03-16T00:00:00.000Z',
    });
  });

  it('is refused a rule that never occurs, and one that starts on another day', async () => {
    const series = await aSeries();
    const pattern = { type: 'weekly', interval: 1, daysOfWeek: ['sunday'] } as const;
    for (const range of [
      { type: 'endDate', startDate: '2026-03-09', endDate: '2026-03-10' },
      { type: 'noEnd', startDate: '2026-03-10' },
    ] as const) {
      await refusal(world.service.update(ALICE, series.id, { recurrence: { pattern, range } }), 'impossible-input');
    }
    expect(await stored(series.id)).toMatchObject({ recurrence: series.recurrence });
  });

  it('goes with all of its dates', async () => {
    const series = await withExceptions();
    await world.service.delete(ALICE, series.id);
    await refusal(world.service.get(ALICE, `${series.id}_2026-03-16`), 'not-found');
    await refusal(world.service.instances(ALICE, series.id, MARCH), 'not-found');
  });
});

describe('the instances of a series', () => {
  it('come in order of start, exceptions where they are, cancelled ones left out', async () => {
    const series = await aSeries();
    const move = { start: at('2026-03-01T18:00:00'), end: at('2026-03-01T19:00:00') };
    await world.service.update(ALICE, `${series.id}_2026-03-09`, move);
    await world.service.delete(ALICE, `${series.id}_2026-03-23`);
    expect(await dates(series.id)).toEqual(['2026-03-01T18:00', '2026-03-16T09:00', '2026-03-30T09:00']);
  });

  it.each([
    ['an end before the start', { start: MARCH.end, end: MARCH.start }, 'impossible-input'],
    ['no instant', { start: 'soon', end: MARCH.end }, 'invalid-input'],
    ['a date that does not exist', { start: '2026-02-30', end: MARCH.end }, 'invalid-input'],
    ['ten years', { start: MARCH.start, end: '2036-03-01T00:00:00Z' }, 'invalid-input'],
  ] as const)('are not to be had for %s', async (_case, range, code) => {
    const series = await aSeries();
    await refusal(world.service.instances(ALICE, series.id, range), code);
  });

  it('read a range without offset as UTC, and a plus that became a space as what it was', async () => {
    const series = await aSeries();
    const of = (start: string, end: string) => dates(series.id, { start, end });
    expect(await of('2026-03-16T08:30:00', '2026-03-17')).toEqual(['2026-03-16T09:00']);
    expect(await of('2026-03-16T09:00:00', '2026-03-17')).toEqual([]);
    expect(await of('2026-03-16T09:59:59 01:00', '2026-03-17')).toEqual(['2026-03-16T09:00']);
    expect(await of('2026-03-16T10:00:00 01:00', '2026-03-17')).toEqual([]);
  });
});
