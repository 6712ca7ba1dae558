import { describe, expect, it } from 'vitest';
import { ADDRESS, anEvent, aSeries, MARCH_TO_MAY, simulate } from '../../../test/support/simulator-client.ts';
import { GraphSimulator } from '../index.ts';

const IMMUTABLE = { prefer: 'IdType="ImmutableId"' };
const DELTA = `~/calendarView/delta?${MARCH_TO_MAY}`;

describe('a mailbox restored from a backup', () => {
  it('59: has other ids, immutable ones too, and the same contents under the same iCalUIds', async () => {
    const { mailbox, call } = simulate();
    mailbox.createEvent(anEvent());
    const { id } = mailbox.createEvent(aSeries());
    mailbox.updateOccurrence(id, '2026-03-09', { subject: 'Special' });
    mailbox.deleteOccurrence(id, '2026-03-16');
    const family = mailbox.addCalendar('Family');
    mailbox.createEvent(anEvent({ subject: 'Birthday' }), { calendarId: family });
    const before = mailbox.listEvents();
    const beforeIds = (await call('GET', '~/events', undefined, IMMUTABLE)).body.value.map(
      (each: { id: string }) => each.id,
    );
    const members = mailbox
      .occurrences(id, '2026-03-01T00:00:00Z', '2026-06-01T00:00:00Z')
      .map(({ subject }) => subject);
    mailbox.misfortunes.restoreFromBackup();

    const after = mailbox.listEvents();
    const content = (events: typeof before) => events.map(({ iCalUId, subject, start }) => [iCalUId, subject, start]);
    expect(content(after)).toEqual(content(before));
    const ids = new Set(before.map((each) => each.id));
    expect(after.filter((each) => ids.has(each.id) || beforeIds.includes(each.id))).toEqual([]);
    for (const gone of [...beforeIds, ...ids]) {
      expect(await call('GET', `~/events/${gone}`)).toMatchObject({
        status: 404,
        body: { error: { code: 'ErrorItemNotFound' } },
      });
    }
    expect((await call('GET', `~/calendars/${family}`)).status).toBe(404);
    expect(mailbox.listCalendars().map(({ name }) => name)).toEqual(['Calendar', 'Family']);
    const master = after.find(({ type }) => type === 'seriesMaster')!;
    const again = mailbox.occurrences(master.id, '2026-03-01T00:00:00Z', '2026-06-01T00:00:00Z');
    expect(again.map(({ subject }) => subject)).toEqual(members);
    expect((await call('POST', '~/events', anEvent())).status).toBe(201);
  });

  it('answers 410 to every delta link, and a new round tells everything once', async () => {
    const { mailbox, round, call } = simulate();
    mailbox.createEvent(anEvent());
    const { link } = await round(DELTA);
    mailbox.misfortunes.restoreFromBackup();
    expect(await call('GET', link)).toMatchObject({ status: 410, body: { error: { code: 'SyncStateNotFound' } } });
    const fresh = await round(DELTA);
    expect(fresh.items).toHaveLength(1);
    expect((await round(fresh.link)).items).toEqual([]);
  });

  it('may be as it was some time ago, and mails nobody', () => {
    const { sim, mailbox } = simulate();
    const kept = mailbox.createEvent(anEvent({ subject: 'Old' }));
    const snapshot = sim.snapshot();
    const attendees = [{ type: 'required', emailAddress: { address: 'grace@example.com' } }];
    mailbox.updateEvent(kept.id, { subject: 'New' });
    mailbox.createEvent(anEvent({ subject: 'Later', attendees }));
    sim.clearLog();
    mailbox.misfortunes.restoreFromBackup(snapshot);
    expect(mailbox.listEvents().map(({ subject, iCalUId }) => [subject, iCalUId])).toEqual([['Old', kept.iCalUId]]);
    expect(sim.outbox).toEqual([]);
    const stranger = new GraphSimulator({ now: () => 0 }).snapshot();
    expect(() => mailbox.misfortunes.restoreFromBackup(stranger)).toThrow('has no mailbox');
  });

  it('is the same from a snapshot and from a journal', () => {
    const { sim, mailbox } = simulate();
    mailbox.createEvent(aSeries());
    const [restored, replayed] = [new GraphSimulator({ now: () => 0 }), new GraphSimulator({ now: () => 0 })];
    replayed.restore(sim.snapshot());
    sim.onChange((changes) => replayed.replay(JSON.parse(JSON.stringify(changes))));
    mailbox.misfortunes.restoreFromBackup();
    restored.restore(sim.snapshot());
    expect(restored.mailbox(ADDRESS).listEvents()).toEqual(mailbox.listEvents());
    expect(replayed.mailbox(ADDRESS).listEvents()).toEqual(mailbox.listEvents());
    expect(replayed.mailbox(ADDRESS).defaultCalendarId).toBe(mailbox.defaultCalendarId);
  });

  it('loses its subscriptions, without a word', async () => {
    const posted: string[] = [];
    const webhookFetch = async (url: string | URL | Request) => {
      const token = new URL(String(url)).searchParams.get('validationToken');
      if (token === null) posted.push(String(url));
      return new Response(token, { headers: { 'content-type': 'text/plain' } });
    };
    const { sim, mailbox, call } = simulate({ webhookFetch: webhookFetch as typeof fetch });
    const created = await call('POST', '/subscriptions', {
      changeType: 'created,updated,deleted',
      notificationUrl: 'https://hook.example.com/graph',
      resource: `/users/${mailbox.id}/events`,
      expirationDateTime: '2026-03-04T08:00:00Z',
    });
    expect(created.status).toBe(201);
    mailbox.createEvent(anEvent());
    await sim.advance(60_000);
    const before = posted.length;
    expect(before).toBeGreaterThan(0);
    mailbox.misfortunes.restoreFromBackup();
    await sim.advance(60_000);
    expect(sim.notifications.list()).toEqual([]);
    expect(posted).toHaveLength(before);
  });
});

describe('a calendar that was emptied', () => {
  it('tells tombstones for all of it, mails nobody, and leaves other calendars alone', async () => {
    const { sim, mailbox, round } = simulate();
    const attendees = [{ type: 'required', emailAddress: { address: 'grace@example.com' } }];
    mailbox.createEvent(anEvent({ attendees }));
    mailbox.createEvent(anEvent());
    const family = mailbox.addCalendar('Family');
    mailbox.createEvent(anEvent(), { calendarId: family });
    const { link } = await round(DELTA);
    sim.clearLog();
    mailbox.misfortunes.emptyCalendar();
    expect(sim.outbox).toEqual([]);
    const { items } = await round(link);
    expect(items.map((each) => each['@removed'])).toEqual([{ reason: 'deleted' }, { reason: 'deleted' }]);
    expect(mailbox.listEvents()).toHaveLength(1);
    mailbox.misfortunes.emptyCalendar(family);
    expect(mailbox.listEvents()).toEqual([]);
  });
});
