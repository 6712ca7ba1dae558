import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiWorld, OPEN_PATIENCE_MS, STRANGER } from '../../test/support/api-world.ts';
import { dispositionOf } from './download.ts';

const at = (dateTime: string) => ({ dateTime, timeZone: 'UTC' });
const VISIT = { subject: 'Visit', start: at('2026-03-09T09:00:00'), end: at('2026-03-09T09:30:00') };
const MB = 1024 * 1024;

let api: ApiWorld;
let event: string;
beforeAll(async () => {
  api = await ApiWorld.open();
  event = String((await api.call('POST', '/calendar/events', { body: VISIT })).body['id']);
}, OPEN_PATIENCE_MS);
afterAll(async () => {
  await api?.close();
});

const url = () => `/calendar/events/${event}/attachments`;
const file = (more: object = {}) => ({
  name: 'notes.txt',
  contentType: 'text/plain',
  contentBytes: Buffer.from('notes').toString('base64'),
  ...more,
});

describe('attachments over HTTP', () => {
  it('are added, listed, downloaded and deleted', async () => {
    const added = await api.call<{ id: string }>('POST', url(), { body: file() });
    expect(added.status).toBe(201);
    expect(added.body).toEqual({
      id: expect.any(String),
      ...{ name: 'notes.txt', contentType: 'text/plain', size: 5, isInline: false, contentId: null, kind: 'file' },
      ...{ isCarried: true, reason: null, syncState: 'pending', lastModifiedDateTime: expect.any(String) },
    });
    expect((await api.call('GET', url())).body).toEqual({ items: [added.body] });
    expect((await api.call('GET', `/calendar/events/${event}`)).body).toMatchObject({ hasAttachments: true });
    const content = await api.call('GET', `${url()}/${added.body.id}/content`);
    expect([content.status, content.body]).toEqual([200, 'notes']);
    expect((await api.call('DELETE', `${url()}/${added.body.id}`)).status).toBe(204);
    expect((await api.call('GET', url())).body).toEqual({ items: [] });
    expect((await api.call('GET', `/calendar/events/${event}`)).body).toMatchObject({ hasAttachments: false });
    expect((await api.call('DELETE', `${url()}/${added.body.id}`)).status).toBe(404);
  });

  it('come down as bytes that no browser runs', async () => {
    const page = file({ name: 'Über "uns"\u202e.html', contentType: 'text/html', contentBytes: 'PHNjcmlwdD4=' });
    const { body } = await api.call<{ id: string }>('POST', url(), { body: page });
    const { headers } = await api.call('GET', `${url()}/${body.id}/content`);
    expect(headers['content-type']).toBe('application/octet-stream');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['content-security-policy']).toBe("default-src 'none'; sandbox");
    expect(headers['content-disposition']).toBe(
      `attachment; filename="_ber _uns__.html"; filename*=UTF-8''%C3%9Cber%20%22uns%22_.html`,
    );
    expect(headers['cache-control']).toBe('private, no-store');
  });

  it('are refused with what is wrong', async () => {
    const refusals: [body: object, status: number, code: string, path: string][] = [
      [file({ contentBytes: 'not base64!' }), 400, 'INVALID_INPUT', 'contentBytes'],
      [file({ name: '' }), 400, 'INVALID_INPUT', 'name'],
      [file({ name: '   ' }), 422, 'IMPOSSIBLE_INPUT', 'name'],
      [file({ name: 'a\r\nb' }), 400, 'INVALID_INPUT', 'name'],
      [file({ contentType: 'text' }), 400, 'INVALID_INPUT', 'contentType'],
      [file({ size: 7 }), 400, 'INVALID_INPUT', 'size'],
      [
        file({ contentBytes: Buffer.alloc(3 * MB + 1).toString('base64') }),
        413,
        'ATTACHMENT_TOO_LARGE',
        'contentBytes',
      ],
    ];
    for (const [body, status, code, path] of refusals) {
      const answer = await api.call<{ code: string; errors: { path: string }[] }>('POST', url(), { body });
      expect([answer.status, answer.body.code, answer.body.errors?.[0]?.path]).toEqual([status, code, path]);
    }
    const huge = await api.call('POST', url(), { body: file({ contentBytes: 'A'.repeat(7 * MB) }) });
    expect(huge.status).toBe(413);
  });

  it('of just 3 MB are taken', async () => {
    const largest = file({ name: 'large.bin', contentBytes: Buffer.alloc(3 * MB, 1).toString('base64') });
    const { status, body } = await api.call('POST', url(), { body: largest });
    expect([status, body['size']]).toEqual([201, 3 * MB]);
    await api.runNow();
    const listed = await api.call<{ items: { name: string; syncState: string }[] }>('GET', url());
    expect(listed.body.items.find(({ name }) => name === 'large.bin')).toMatchObject({ syncState: 'synced' });
  });

  it('are nobody else’s', async () => {
    const { body } = await api.call<{ id: string }>('POST', url(), { body: file() });
    const other = await api.call<{ id: string }>('POST', '/calendar/events', { as: STRANGER, body: VISIT });
    for (const place of [url(), `/calendar/events/${other.body.id}/attachments`]) {
      const download = await api.call('GET', `${place}/${body.id}/content`, { as: STRANGER });
      expect(download.status).toBe(404);
      expect((await api.call('DELETE', `${place}/${body.id}`, { as: STRANGER })).status).toBe(404);
    }
    expect((await api.call('GET', url(), { as: STRANGER })).status).toBe(404);
    expect((await api.call('POST', url(), { as: STRANGER, body: file() })).status).toBe(404);
  });

  it('are a hundred of one event at most', async () => {
    const { body } = await api.call<{ id: string }>('POST', '/calendar/events', { body: VISIT });
    const place = `/calendar/events/${body.id}/attachments`;
    for (let n = 0; n < 100; n += 1) await api.call('POST', place, { body: file({ name: `${n}.txt` }) });
    const more = await api.call('POST', place, { body: file({ name: 'more.txt' }) });
    expect([more.status, more.body['detail']]).toEqual([422, 'an event has at most 100 attachments']);
  });
});

describe('the name of a download', () => {
  it.each([
    ['plan.pdf', `attachment; filename="plan.pdf"; filename*=UTF-8''plan.pdf`],
    ['a"\\b;.pdf', `attachment; filename="a__b;.pdf"; filename*=UTF-8''a%22%5Cb%3B.pdf`],
    ["it's (1).pdf", `attachment; filename="it's (1).pdf"; filename*=UTF-8''it%27s%20%281%29.pdf`],
    ['x\r\nset-cookie: a=b', `attachment; filename="x__set-cookie_ a=b"; filename*=UTF-8''x__set-cookie%3A%20a%3Db`],
    ['\ud800.txt', `attachment; filename="_.txt"; filename*=UTF-8''%EF%BF%BD.txt`],
  ])('%j is said so that nothing of it gets out', (name, header) => {
    expect(dispositionOf(name)).toBe(header);
  });
});
