import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiWorld, OPEN_PATIENCE_MS, STRANGER } from '../../test/support/api-world.ts';

let api: ApiWorld;

beforeAll(async () => {
  api = await ApiWorld.open();
}, OPEN_PATIENCE_MS);
afterAll(async () => {
  await api?.close();
});

const WRITTEN =
  '<p onclick="x()">Bring <b>samples</b></p><script>x()</script><img src="https://example.com/pixel.gif" alt="Logo">';
const SERIES = {
  subject: 'Standup',
  body: { contentType: 'html', content: WRITTEN },
  start: { dateTime: '2026-03-09T09:00:00', timeZone: 'Europe/Berlin' },
  end: { dateTime: '2026-03-09T09:30:00', timeZone: 'Europe/Berlin' },
  recurrence: { pattern: { type: 'daily', interval: 1 }, range: { type: 'noEnd', startDate: '2026-03-09' } },
};

describe('GET /calendar/events/{id}/body', () => {
  it('shows a body without what runs or reaches out, and leaves what is stored as it was written', async () => {
    const { body: event } = await api.call<{ id: string }>('POST', '/calendar/events', { body: SERIES });
    const url = `/calendar/events/${event.id}`;
    const blocked = { scripts: 2, embeds: 0, remoteImages: 1, otherImages: 0, links: 0 };
    expect(await api.call('GET', `${url}/body`)).toMatchObject({
      status: 200,
      body: {
        html: '<p>Bring <b>samples</b></p><img alt="Logo" />',
        text: 'Bring samples',
        isReduced: false,
        blocked,
      },
    });
    const withImages = await api.call('GET', `${url}/body?images=true`);
    expect(withImages.body).toMatchObject({
      html: expect.stringContaining('src="https://example.com/pixel.gif"'),
      blocked: { ...blocked, remoteImages: 0 },
    });
    expect((await api.call('GET', url)).body).toMatchObject({ body: { content: WRITTEN } });
    expect((await api.call('GET', `${url}_2026-03-11/body`)).body).toMatchObject({ text: 'Bring samples' });

    const text = { contentType: 'text', content: 'Only <today>' };
    await api.call('PATCH', `${url}_2026-03-11`, { body: { body: text } });
    expect((await api.call('GET', `${url}_2026-03-11/body`)).body).toMatchObject({
      html: '<div style="white-space: pre-wrap">Only &lt;today&gt;</div>',
      text: 'Only <today>',
    });
    expect((await api.call('GET', `${url}_2026-03-12/body`)).body).toMatchObject({ text: 'Bring samples' });
  });

  it('shows nobody else’s, and none that is not there', async () => {
    const { body: event } = await api.call<{ id: string }>('POST', '/calendar/events', { body: SERIES });
    const url = `/calendar/events/${event.id}`;
    expect(await api.call('GET', `${url}/body`, { as: STRANGER })).toMatchObject({ status: 404 });
    expect(await api.call('GET', `${url}_2026-03-08/body`)).toMatchObject({ status: 404 });
    await api.call('DELETE', `${url}_2026-03-10`);
    expect(await api.call('GET', `${url}_2026-03-10/body`)).toMatchObject({ status: 404 });
    expect(await api.call('GET', `${url}/body?images=perhaps`)).toMatchObject({ status: 400 });
  });

  it('answers an event without a body with nothing', async () => {
    const { body: _none, ...bare } = SERIES;
    const { body: event } = await api.call<{ id: string }>('POST', '/calendar/events', { body: bare });
    expect((await api.call('GET', `/calendar/events/${event.id}/body`)).body).toMatchObject({ html: '', text: '' });
  });
});
