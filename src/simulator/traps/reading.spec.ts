import { describe, expect, it } from 'vitest';
import { anEvent, aSeries, at, MARCH_TO_MAY, simulate } from '../../../test/support/simulator-client.ts';

/**
 * What goes wrong for a client that reads calendars, each under the number it has in docs/simulator.md. Every test shows
 * the trap itself: the answer that misleads, next to the truth it hides.
 */
const DELTA = `~/calendarView/delta?${MARCH_TO_MAY}`;
const IMMUTABLE = { prefer: 'IdType="ImmutableId"' };
const REMOVED = { reason: 'deleted' };

/** Monday standups since January 2025, without an end. */
const endless = () =>
  aSeries(
    { start: at('2025-01-06T09:00:00'), end: at('2025-01-06T09:30:00') },
    { type: 'noEnd', startDate: '2025-01-06' },
  );

describe('traps of reading', () => {
  it('1: delta returns what the client itself has just written', async () => {
    const { call, round } = simulate();
    const { link } = await round(DELTA);
    const written = await call('POST', '~/events', anEvent());
    const { items } = await round(link);
    expect(items.map(({ id }) => id)).toEqual([written.body.id]);
    expect(items[0]['@odata.etag']).toBe(written.body['@odata.etag']);
  });

  it('2: changeKey and lastModifiedDateTime move although nothing was changed', async () => {
    const { mailbox, clock, round } = simulate();
    const before = mailbox.createEvent(anEvent());
    const { link } = await round(DELTA, IMMUTABLE);
    clock.now += 60_000;
    mailbox.touch(before.id);
    const { items } = await round(link, IMMUTABLE);
    const { '@odata.type': _type, ...after } = items[0];
    expect(after.changeKey).not.toBe(before.changeKey);
    expect(after.lastModifiedDateTime).not.toBe(before.lastModifiedDateTime);
    const versions = ['@odata.etag', 'changeKey', 'lastModifiedDateTime'].map((name) => [name, after[name]]);
    expect({ ...before, ...Object.fromEntries(versions) }).toEqual(after);
  });

  it('3: occurrences in delta carry id, master, type, start and end, and nothing else', async () => {
    const { mailbox, round } = simulate();
    mailbox.createEvent(aSeries());
    const { items } = await round(DELTA);
    const bare = items.filter(({ type }) => type === 'occurrence');
    expect(bare.length).toBe(8);
    for (const item of bare) expect(item).not.toHaveProperty('subject');
  });

  it('4: masters appear with the date of their first occurrence, years before the window', async () => {
    const { mailbox, round } = simulate();
    mailbox.createEvent(endless());
    const { items } = await round(DELTA);
    expect(items[0]).toMatchObject({ type: 'seriesMaster', start: { dateTime: '2025-01-06T08:00:00.0000000' } });
  });

  it('5: deleting one occurrence yields no tombstone, only a sign of life of its master', async () => {
    const { mailbox, round } = simulate();
    const master = mailbox.createEvent(aSeries());
    const { link } = await round(DELTA, IMMUTABLE);
    mailbox.deleteOccurrence(master.id, '2026-03-09');
    const { items } = await round(link, IMMUTABLE);
    expect(items.map(({ id, type }) => ({ id, type }))).toEqual([{ id: master.id, type: 'seriesMaster' }]);
  });

  it('6: an event outside the window comes as a tombstone of an id never seen', async () => {
    const { mailbox, round } = simulate();
    const { link } = await round(DELTA, IMMUTABLE);
    const far = mailbox.createEvent(anEvent({ start: at('2027-03-04T09:00:00'), end: at('2027-03-04T10:00:00') }));
    const { items } = await round(link, IMMUTABLE);
    expect(items).toEqual([{ '@odata.type': '#microsoft.graph.event', id: far.id, '@removed': REMOVED }]);
  });

  it('7: an event rescheduled out of the window looks deleted; a GET by its id says otherwise', async () => {
    const { mailbox, call, round } = simulate();
    const { id } = mailbox.createEvent(anEvent());
    const { link } = await round(DELTA, IMMUTABLE);
    mailbox.updateEvent(id, { start: at('2027-03-04T09:00:00'), end: at('2027-03-04T10:00:00') });
    expect((await round(link, IMMUTABLE)).items).toMatchObject([{ id, '@removed': REMOVED }]);
    expect((await call('GET', `~/events/${id}`)).status).toBe(200);
  });

  it('8: the window is frozen in the token: time passes, new months never appear', async () => {
    const { mailbox, clock, round } = simulate({ tokenLifetimeSeconds: 365 * 86_400 });
    const { link } = await round(DELTA);
    clock.now += 180 * 86_400_000;
    mailbox.createEvent(anEvent({ start: at('2026-09-01T09:00:00'), end: at('2026-09-01T10:00:00') }));
    const moved = link.replace(/\?/, '?startDateTime=2026-08-01T00:00:00Z&endDateTime=2026-12-01T00:00:00Z&');
    for (const url of [link, moved]) {
      const { items } = await round(url);
      expect(items.map((item) => '@removed' in item)).toEqual([true]);
    }
  });

  it('9: the first page can be empty and still have a nextLink', async () => {
    const { mailbox, round } = simulate({ switches: { deltaEmptyPages: 'first' } });
    mailbox.createEvent(anEvent());
    const { pages, items } = await round(DELTA);
    expect(pages[0]!.body).toMatchObject({ value: [], '@odata.nextLink': expect.any(String) });
    expect(items.length).toBe(1);
  });

  it('10: a damaged mailbox answers the same page with a nextLink for ever', async () => {
    const { mailbox, round } = simulate({ switches: { deltaStuck: true } });
    mailbox.createEvent(anEvent());
    const { pages, link } = await round(DELTA);
    expect(pages.length).toBe(200);
    expect(link).toBeUndefined();
    expect(new Set(pages.map(({ body }) => JSON.stringify(body.value))).size).toBe(1);
  });

  it('11: a dead token answers 410; what was edited meanwhile is in the full round only', async () => {
    const { sim, mailbox, round } = simulate();
    const { link } = await round(DELTA);
    sim.expireDeltaTokens();
    mailbox.createEvent(anEvent({ subject: 'edited meanwhile' }));
    const { failed } = await round(link);
    expect(failed).toMatchObject({ status: 410, body: { error: { code: 'SyncStateNotFound' } } });
    expect((await round(DELTA)).items).toMatchObject([{ subject: 'edited meanwhile' }]);
  });

  it('12: tokens die when newer ones are issued, not after a time', async () => {
    const { round } = simulate({ switches: { deltaTokensKept: 3 } });
    const { link } = await round(DELTA);
    for (let others = 0; others < 3; others += 1) await round(DELTA);
    expect((await round(link)).failed?.status).toBe(410);
  });

  it('13: query options on delta are ignored, or refused', async () => {
    const { sim, mailbox, round } = simulate();
    mailbox.createEvent(anEvent());
    const selective = `${DELTA}&$select=subject&$filter=subject eq 'nothing'`;
    const { items } = await round(selective);
    expect(items[0]).toMatchObject({ subject: 'Tile order', body: { contentType: 'html' } });
    sim.switches.deltaQueryOptions = '400';
    expect((await round(selective)).failed?.status).toBe(400);
  });

  it('14: a move changes the default id: deleted here, created there, the old address dead', async () => {
    const { mailbox, call, round } = simulate();
    const other = mailbox.addCalendar('Projects');
    const { id } = mailbox.createEvent(anEvent());
    const { items, link } = await round(DELTA);
    mailbox.moveEvent(id, other);
    expect((await round(link)).items).toMatchObject([{ id: items[0].id, '@removed': REMOVED }]);
    const moved = await call('GET', `~/calendars/${other}/events`);
    expect(moved.body.value[0].id).not.toBe(items[0].id);
    expect((await call('GET', `~/events/${items[0].id}`)).status).toBe(404);
    expect((await call('GET', `~/events/${id}`, undefined, IMMUTABLE)).body.id).toBe(id);
  });

  it('15: the calendar id answered by POST is not the one listed later', async () => {
    const { call } = simulate({ switches: { calendarIdChangesAfterCreate: true } });
    const created = await call('POST', '~/calendars', { name: 'Projects' });
    const listed = (await call('GET', '~/calendars')).body.value.find(
      ({ name }: { name: string }) => name === 'Projects',
    );
    expect(listed.id).not.toBe(created.body.id);
    expect((await call('GET', `~/calendars/${created.body.id}/events`)).status).toBe(404);
  });

  it('16: rescheduling a series strands the ids of its occurrences, without tombstones', async () => {
    const { mailbox, call, round } = simulate();
    const master = mailbox.createEvent(aSeries());
    const before = await round(DELTA, IMMUTABLE);
    mailbox.updateEvent(master.id, {
      start: at('2026-03-03T09:00:00'),
      end: at('2026-03-03T09:30:00'),
      recurrence: {
        pattern: { type: 'weekly', interval: 1, daysOfWeek: ['tuesday'], firstDayOfWeek: 'monday' },
        range: { type: 'numbered', startDate: '2026-03-03', numberOfOccurrences: 8 },
      },
    });
    const stranded = before.items.filter(({ type }) => type === 'occurrence').map(({ id }) => id);
    const { items } = await round(before.link, IMMUTABLE);
    expect(items.filter((item) => '@removed' in item)).toEqual([]);
    expect(items.filter(({ id }) => stranded.includes(id))).toEqual([]);
    expect((await call('GET', `~/events/${stranded[0]}`)).status).toBe(404);
  });

  it('17: originalStart is missing unless it is selected', async () => {
    const { mailbox, call } = simulate();
    const master = mailbox.createEvent(aSeries());
    const { id } = mailbox.updateOccurrence(master.id, '2026-03-09', {
      start: at('2026-03-10T14:00:00'),
      end: at('2026-03-10T14:30:00'),
    });
    expect((await call('GET', `~/events/${id}`)).body).not.toHaveProperty('originalStart');
    const selected = await call('GET', `~/events/${id}?$select=originalStart`);
    expect(selected.body.originalStart).toBe('2026-03-09T08:00:00Z');
  });

  it('21: all-day events float, though they are labelled UTC', async () => {
    const { mailbox, call } = simulate();
    mailbox.createEvent(
      anEvent({
        isAllDay: true,
        start: at('2026-03-04T00:00:00', 'Asia/Tokyo'),
        end: at('2026-03-05T00:00:00', 'Asia/Tokyo'),
      }),
    );
    for (const zone of ['UTC', 'Asia/Tokyo', 'Pacific Standard Time']) {
      const { body } = await call('GET', '~/events', undefined, { prefer: `outlook.timezone="${zone}"` });
      expect(body.value[0].start).toEqual({ dateTime: '2026-03-04T00:00:00.0000000', timeZone: zone });
    }
  });

  it('22: an all-day event of a neighbouring day matches a window', async () => {
    const { mailbox, call } = simulate();
    const day = (date: string) => at(`${date}T00:00:00`, 'Asia/Tokyo');
    mailbox.createEvent(anEvent({ isAllDay: true, start: day('2026-03-04'), end: day('2026-03-05') }));
    // The fifth of March in Tokyo, nothing else.
    const window = 'startDateTime=2026-03-05T00:00:00%2B09:00&endDateTime=2026-03-06T00:00:00%2B09:00';
    expect((await call('GET', `~/calendarView?${window}`)).body.value).toMatchObject([
      { start: { dateTime: '2026-03-04T00:00:00.0000000' } },
    ]);
  });

  it('36: a cancelled meeting stays, free, under a prefixed subject', async () => {
    const { mailbox, call } = simulate();
    const { id } = mailbox.addForeignMeeting(
      anEvent({ organizer: { emailAddress: { address: 'grace@example.com' } } }) as never,
    );
    mailbox.cancelByOrganizer(id);
    expect((await call('GET', `~/events/${id}`)).body).toMatchObject({
      isCancelled: true,
      showAs: 'free',
      subject: 'Canceled: Tile order',
    });
  });

  it('37: one meeting of two connected mailboxes is two events with one iCalUId', async () => {
    const { sim, mailbox, call } = simulate();
    const grace = sim.addMailbox({ address: 'grace@example.com' });
    const { id } = mailbox.createEvent(
      anEvent({ attendees: [{ type: 'required', emailAddress: { address: 'grace@example.com' } }] }),
    );
    const [copy] = grace.listEvents();
    const own = (await call('GET', `~/events/${id}`)).body;
    expect(copy).toMatchObject({ iCalUId: own.iCalUId, isOrganizer: false });
    expect(copy!.id).not.toBe(own.id);
  });

  it('38: a page holds ten unless more are asked for, and $skip links shift under inserts', async () => {
    const { mailbox, call } = simulate();
    const ids = Array.from({ length: 12 }, (_, n) => mailbox.createEvent(anEvent({ subject: `event ${n}` })).id);
    const first = await call('GET', '~/events', undefined, IMMUTABLE);
    expect(first.body.value.length).toBe(10);
    mailbox.deleteEvent(ids[0]!);
    const second = await call('GET', first.body['@odata.nextLink'], undefined, IMMUTABLE);
    const seen = [...first.body.value, ...second.body.value].map(({ id }) => id);
    // Neither on the first page nor on the second: the deletion moved it to where nobody looks.
    expect(seen).not.toContain(ids[10]);
    expect((await call('GET', `~/events/${ids[10]}`)).status).toBe(200);
  });

  it('39: five calendar years with a leap day are too long a window', async () => {
    const { call } = simulate();
    const years = (from: number, to: number) =>
      `startDateTime=${from}-01-01T00:00:00Z&endDateTime=${to}-01-01T00:00:00Z`;
    const refused = await call('GET', `~/calendarView/delta?${years(2024, 2029)}`);
    expect(refused).toMatchObject({ status: 400, body: { error: { code: 'ErrorInvalidRequest' } } });
    expect(refused.body.error.message).toContain('1825');
  });

  it('42: four requests at a time; the fifth is told 429 or 503, with every kind of Retry-After', async () => {
    const kinds = { integer: /^\d+$/, decimal: /^\d+\.\d+$/, date: /GMT$/, absent: /^null$/ } as const;
    for (const [retryAfter, form] of Object.entries(kinds)) {
      for (const concurrencyStatus of [429, 503] as const) {
        const { call } = simulate({ switches: { retryAfter: retryAfter as keyof typeof kinds, concurrencyStatus } });
        const answers = await Promise.all(Array.from({ length: 5 }, () => call('GET', '~/events')));
        const refused = answers.filter(({ status }) => status !== 200);
        expect(refused.map(({ status }) => status)).toEqual([concurrencyStatus]);
        expect(refused[0]!.body.error.message).toContain('MailboxConcurrency');
        expect(String(refused[0]!.headers.get('retry-after'))).toMatch(form);
      }
    }
  });

  it('58: of a series that reaches beyond the window only instances inside are seen, and no list tells the rule', async () => {
    const { mailbox, call } = simulate();
    const master = mailbox.createEvent(endless());
    const view = await call('GET', `~/calendarView?${MARCH_TO_MAY}&$top=100`, undefined, IMMUTABLE);
    expect(new Set(view.body.value.map(({ type }: { type: string }) => type))).toEqual(new Set(['occurrence']));
    expect(view.body.value[0]).toMatchObject({ recurrence: null, seriesMasterId: master.id });
    expect((await call('GET', `~/events/${master.id}`)).body.recurrence.range.type).toBe('noEnd');
  });
});
