import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiWorld, OPEN_PATIENCE_MS, STRANGER } from '../../test/support/api-world.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await ApiWorld.open();
}, OPEN_PATIENCE_MS);
afterAll(async () => {
  await api?.close();
});

interface Shown extends Record<string, unknown> {
  readonly id: string;
  readonly etag: string;
}

async function aSeries(): Promise<Shown> {
  const { body } = await api.call<Shown>('POST', '/calendar/events', {
    body: {
      subject: 'Weekly',
      start: { dateTime: '2026-03-09T09:00:00', timeZone: 'Europe/Berlin' },
      end: { dateTime: '2026-03-09T09:30:00', timeZone: 'Europe/Berlin' },
      recurrence: {
        pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'] },
        range: { type: 'numbered', startDate: '2026-03-09', numberOfOccurrences: 6 },
      },
    },
  });
  return body;
}

const datesOf = async (id: string) => {
  const range = 'start=2026-03-01T00:00:00Z&end=2026-06-01T00:00:00Z';
  const { body } = await api.call<{ items: Shown[] }>('GET', `/calendar/events/${id}/instances?${range}`);
  return body.items.map((occurrence) => occurrence.id.slice(-10));
};

describe('scope=following over HTTP', () => {
  it('divides a series once, however often the same request comes, and answers with the new one and its tag', async () => {
    const series = await aSeries();
    const url = `/calendar/events/${series.id}_2026-03-23?scope=following`;
    const request = {
      body: { subject: 'Changed' },
      headers: { 'if-match': series.etag, 'idempotency-key': 'divide' },
    };
    const first = await api.call<Shown>('PATCH', url, request);
    expect(first).toMatchObject({ status: 200, body: { subject: 'Changed', type: 'seriesMaster' } });
    expect(first.headers['etag']).toBe(first.body.etag);
    const again = await api.call<Shown>('PATCH', url, request);
    expect(again).toMatchObject({ status: 200, body: { id: first.body.id } });
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(await datesOf(series.id)).toEqual(['2026-03-09', '2026-03-16']);
    expect(await datesOf(first.body.id)).toEqual(['2026-03-23', '2026-03-30', '2026-04-06', '2026-04-13']);
    const { 'idempotency-key': _key, ...onlyTag } = request.headers;
    const stale = await api.call('PATCH', `/calendar/events/${series.id}_2026-03-16?scope=following`, {
      body: { subject: 'Again' },
      headers: onlyTag,
    });
    expect(stale.status).toBe(412);
  });

  it('deletes what follows, and changes this one only unless it is asked to', async () => {
    const series = await aSeries();
    const change = { body: { subject: 'Once' } };
    expect((await api.call('PATCH', `/calendar/events/${series.id}_2026-03-16?scope=this`, change)).status).toBe(200);
    expect(await datesOf(series.id)).toHaveLength(6);
    expect((await api.call('DELETE', `/calendar/events/${series.id}_2026-03-23?scope=following`)).status).toBe(204);
    expect(await datesOf(series.id)).toEqual(['2026-03-09', '2026-03-16']);
    expect((await api.call('DELETE', `/calendar/events/${series.id}_2026-03-16`)).status).toBe(204);
    expect(await datesOf(series.id)).toEqual(['2026-03-09']);
  });

  it('is refused where it makes no sense, and hides what is not one’s own', async () => {
    const series = await aSeries();
    const change = { body: { subject: 'No' } };
    const at = (id: string, scope: string) => `/calendar/events/${id}?scope=${scope}`;
    expect((await api.call('PATCH', at(series.id, 'following'), change)).status).toBe(422);
    expect((await api.call('DELETE', at(series.id, 'following'))).status).toBe(422);
    expect((await api.call('PATCH', at(`${series.id}_2026-03-16`, 'all'), change)).status).toBe(400);
    for (const as of [STRANGER]) {
      expect((await api.call('PATCH', at(`${series.id}_2026-03-16`, 'following'), { ...change, as })).status).toBe(404);
      expect((await api.call('DELETE', at(`${series.id}_2026-03-16`, 'following'), { as })).status).toBe(404);
    }
    expect(await datesOf(series.id)).toHaveLength(6);
  });
});
