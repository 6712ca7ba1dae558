import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiWorld, OPEN_PATIENCE_MS } from '../../test/support/api-world.ts';

let api: ApiWorld;

beforeAll(async () => {
  api = await ApiWorld.open();
}, OPEN_PATIENCE_MS);
afterAll(async () => {
  await api?.close();
});

const EVENT = {
  subject: 'Check-up',
  start: { dateTime: '2026-03-09T09:00:00', timeZone: 'Europe/Berlin' },
  end: { dateTime: '2026-03-09T09:30:00', timeZone: 'Europe/Berlin' },
};

interface EventBody extends Record<string, unknown> {
  readonly id: string;
  readonly etag: string;
  readonly syncState: string;
}

describe('events over HTTP', () => {
  it('creates, reads, changes and deletes an event', async () => {
    const created = await api.call<EventBody>('POST', '/calendar/events', { body: EVENT });
    expect(created.status).toBe(201);
    expect(created.headers['location']).toBe(`/calendar/events/${created.body.id}`);
    expect(created.headers['etag']).toBe(created.body.etag);
    expect(created.body).toMatchObject({ ...EVENT, calendarId: 'default', syncState: 'pending' });
    const url = `/calendar/events/${created.body.id}`;

    const read = await api.call<EventBody>('GET', url);
    expect(read).toMatchObject({ status: 200, body: created.body });
    expect(read.headers['etag']).toBe(created.body.etag);

    const changed = await api.call<EventBody>('PATCH', url, {
      body: { subject: 'Check-up and cleaning' },
      headers: { 'if-match': created.body.etag },
    });
    expect(changed).toMatchObject({ status: 200, body: { subject: 'Check-up and cleaning', start: EVENT.start } });
    expect(changed.headers['etag']).not.toBe(created.body.etag);

    const late = await api.call('DELETE', url, { headers: { 'if-match': created.body.etag } });
    expect(late).toMatchObject({ status: 412, body: { code: 'VERSION_MISMATCH' } });

    const deleted = await api.call('DELETE', url, { headers: { 'if-match': '*' } });
    expect(deleted).toMatchObject({ status: 204, body: '' });
    expect(await api.call('GET', url)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });

  it('makes one event of a request that is repeated under its key', async () => {
    const headers = { 'idempotency-key': 'booking 4711' };
    const first = await api.call<EventBody>('POST', '/calendar/events', { body: EVENT, headers });
    const second = await api.call<EventBody>('POST', '/calendar/events', { body: EVENT, headers });
    expect(second).toMatchObject({ status: 201, body: { id: first.body.id } });
    expect(first.headers['idempotent-replayed']).toBeUndefined();
    expect(second.headers['idempotent-replayed']).toBe('true');
    const other = await api.call('POST', '/calendar/events', { body: { ...EVENT, subject: 'Other' }, headers });
    expect(other.status).toBe(409);
  });

  it('says what is impossible place by place', async () => {
    const body = { ...EVENT, end: { dateTime: '2026-03-08T09:00:00', timeZone: 'Europe/Berlin' } };
    expect(await api.call('POST', '/calendar/events', { body })).toMatchObject({
      status: 422,
      body: { code: 'IMPOSSIBLE_INPUT', errors: [{ path: 'end' }] },
    });
  });

  it('serves a series as its occurrences, one of which can be changed and removed', async () => {
    const recurrence = {
      pattern: { type: 'weekly', interval: 1, daysOfWeek: ['tuesday'] },
      range: { type: 'numbered', numberOfOccurrences: 4 },
    };
    const at = (time: string) => ({ dateTime: `2026-04-07T${time}`, timeZone: 'Europe/Berlin' });
    const master = await api.call<EventBody>('POST', '/calendar/events', {
      body: { subject: 'Team', start: at('10:00:00'), end: at('11:00:00'), recurrence },
    });
    expect(master).toMatchObject({ status: 201, body: { type: 'seriesMaster' } });
    const { id } = master.body;
    const changed = await api.call('PATCH', `/calendar/events/${id}_2026-04-14`, { body: { subject: 'Retro' } });
    expect(changed).toMatchObject({ status: 200, body: { type: 'exception', subject: 'Retro' } });
    expect((await api.call('DELETE', `/calendar/events/${id}_2026-04-21`)).status).toBe(204);

    const range = 'start=2026-04-01T00:00:00Z&end=2026-05-31T00:00:00Z';
    const listed = await api.call<{ items: EventBody[] }>('GET', `/calendar/events?${range}&expand=occurrences`);
    const dates = listed.body.items.map((item) => [item['id'], item['subject']]);
    expect(dates).toEqual([
      [`${id}_2026-04-07`, 'Team'],
      [`${id}_2026-04-14`, 'Retro'],
      [`${id}_2026-04-28`, 'Team'],
    ]);
    const instances = await api.call<{ items: EventBody[] }>('GET', `/calendar/events/${id}/instances?${range}`);
    expect(instances.body.items.map((item) => item.id)).toEqual(listed.body.items.map((item) => item.id));
    const again = await api.call<EventBody>('GET', `/calendar/events/${id}`);
    expect(again.body).toMatchObject({
      exceptionOccurrences: [{ id: `${id}_2026-04-14` }],
      cancelledOccurrences: [`${id}_2026-04-21`],
    });
  });

  it('pages through events and through changes', async () => {
    const first = await api.call<{ items: EventBody[]; nextCursor: string }>('GET', '/calendar/events?limit=1');
    expect(first.body.items).toHaveLength(1);
    const next = await api.call<{ items: EventBody[] }>(
      'GET',
      `/calendar/events?limit=1&cursor=${encodeURIComponent(first.body.nextCursor)}`,
    );
    expect(next.body.items[0]?.id).not.toBe(first.body.items[0]?.id);

    interface Changes {
      readonly items: { change: string; id: string }[];
      readonly cursor: string;
      readonly hasMore: boolean;
    }
    const all = await api.call<Changes>('GET', '/calendar/events/changes?limit=1000');
    expect(all.body.hasMore).toBe(false);
    const { body } = await api.call<EventBody>('POST', '/calendar/events', { body: EVENT });
    const news = await api.call<Changes>(
      'GET',
      `/calendar/events/changes?cursor=${encodeURIComponent(all.body.cursor)}`,
    );
    expect(news.body.items).toMatchObject([{ change: 'created', id: body.id }]);
  });
});

describe('iCalendar files over HTTP', () => {
  const ICS = [
    ...['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//example//EN', 'BEGIN:VEVENT', 'UID:4711@example.com'],
    ...['DTSTAMP:20260301T000000Z', 'DTSTART:20260701T080000Z', 'DTEND:20260701T090000Z', 'SUMMARY:Inventory'],
    ...['END:VEVENT', 'BEGIN:VEVENT', 'UID:4712@example.com', 'SUMMARY:Never', 'END:VEVENT', 'END:VCALENDAR', ''],
  ].join('\r\n');
  const headers = { 'content-type': 'text/calendar; charset=utf-8' };

  it('takes a file in, once however often it comes, and gives everything out again', async () => {
    const first = await api.call('POST', '/calendar/events/import', { body: ICS, headers });
    expect(first).toMatchObject({
      status: 200,
      body: { created: 1, failed: 1, errors: [{ uid: '4712@example.com' }] },
    });
    const second = await api.call('POST', '/calendar/events/import?calendarId=default', { body: ICS, headers });
    expect(second.body).toMatchObject({ created: 0, unchanged: 1 });
    const file = await api.call<string>('GET', '/calendar/events/export.ics');
    expect(file.headers).toMatchObject({
      'content-type': 'text/calendar; charset=utf-8',
      'content-disposition': 'attachment; filename="calendar.ics"',
    });
    expect(file.body).toContain('SUMMARY:Inventory');
    expect(file.body).toContain('UID:4711@example.com');
  });

  it('says that it is none', async () => {
    const { status, body } = await api.call('POST', '/calendar/events/import', { body: 'Dear all', headers });
    expect([status, body['code']]).toEqual([400, 'INVALID_INPUT']);
    const nowhere = await api.call('POST', '/calendar/events/import?calendarId=none', { body: ICS, headers });
    expect(nowhere.status).toBe(404);
  });
});
