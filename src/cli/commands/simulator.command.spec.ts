import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../config.ts';
import { systemClock, systemRandom } from '../../system-runtime.ts';
import { runCommand } from '../main.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gcs-simulator-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Ready {
  readonly url: string;
  readonly mailbox: string;
  readonly events: number;
  readonly calendars: string[];
  readonly isResumed: boolean;
  readonly environment: Record<string, string>;
}

/** Runs the command until it is ready, hands over what it said, and ends it as Ctrl+C does. */
async function simulator(args: readonly string[], whenReady: (out: string) => Promise<void> | void = () => {}) {
  const interrupted = new AbortController();
  let out = '';
  let err = '';
  let visit: Promise<void> | undefined;
  const code = await runCommand(['simulator', ...args], {
    out: {
      write: (text: string) => {
        out += text;
        const isReady = text.includes('"ready":true') || text.includes('Ctrl+C');
        if (isReady) visit = Promise.resolve(whenReady(out)).finally(() => interrupted.abort());
      },
    },
    err: { write: (text: string) => (err += text) },
    env: {},
    clock: systemClock,
    random: systemRandom,
    interrupted: interrupted.signal,
    readInput: async () => '',
  });
  await visit;
  return { code, out, err };
}

async function ready(args: readonly string[]): Promise<Ready> {
  const { out, err } = await simulator([...args, '--port', '0', '--json']);
  expect(err).toBe('');
  return JSON.parse(out) as Ready;
}

