import type { Traveller } from '../traveller.ts';
import { NOW, WINDOW } from '../traveller.ts';
import { anEvent } from './bodies.ts';

export async function tourBatch(t: Traveller, root: string): Promise<void> {
  const json = { 'Content-Type': 'application/json' };
  await t.post('/$batch', {
    requests: [
      { id: '1', method: 'POST', url: `${root}/events`, headers: json, body: anEvent() },
      { id: '2', method: 'GET', url: `${root}/events?$top=1`, dependsOn: ['1'] },
      { id: '3', method: 'GET', url: `${root}/events/nonsense`, dependsOn: ['2'] },
      { id: '4', method: 'GET', url: `${root}/calendars`, dependsOn: ['3'] },
    ],
  });
  await t.post('/$batch', {
    requests: [
      { id: 'a', method: 'GET', url: `${root}/calendarView?${WINDOW}` },
      { id: 'b', method: 'GET', url: `${root}/calendar` },
      { id: 'c', method: 'DELETE', url: `${root}/events/nonsense` },
    ],
  });
  await t.post('/$batch', {
    requests: [
      { id: '1', method: 'GET', url: `${root}/calendar` },
      { id: '1', method: 'GET', url: root },
    ],
  });
  await t.post('/$batch', {
    requests: Array.from({ length: 21 }, (_, id) => ({ id: `${id}`, method: 'GET', url: root })),
  });
  await t.get('/$batch');
}

export async function tourStrangers(t: Traveller, root: string): Promise<void> {
  await t.get(`${root}/calendar`, { authorization: '' });
  await t.get(`${root}/calendar`, { authorization: 'Bearer nonsense' });
  await t.get('/users/nobody@example.com/calendar');
  await t.get('/users/nobody@example.com');
  await t.get(`${root}/drive`);
}

/** Bad weather is in Graph's words as well. */
export async function tourWeather(t: Traveller, root: string): Promise<void> {
  for (const status of [429, 500, 502, 503, 504]) {
    t.sim.failNext({ status });
    await t.get(`${root}/calendar`);
  }
  const { deltaLink } = await t.pages(`${root}/calendarView/delta?${WINDOW}`);
  t.sim.expireDeltaTokens();
  await t.get(deltaLink);
}

export async function tourSubscriptions(t: Traveller, root: string): Promise<void> {
  const resource = `${root}/events`;
  const notificationUrl = 'https://hooks.example.com/graph';
  const expirationDateTime = new Date(Date.parse(NOW) + 3 * 86_400_000).toISOString();
  const wanted = {
    changeType: 'created,updated,deleted',
    resource,
    notificationUrl,
    expirationDateTime,
    clientState: 'k3y',
  };
  const made = await t.post('/subscriptions', wanted);
  const id = made.body?.id ?? 'none';
  await t.post('/subscriptions', wanted);
  await t.post('/subscriptions', { ...wanted, resource: '/drive/root' });
  await t.post('/subscriptions', { ...wanted, expirationDateTime: '2027-03-02T08:00:00Z' });
  await t.get('/subscriptions');
  await t.get(`/subscriptions/${id}`);
  await t.patch(`/subscriptions/${id}`, {
    expirationDateTime: new Date(Date.parse(NOW) + 4 * 86_400_000).toISOString(),
  });
  await t.post(`/subscriptions/${id}/reauthorize`);
  await t.post('/subscriptions', { ...wanted, includeResourceData: true });
  const { body: event } = await t.post(`${root}/events`, anEvent({ subject: 'Tell me' }));
  await t.sim.advance(5_000);
  await t.delete(`${root}/events/${event.id}`);
  await t.sim.advance(5_000);
  await t.delete(`/subscriptions/${id}`);
  await t.get(`/subscriptions/${id}`);
}
