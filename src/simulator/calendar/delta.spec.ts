import { describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, aSeries, at, MARCH_TO_MAY, simulate } from '../../../test/support/simulator-client.ts';

const DELTA = `~/calendarView/delta?${MARCH_TO_MAY}`;
const shape = (item: Record<string, unknown>) => ('@removed' in item ? 'removed' : item['type']);
const shapes = (items: Record<string, unknown>[]) => items.map(shape);

describe('calendarView/delta', () => {
  it('tells masters and singles whole, occurrences bare, exceptions whole without originalStart', async () => {
    const { mailbox, round } = simulate();
    const master = mailbox.createEvent(aSeries({}, { numberOfOccurrences: 3 }));
    mailbox.updateOccurrence(master.id, '2026-03-09', { subject: 'Special' });
    mailbox.createEvent(anEvent());
    const { items, link, pages } = await round(DELTA, { prefer: 'IdType="ImmutableId"' });
    expect(shapes(items)).toEqual(['seriesMaster', 'occurrence', 'exception', 'occurrence', 'singleInstance']);
    expect(Object.keys(items[1]).sort()).toEqual([
      '@odata.etag',
      '@odata.type',
      'end',
      'id',
      'seriesMasterId',
      'start',
      'type',
    ]);
    expect(items[2]).toMatchObject({
      '@odata.type': '#microsoft.graph.event',
      subject: 'Special',
      occurrenceId: `OID.${master.id}.2026-03-09`,
    });
    expect(items[2]).not.toHaveProperty('originalStart');
    expect(link).toMatch(
      new RegExp(
        `^http://graph\\.sim\\.test/v1\\.0/users\\('${ADDRESS}'\\)/calendarView/delta\\?\\$deltatoken=\\S{150,}$`,
      ),
    );
    expect(pages[0]!.body['@odata.context']).toBe('http://graph.sim.test/v1.0/$metadata#Collection(event)');
    expect(pages[0]!.headers.get('preference-applied')).toContain('odata.track-changes');
  });

  it('uses the Windows name of the preferred zone in bare occurrences only', async () => {
    const { mailbox, round } = simulate();
    mailbox.createEvent(aSeries());
    const { items } = await round(DELTA, { prefer: 'outlook.timezone="Europe/Amsterdam"' });
    expect(items[0].start).toEqual({ dateTime: '2026-03-02T09:00:00.0000000', timeZone: 'Europe/Amsterdam' });
    expect(items[1].start).toEqual({ dateTime: '2026-03-02T09:00:00.0000000', timeZone: 'W. Europe Standard Time' });
  });

  it("shows a master with its first occurrence's start though that lies before the window", async () => {
    const { mailbox, round } = simulate();
    mailbox.createEvent(
      aSeries(
        { start: at('2025-01-06T09:00:00'), end: at('2025-01-06T09:30:00') },
        { type: 'noEnd', startDate: '2025-01-06' },
      ),
    );
    const { items } = await round(DELTA);
    expect(items[0]).toMatchObject({ type: 'seriesMaster', start: { dateTime: '2025-01-06T08:00:00.0000000' } });
    expect(items[1].start.dateTime).toBe('2026-03-02T08:00:00.0000000');
  });

  it('pages by odata.maxpagesize and repeats a page asked for again', async () => {
    const { mailbox, round, call } = simulate();
    for (let day = 1; day <= 7; day += 1) mailbox.createEvent(anEvent({ subject: `day ${day}` }));
    const prefer = { prefer: 'odata.maxpagesize=3' };
    const { pages, items } = await round(DELTA, prefer);
    expect(pages.map(({ body }) => body.value.length)).toEqual([3, 3, 1]);
    expect(new Set(items.map(({ id }) => id)).size).toBe(7);
    const again = await call('GET', pages[0]!.body['@odata.nextLink'], undefined, prefer);
    expect(again.body.value).toEqual(pages[1]!.body.value);
  });

  it('loses nothing that happens between two pages', async () => {
    const { mailbox, round, call } = simulate();
    const events = [1, 2, 3, 4].map((day) => mailbox.createEvent(anEvent({ subject: `day ${day}` })));
    const prefer = { prefer: 'odata.maxpagesize=2, IdType="ImmutableId"' };
    const first = await call('GET', DELTA, undefined, prefer);
    mailbox.deleteEvent(events[0]!.id);
    mailbox.updateEvent(events[3]!.id, { subject: 'changed' });
    const added = mailbox.createEvent(anEvent({ subject: 'added' }));
    const rest = await round(first.body['@odata.nextLink'], prefer);
    const next = await round(rest.link, prefer);
    const seen = new Map([...first.body.value, ...rest.items, ...next.items].map((item) => [item.id, item]));
    expect(shape(seen.get(events[0]!.id))).toBe('removed');
    expect(seen.get(events[3]!.id).subject).toBe('changed');
    expect(seen.has(added.id)).toBe(true);
  });

  it('tells own writes again, then nothing, and takes an old link again', async () => {
    const { round, call } = simulate();
    const { link } = await round(DELTA);
    await call('POST', '~/events', anEvent());
    const second = await round(link);
    expect(shapes(second.items)).toEqual(['singleInstance']);
    expect((await round(second.link)).items).toEqual([]);
    expect((await round(link)).items).toEqual(second.items);
  });

  it('sends the same tombstone for deleted, moved away, rescheduled out, and never in the window', async () => {
    const { mailbox, round, call } = simulate();
    const other = mailbox.addCalendar('Family');
    const [deleted, moved, rescheduled] = [1, 2, 3].map(() => mailbox.createEvent(anEvent()));
    const { link } = await round(DELTA, { prefer: 'IdType="ImmutableId"' });
    mailbox.deleteEvent(deleted!.id);
    mailbox.moveEvent(moved!.id, other);
    const later = { start: at('2026-09-01T09:00:00'), end: at('2026-09-01T10:00:00') };
    mailbox.updateEvent(rescheduled!.id, later);
    const outside = mailbox.createEvent(anEvent(later));
    const { items } = await round(link, { prefer: 'IdType="ImmutableId"' });
    const tombstone = ({ id }: { id: string }) => ({
      '@odata.type': '#microsoft.graph.event',
      id,
      '@removed': { reason: 'deleted' },
    });
    expect(items).toEqual([deleted!, moved!, rescheduled!, outside].map(tombstone));
    expect((await call('GET', `~/events/${rescheduled!.id}`)).status).toBe(200);
    expect(shapes((await round(`~/calendars/${other}/calendarView/delta?${MARCH_TO_MAY}`)).items)).toEqual([
      'singleInstance',
    ]);
  });

  it('gives the tombstone of a moved event the default id it had', async () => {
    const { mailbox, round } = simulate();
    const other = mailbox.addCalendar('Family');
    const event = mailbox.createEvent(anEvent());
    const first = await round(DELTA);
    mailbox.moveEvent(event.id, other);
    expect((await round(first.link)).items.map(({ id }) => id)).toEqual([first.items[0].id]);
  });

  it('re-emits the whole series when the master changes, and only the master when an occurrence is deleted', async () => {
    const { mailbox, round } = simulate();
    const { id } = mailbox.createEvent(aSeries({}, { numberOfOccurrences: 3 }));
    let { link, items } = await round(DELTA);
    mailbox.deleteOccurrence(id, '2026-03-09');
    ({ link, items } = await round(link));
    expect(shapes(items)).toEqual(['seriesMaster']);
    mailbox.updateEvent(id, { subject: 'Renamed' });
    ({ link, items } = await round(link));
    expect(shapes(items)).toEqual(['seriesMaster', 'occurrence', 'occurrence']);
    mailbox.updateOccurrence(id, '2026-03-16', { subject: 'Special' });
    ({ link, items } = await round(link));
    expect(shapes(items)).toEqual(['seriesMaster', 'exception']);
    mailbox.deleteEvent(id);
    ({ link, items } = await round(link));
    expect(shapes(items)).toEqual(['removed', 'removed', 'removed']);
  });

  it('emits a tombstone for a deleted occurrence when switched so', async () => {
    const { mailbox, round } = simulate({ switches: { occurrenceDeleteTombstone: 'emitted', tombstoneType: false } });
    const { id } = mailbox.createEvent(aSeries());
    const { link } = await round(DELTA);
    mailbox.deleteOccurrence(id, '2026-03-09');
    const { items } = await round(link);
    expect(shapes(items)).toEqual(['seriesMaster', 'removed']);
    expect(items[1]).not.toHaveProperty('@odata.type');
  });

  it('leaves old occurrence ids behind without tombstones when a series is rescheduled', async () => {
    const { mailbox, round } = simulate();
    const master = mailbox.createEvent(aSeries({}, { numberOfOccurrences: 2 }));
    const first = await round(DELTA);
    const recurrence = {
      pattern: { type: 'weekly', interval: 1, daysOfWeek: ['tuesday'] },
      range: { type: 'numbered', startDate: '2026-03-03', numberOfOccurrences: 2 },
    };
    mailbox.updateEvent(master.id, { start: at('2026-03-03T09:00:00'), end: at('2026-03-03T09:30:00'), recurrence });
    const second = await round(first.link);
    expect(shapes(second.items)).toEqual(['seriesMaster', 'occurrence', 'occurrence']);
    const old = first.items.slice(1).map(({ id }) => id);
    expect(second.items.filter(({ id }) => old.includes(id))).toEqual([]);
  });

  it('keeps the window it was asked with', async () => {
    const { mailbox, round } = simulate();
    const { link } = await round(DELTA);
    mailbox.createEvent(anEvent({ start: at('2026-07-01T09:00:00'), end: at('2026-07-01T10:00:00') }));
    expect(
      shapes((await round(`${link}&startDateTime=2026-07-01T00:00:00Z&endDateTime=2026-08-01T00:00:00Z`)).items),
    ).toEqual(['removed']);
  });

  it('answers 410 to expired and evicted tokens, 400 to malformed and foreign ones', async () => {
    const { sim, round, call } = simulate();
    const { link } = await round(DELTA);
    sim.expireDeltaTokens(ADDRESS);
    const gone = await call('GET', link);
    expect([gone.status, gone.body.error.code]).toEqual([410, 'SyncStateNotFound']);
    const fresh = (await round(DELTA)).link;
    expect((await call('GET', fresh)).status).toBe(200);
    const bad = await call('GET', `${fresh.slice(0, -3)}xyz`);
    expect([bad.status, bad.body.error.message]).toEqual([400, 'Badly formed token.']);
    sim.addMailbox({ address: 'bob@example.com' });
    expect((await call('GET', fresh.replace(ADDRESS, 'bob@example.com'))).status).toBe(400);
    sim.switches.deltaTokensKept = 2;
    await round(fresh);
    await round(fresh);
    expect((await call('GET', fresh)).status).toBe(410);
  });

  it.each(['first', 'every'] as const)('sends empty pages with a nextLink (%s)', async (deltaEmptyPages) => {
    const { mailbox, round } = simulate({ switches: { deltaEmptyPages } });
    const made = [1, 2, 3].map(() => mailbox.createEvent(anEvent()).id);
    const { pages, items } = await round(DELTA, { prefer: 'odata.maxpagesize=1, IdType="ImmutableId"' });
    expect(pages[0]!.body.value).toEqual([]);
    expect(items.map(({ id }) => id)).toEqual(made);
  });

  it('replays items, sticks on a page, hides fresh changes, touches items: by switch', async () => {
    const { sim, mailbox, round, clock, call } = simulate();
    for (let day = 0; day < 5; day += 1) mailbox.createEvent(anEvent());
    const prefer = { prefer: 'odata.maxpagesize=2' };
    sim.switches.deltaReplays = true;
    const replayed = await round(DELTA, prefer);
    expect(replayed.items.length).toBeGreaterThan(5);
    expect(new Set(replayed.items.map(({ id }) => id)).size).toBe(5);
    sim.switches.deltaReplays = false;

    sim.switches.deltaVisibilityDelayMs = 60_000;
    mailbox.createEvent(anEvent({ subject: 'late' }));
    const early = await round(replayed.link);
    expect(early.items).toEqual([]);
    clock.now += 60_001;
    expect((await round(early.link)).items).toMatchObject([{ subject: 'late' }]);
    sim.switches.deltaVisibilityDelayMs = 0;

    sim.switches.spontaneousTouch = true;
    expect((await round(replayed.link)).items.length).toBeGreaterThan(1);
    sim.switches.spontaneousTouch = false;

    sim.switches.deltaStuck = true;
    const stuck = await call('GET', DELTA, undefined, prefer);
    expect((await call('GET', stuck.body['@odata.nextLink'], undefined, prefer)).body.value).toEqual(stuck.body.value);
  });

  it.each([
    ['delta()', `~/calendar/calendarView/delta()?${MARCH_TO_MAY}`],
    ['microsoft.graph.delta()', `~/calendarView/microsoft.graph.delta()?${MARCH_TO_MAY}`],
    [
      'arguments in parentheses',
      "~/calendarView/delta(startDateTime='2026-03-01T00:00:00Z',endDateTime='2026-06-01T00:00:00Z')",
    ],
  ])('answers the spelling with %s', async (_name, url) => {
    const { mailbox, round } = simulate();
    mailbox.createEvent(anEvent());
    expect((await round(url)).items).toHaveLength(1);
  });

  it('ignores $select, or refuses it by switch', async () => {
    const { sim, mailbox, call } = simulate();
    mailbox.createEvent(anEvent());
    expect((await call('GET', `${DELTA}&$select=id`)).body.value[0].subject).toBe('Tile order');
    sim.switches.deltaQueryOptions = '400';
    expect((await call('GET', `${DELTA}&$select=id`)).status).toBe(400);
  });
});