describe('simulator', () => {
  it('furnishes with calendar files, and says what it left out', async () => {
    const lines = ['BEGIN:VCALENDAR', 'BEGIN:VEVENT', 'UID:1', 'DTSTART:20260302T090000Z', 'END:VEVENT'];
    const text = [...lines, 'BEGIN:VEVENT', 'UID:2', 'END:VEVENT', 'END:VCALENDAR', ''].join('\r\n');
    const file = join(folder, 'team.ics');
    writeFileSync(file, text);
    const refused = [{ uid: '2', reason: 'there is no DTSTART' }];
    expect(await ready(['--ics', file])).toMatchObject({ events: 1, ics: { loaded: 1, refused } });
    expect((await simulator(['--port', '0', '--ics', file])).out).toContain('left out   2: there is no DTSTART');
  });

  it('generates events of every kind', async () => {
    const { events, calendars } = await ready(['--events', '40', '--varied']);
    expect([events, calendars]).toEqual([40, ['Calendar', 'Calendar 2', 'Calendar 3']]);
  });

  it('says where it is and what to put into a service’s environment', async () => {
    const { code, out } = await simulator(['--port', '0', '--mailbox', 'grace@example.com']);
    expect(code).toBe(0);
    expect(out).toContain('grace@example.com');
    const lines = [...out.matchAll(/^export (\w+)=(.+)$/gm)].map(([, name, value]) => [name, value]);
    const { graph } = readConfig(Object.fromEntries(lines));
    expect(graph).toMatchObject({ kind: 'microsoft', baseUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) });
  });

  it('lets in whoever uses that environment, until it is ended', async () => {
    let tokenUrl = '';
    const { code } = await simulator(['--port', '0', '--json'], async (out) => {
      const { environment } = JSON.parse(out) as Ready;
      tokenUrl = `${environment['GRAPH_AUTHORITY_HOST']}/${environment['GRAPH_TENANT_ID']}/oauth2/v2.0/token`;
      const answer = await fetch(tokenUrl, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: environment['GRAPH_CLIENT_ID'] ?? '',
          client_secret: environment['GRAPH_CLIENT_SECRET'] ?? '',
          scope: `${environment['GRAPH_BASE_URL']}/.default`,
        }),
      });
      expect(answer.status).toBe(200);
    });
    expect(code).toBe(0);
    await expect(fetch(tokenUrl)).rejects.toThrow('fetch failed');
  });

  it('says where it is steered, and lets in who knows the key', async () => {
    const statuses: number[] = [];
    await simulator(['--port', '0', '--control-key', 'open sesame'], async (out) => {
      const controlUrl = /^ {2}control +(http:\S+\/simulator)$/m.exec(out)?.[1] ?? '';
      statuses.push((await fetch(controlUrl)).status);
      statuses.push((await fetch(controlUrl, { headers: { authorization: 'Bearer open sesame' } })).status);
    });
    expect(statuses).toEqual([401, 200]);
    expect(await ready(['--events', '0'])).toMatchObject({ controlUrl: expect.stringMatching(/\/simulator$/) });
  });

  it('furnishes as many events as it is told to', async () => {
    expect((await ready(['--events', '7'])).events).toBe(7);
  });

  it('goes on from the state it kept', async () => {
    const state = join(folder, 'new', 'graph.json');
    expect(await ready(['--events', '3', '--state', state])).toMatchObject({ events: 3, isResumed: false });
    expect(await ready(['--state', state])).toMatchObject({ events: 3, isResumed: true });
  });

  it.each([
    [['--port', '65536'], 'whole number from 0 to 65535'],
    [['--events', 'many'], 'whole number from 0'],
    [['--faults', '1.5'], 'a share from 0 to 1'],
    [['--faults', ''], 'a share from 0 to 1'],
    [['--mailbox', 'ada'], 'a mail address'],
    [['--seed', '-1'], 'whole number from 0'],
  ])('is told that it is used wrongly, with exit code 2: %j', async (args, message) => {
    const { code, err } = await simulator(args);
    expect(err).toContain(message);
    expect(code).toBe(2);
  });

  it('says that its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    try {
      expect(await simulator(['--port', String(port)])).toMatchObject({
        code: 1,
        err: `error: port ${port} of 127.0.0.1 is in use: stop the other program, or choose another --port\n`,
      });
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
  });

  it('does not begin anew over a state it cannot read', async () => {
    const state = join(folder, 'graph.json');
    writeFileSync(state, 'not a state');
    const { code, err } = await simulator(['--port', '0', '--state', state]);
    expect(code).toBe(1);
    expect(err).toContain(`the state in ${state} cannot be used`);
  });

  it('speaks HTTPS, and writes the certificate authority where the environment says', async () => {
    const caFile = join(folder, 'trust', 'ca.pem');
    let status = 0;
    const { code, out } = await simulator(['--port', '0', '--json', '--https', '--ca-file', caFile], async (text) => {
      const { url } = JSON.parse(text) as Ready;
      const agent = new Agent({ connect: { ca: readFileSync(caFile, 'utf8') } });
      status = (await request(`${url}/common/discovery/v2.0/keys`, { dispatcher: agent })).statusCode;
      await agent.close();
    });
    expect(code).toBe(0);
    const { url, environment } = JSON.parse(out) as Ready;
    expect(url).toMatch(/^https:/);
    expect(environment).toMatchObject({ GRAPH_AUTHORITY_HOST: url, NODE_EXTRA_CA_CERTS: caFile });
    expect(status).toBe(200);
  });

  it('signs people in without a page when it is told to', async () => {
    let location: string | null = null;
    await simulator(['--port', '0', '--json', '--auto-consent'], async (text) => {
      const { environment } = JSON.parse(text) as Ready;
      const query = new URLSearchParams({
        client_id: environment['GRAPH_CLIENT_ID']!,
        response_type: 'code',
        redirect_uri: 'http://localhost:1/signed-in',
        scope: 'Calendars.Read',
      });
      const url = `${environment['GRAPH_AUTHORITY_HOST']}/common/oauth2/v2.0/authorize?${query}`;
      location = (await fetch(url, { redirect: 'manual' })).headers.get('location');
    });
    expect(location).toMatch(/^http:\/\/localhost:1\/signed-in\?code=/);
  });

  it('says when the certificate authority cannot be written', async () => {
    const { code, err } = await simulator(['--port', '0', '--https', '--ca-file', folder]);
    expect(code).not.toBe(0);
    expect(err).toContain('--ca-file');
  });
});
