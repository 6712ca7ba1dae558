import { describe, expect, it } from 'vitest';
import { steering } from '../../../test/support/control-client.ts';
import { ADDRESS, anEvent, at, simulate } from '../../../test/support/simulator-client.ts';

const MINE = `/mailboxes/${ADDRESS}`;
const GRACE = '/mailboxes/grace@example.com';
const ICS = [
  ...['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//x//x//EN', 'BEGIN:VEVENT', 'UID:1', 'DTSTAMP:20260301T000000Z'],
  ...['DTSTART:20260304T090000Z', 'DTEND:20260304T100000Z', 'SUMMARY:From a file', 'END:VEVENT', 'END:VCALENDAR', ''],
].join('\r\n');

describe('wrong input', () => {
  const event = `${MINE}/events`;
  it.each<[method: string, path: string, body: unknown, status: number, code: string, detail: RegExp]>([
    ['GET', '/nonsense', undefined, 404, 'no-such-path', /GET \/simulator lists/],
    ['GET', '/%E0%A4%A', undefined, 404, 'no-such-path', /percent-encoding/],
    ['DELETE', '/clock', undefined, 405, 'wrong-method', /takes GET, POST, not DELETE/],
    ['GET', '/mailboxes/bob@example.com', undefined, 404, 'no-such-mailbox', /There are: ada@example.com; POST/],
    ['POST', '/mailboxes', undefined, 400, 'invalid-input', /body: is required/],
    ['POST', '/mailboxes', 'x', 400, 'invalid-input', /no valid JSON/],
    ['POST', '/mailboxes', {}, 400, 'invalid-input', /address: is required/],
    ['POST', '/mailboxes', { address: 'bob' }, 400, 'invalid-input', /address: .*grace@example.com/],
    [
      'POST',
      '/mailboxes',
      { address: 'b@x.test', colour: 1 },
      400,
      'invalid-input',
      /colour: is not known here; known: address/,
    ],
    ['POST', '/mailboxes', { address: 'b@x.test', timeZone: 'Mars' }, 400, 'invalid-input', /timeZone: 'Mars' is no/],
    ['POST', '/mailboxes', { address: ADDRESS.toUpperCase() }, 409, 'mailbox-exists', /already/],
    ['POST', '/mailboxes', { address: 'b@x.test', furnish: {} }, 400, 'invalid-input', /furnish/],
    [
      'POST',
      '/mailboxes',
      { address: 'b@x.test', furnish: { events: 'many' } },
      400,
      'invalid-input',
      /furnish.events: must be integer/,
    ],
    [
      'POST',
      '/mailboxes',
      { address: 'b@x.test', furnish: { seed: 1 } },
      400,
      'invalid-input',
      /one of sample, events and ics/,
    ],
    [
      'POST',
      '/mailboxes',
      { address: 'b@x.test', name: 'B', furnish: { events: 1 } },
      400,
      'invalid-input',
      /name: is part of the furniture/,
    ],
    [
      'POST',
      '/mailboxes',
      { address: 'b@x.test', furnish: { events: 1, shape: { organised: 2 } } },
      400,
      'invalid-input',
      /organised must be a share/,
    ],
    [
      'POST',
      '/mailboxes',
      { address: 'b@x.test', furnish: { events: 1, shape: { size: 2 } } },
      400,
      'invalid-input',
      /shape.size: is not known here; known: spreadDays/,
    ],
    [
      'POST',
      '/mailboxes',
      { address: 'b@x.test', furnish: { sample: true, seed: 2 } },
      400,
      'invalid-input',
      /belong to events/,
    ],
    [
      'POST',
      '/mailboxes',
      { address: 'b@x.test', furnish: { ics: 'nonsense' } },
      400,
      'invalid-input',
      /no iCalendar file/,
    ],
    ['POST', `${MINE}/calendars`, { name: 'calendar' }, 409, 'ErrorFolderExists', /already exists/],
    ['GET', `${MINE}/calendars/Work`, undefined, 404, 'no-such-calendar', /By name there are: Calendar/],
    ['DELETE', `${MINE}/calendars/default`, undefined, 403, 'ErrorAccessDenied', /denied/],
    ['GET', `${event}?colour=red`, undefined, 400, 'invalid-input', /known: calendar, subject/],
    ['GET', `${event}?idForm=short`, undefined, 400, 'invalid-input', /immutable or default/],
    ['GET', `${event}?bodyText=yes`, undefined, 400, 'invalid-input', /bodyText: must be true or false/],
    ['POST', event, [], 400, 'invalid-input', /body: must be object/],
    ['POST', event, { subject: 'No times' }, 400, 'ErrorPropertyValidationFailure', /validation/],
    ['POST', event, anEvent({ subjekt: 'x' }), 400, 'RequestBodyRead', /subjekt/],
    ['GET', `${event}/nonsense`, undefined, 400, 'ErrorInvalidIdMalformed', /malformed/],
    [
      'POST',
      `${event}/nonsense/respond`,
      { response: 'maybe' },
      400,
      'invalid-input',
      /one of accept, tentativelyAccept, decline/,
    ],
    ['POST', `${event}/nonsense/move`, {}, 400, 'invalid-input', /calendar: is required/],
    ['POST', `${event}/nonsense/reschedule`, { start: at('x') }, 400, 'invalid-input', /end: is required/],
    ['DELETE', `${event}/nonsense/occurrences/monday`, undefined, 400, 'invalid-input', /yyyy-MM-dd, not 'monday'/],
    [
      'GET',
      `${event}/nonsense/occurrences?start=soon`,
      undefined,
      400,
      'invalid-input',
      /start: must be an ISO 8601 instant/,
    ],
    ['POST', `${MINE}/foreign-meetings`, anEvent(), 400, 'invalid-input', /organizer: is required/],
    ['PATCH', '/switches', { ifmatch: 'ignore' }, 400, 'invalid-input', /no switch ifmatch; there is ifMatch/],
    [
      'PATCH',
      '/switches',
      { ifMatch: 'maybe', faultRate: 2 },
      400,
      'invalid-input',
      /ifMatch: must be one of enforce, ignore \(and 1 more\)/,
    ],
    ['PATCH', '/switches', { secondDelete: 410 }, 400, 'invalid-input', /one of 404, 400/],
    ['PATCH', '/switches', { spontaneousTouch: 1 }, 400, 'invalid-input', /true or false/],
    ['PATCH', '/switches', { latencyMs: -1 }, 400, 'invalid-input', /0 or more/],
    ['PATCH', '/switches', { faultKinds: { nonsense: 1 } }, 400, 'invalid-input', /weights by kind/],
    ['GET', '/switches/nonsense', undefined, 404, 'no-such-switch', /there are ifMatch/],
    ['POST', '/faults', {}, 400, 'invalid-input', /body/],
    ['POST', '/faults', { kind: 'explode' }, 400, 'invalid-input', /kind: must be one of status/],
    ['POST', '/faults', { path: '(' }, 400, 'invalid-input', /path must be a regular expression/],
    ['POST', '/faults', { status: 99 }, 400, 'invalid-input', /status/],
    ['DELETE', '/faults/7', undefined, 404, 'no-such-fault', /No fault 7 waits/],
    ['POST', '/clock', {}, 400, 'invalid-input', /body/],
    ['POST', '/clock', { advanceMs: 1, jumpMs: 1 }, 400, 'invalid-input', /one of advanceMs, jumpMs, to/],
    ['POST', '/clock', { advanceMs: -1 }, 400, 'invalid-input', /advanceMs/],
    ['POST', '/clock', { to: '2026-03-01T00:00:00Z' }, 400, 'invalid-input', /is past: it is 2026-03-02.*jumpMs/],
    ['POST', '/clock', { to: 'tomorrow' }, 400, 'invalid-input', /ISO 8601/],
    ['GET', '/requests?since=yesterday', undefined, 400, 'invalid-input', /since/],
    ['GET', '/requests?limit=all', undefined, 400, 'invalid-input', /whole number/],
    ['PUT', '/snapshot', { format: 1 }, 400, 'invalid-input', /secret: is required/],
    ['PUT', `${MINE}/snapshot`, { format: 1, mailbox: {} }, 400, 'invalid-input', /mailbox.state: is required/],
    [
      'POST',
      `${MINE}/calendars/default/share`,
      { with: 'b@x.test', role: 'boss' },
      400,
      'invalid-input',
      /one of none/,
    ],
    ['PATCH', `${MINE}/misfortunes`, { unreachable: 'lost' }, 400, 'invalid-input', /unreachable: must be one of/],
    ['PATCH', `${MINE}/misfortunes`, { rain: true }, 400, 'invalid-input', /known: unreachable/],
    ['POST', `${MINE}/restore-from-backup`, { snapshot: {} }, 400, 'invalid-input', /snapshot has no mailbox/],
    ['POST', `${event}/nonsense/corrupt`, { oddity: 'odd' }, 400, 'invalid-input', /one of custom-zone/],
    ['POST', '/subscriptions/none/vanish', undefined, 404, 'no-such-subscription', /GET \/simulator\/subscriptions/],
    ['POST', '/identity/access-token', { user: ADDRESS }, 400, 'invalid-input', /give both or neither/],
    ['POST', '/identity/access-token', { client: 'none' }, 400, 'invalid-input', /no application none/],
    ['POST', '/identity/users/bob@example.com/disable', undefined, 404, 'no-such-mailbox', /bob/],
    ['POST', '/identity/rotate-secret', { client: 'none' }, 400, 'invalid-input', /no application none/],
    ['POST', '/identity/failures', { name: 'bad-day' }, 400, 'invalid-input', /bad-day is no refusal/],
    ['GET', '/identity/consents', undefined, 400, 'invalid-input', /user: is required/],
    ['POST', '/expire-delta-tokens', { mailbox: 'bob@example.com' }, 404, 'no-such-mailbox', /bob/],
  ])('%s %s %j', async (method, path, body, status, code, detail) => {
    const { sim } = simulate();
    const answer = await steering(sim)(method, path, body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.body.detail).toMatch(detail);
    expect(answer.body).toMatchObject({ status, instance: expect.stringMatching(/^\/simulator\//) });
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  });

  it('names what of a calendar file could not be kept', async () => {
    const { sim } = simulate();
    const wanted = { address: 'b@example.com', furnish: { ics: ICS.replace('20260304T090000Z', 'nonsense') } };
    const { status, body } = await steering(sim)('POST', '/mailboxes', wanted);
    expect([status, body.events]).toEqual([201, 0]);
    expect(body.refused).toMatchObject([{ reason: expect.any(String) }]);
  });

  it('leaves every switch as it was when one value is wrong', async () => {
    const { sim } = simulate();
    await steering(sim)('PATCH', '/switches', { maxTop: 7, ifMatch: 'maybe' });
    expect(sim.switches.maxTop).toBe(1000);
  });

  it('names every wrong place', async () => {
    const { sim } = simulate();
    const { body } = await steering(sim)('PATCH', '/switches', { nonsense: 1, ifMatch: 'maybe' });
    expect(body.problems.map(({ at }: { at: string }) => at)).toEqual(['nonsense', 'ifMatch']);
  });

  it('takes JSON only', async () => {
    const { sim } = simulate();
    const answer = await steering(sim)('POST', '/mailboxes', 'address=x', { 'content-type': 'text/plain' });
    expect([answer.status, answer.body.code]).toEqual([415, 'not-json']);
  });

  it('puts no snapshot of one mailbox in the place of another', async () => {
    const { sim } = simulate();
    sim.addMailbox({ address: 'grace@example.com' });
    const steer = steering(sim);
    const hers = (await steer('GET', `${GRACE}/snapshot`)).body;
    expect((await steer('PUT', `${MINE}/snapshot`, hers)).body).toMatchObject({ status: 409, code: 'another-mailbox' });
    await steer('DELETE', GRACE);
    await steer('POST', '/mailboxes', { address: 'grace@example.com' });
    expect((await steer('PUT', `${GRACE}/snapshot`, hers)).body).toMatchObject({
      status: 409,
      detail: expect.stringContaining('DELETE it first'),
    });
  });
});
