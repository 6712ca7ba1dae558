import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RecordingServer } from '../../test/support/recording-server.ts';

let server: RecordingServer;
beforeAll(async () => {
  server = await RecordingServer.open();
});
afterAll(async () => {
  await server?.close();
});
beforeEach(() => {
  server.received.length = 0;
});

const send: RecordingServer['send'] = (...request) => server.send(...request);

const JSON_TYPE = { 'content-type': 'application/json' };
const at = (dateTime: string) => ({ dateTime, timeZone: 'UTC' });
const TIMES = { start: at('2026-03-09T09:00:00'), end: at('2026-03-09T10:00:00') };

describe('what is no JSON, or not of the kind', () => {
  it.each<[what: string, body: string | Buffer, detail: RegExp]>([
    ['half an object', '{"direction": "pull"', /is not JSON/],
    ['words', 'pull, please', /is not JSON/],
    ['a slip, with its place', '{\n  "a": 1,\n  b\n}', /is not JSON \(line 3 column 3\)/],
    ['another encoding', Buffer.from('{"calendarId":"caf\xe9"}', 'latin1'), /not UTF-8/],
    ['a prototype', '{"__proto__": {"isAdmin": true}}', /not allowed/],
    ['a constructor', '{"constructor": {"prototype": {"x": 1}}}', /not allowed/],
  ])('%s', async (_what, body, detail) => {
    const { status, problem } = await send('POST', '/calendar/sync/start', body, JSON_TYPE);
    expect([status, problem.code]).toEqual([400, 'INVALID_JSON']);
    expect(problem.detail).toMatch(detail);
    expect(problem.detail).not.toContain('please');
    expect(server.received).toEqual([]);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'nonsense', 'text/calendar'])(
    'refuses %s where JSON belongs',
    async (contentType) => {
      const { status, problem } = await send('POST', '/calendar/events', 'x', { 'content-type': contentType });
      expect([status, problem.code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    },
  );

  it('refuses JSON where an iCalendar file belongs', async () => {
    expect((await send('POST', '/calendar/events/import', {})).status).toBe(415);
    expect((await send('POST', '/calendar/events/import')).status).toBe(400);
    const nul = await send('POST', '/calendar/events/import', 'BEGIN\0', { 'content-type': 'text/calendar' });
    expect([nul.status, nul.problem.code]).toEqual([400, 'INVALID_ICALENDAR']);
    expect(server.received).toEqual([]);
  });

  it('takes JSON with a charset, and an empty body as none', async () => {
    const type = { 'content-type': 'application/json; charset=utf-8' };
    expect((await send('POST', '/calendar/sync/start', '{"direction":"pull"}', type)).status).toBe(202);
    expect((await send('POST', '/calendar/sync/start', '', JSON_TYPE)).status).toBe(202);
    expect((await send('POST', '/calendar/sync/start')).status).toBe(202);
    expect(server.received.map((input) => input[1])).toEqual([{ direction: 'pull' }, {}, {}]);
  });

  it('takes a large file, and nothing larger', async () => {
    const type = { 'content-type': 'text/calendar' };
    expect((await send('POST', '/calendar/events/import', 'x'.repeat(15 * 1024 * 1024), type)).status).toBe(200);
    const file = await send('POST', '/calendar/events/import', 'x'.repeat(16 * 1024 * 1024 + 1), type);
    expect([file.status, file.problem.code]).toEqual([413, 'BODY_TOO_LARGE']);
    const body = await send('POST', '/calendar/events', `"${'x'.repeat(4 * 1024 * 1024)}"`, JSON_TYPE);
    expect([body.status, body.problem.code]).toEqual([413, 'BODY_TOO_LARGE']);
  });

  it('refuses a key for repetition that no header should hold', async () => {
    const long = await send('POST', '/calendar/events', TIMES, { 'idempotency-key': 'k'.repeat(256) });
    expect(long.problem.errors).toMatchObject([{ path: 'idempotency-key' }]);
    const blank = await send('POST', '/calendar/events', TIMES, { 'idempotency-key': '' });
    expect(blank.status).toBe(400);
    expect(server.received).toEqual([]);
  });
});
