import { describe, expect, it } from 'vitest';
import { type Clock, type Fetch, silentLogger } from './core/runtime.ts';
import { diagnose, type Finding } from './diagnosis.ts';

const NOW = new Date('2026-03-02T08:00:00Z');
const clock: Clock = { now: () => NOW, sleep: async () => {} };
const GRAPH = {
  GRAPH_CLIENT_ID: 'client',
  GRAPH_TENANT_ID: 'tenant',
  GRAPH_CLIENT_SECRET: 'secret',
  // Nobody is there, which is found out at once; the test of the database brings one.
  DATABASE_URL: 'postgres://u:p@127.0.0.1:9/x',
};

/** Graph as an anonymous caller meets it, its clock `offsetMs` ahead of ours. */
const graphAnswering =
  (offsetMs: number): Fetch =>
  async () =>
    new Response('', { status: 401, headers: { date: new Date(NOW.getTime() + offsetMs).toUTCString() } });

async function findings(o: {
  env?: Record<string, string>;
  fetch?: Fetch;
  acquireToken?: () => Promise<string>;
  certificateEnd?: () => Date;
}): Promise<Finding[]> {
  const found: Finding[] = [];
  const parts = { env: GRAPH, fetch: graphAnswering(0), acquireToken: async () => 'token', ...o };
  for await (const finding of diagnose({ ...parts, clock, logger: silentLogger })) found.push(finding);
  return found;
}

describe('diagnose', () => {
  it('finds everything well, clock included', async () => {
    const found = await findings({ env: { ...GRAPH, DATABASE_URL: 'pglite::memory:' } });
    expect(found.map(({ check, isOk }) => [check, isOk])).toEqual([
      ['configuration', true],
      ['database', true],
      ['graph token', true],
      ['graph', true],
      ['clock', true],
    ]);
  });

  it('stops at a wrong configuration: nothing after it would mean anything', async () => {
    expect(await findings({ env: { PORT: 'x' } })).toMatchObject([
      { check: 'configuration', isOk: false, message: expect.stringContaining('PORT'), whatToDo: expect.any(String) },
    ]);
  });

  it('says what to do about a refused token and still looks whether Graph is there', async () => {
    const refused = async () => Promise.reject(new Error('AADSTS7000215: invalid client secret'));
    const found = await findings({ acquireToken: refused });
    expect(found.find(({ check }) => check === 'graph token')).toMatchObject({
      isOk: false,
      message: expect.stringContaining('AADSTS7000215'),
      whatToDo: expect.stringContaining('GRAPH_CLIENT_ID'),
    });
    expect(found.find(({ check }) => check === 'graph')).toMatchObject({ isOk: true });
  });

  it('says which ways there are to connect a mailbox', async () => {
    const messageOf = async (env: Record<string, string>) =>
      (await findings({ env: { ...GRAPH, ...env } })).find(({ check }) => check === 'graph token');
    expect(await messageOf({})).toMatchObject({
      isOk: true,
      message: expect.stringMatching(/sign in.*application mode/),
    });
    expect(await messageOf({ GRAPH_TENANT_ID: 'organizations' })).toMatchObject({
      isOk: true,
      message: expect.stringContaining('needs one tenant'),
    });
  });

  it.each([
    [31, true, '31 more days'],
    [29, false, '29 more days'],
    [-1, false, 'expired'],
  ])('judges a certificate that holds for %i days', async (days, isOk, text) => {
    const { GRAPH_CLIENT_SECRET: _, ...env } = GRAPH;
    const found = await findings({
      env: { ...env, GRAPH_CLIENT_CERTIFICATE_PATH: '/run/secrets/graph.pem' },
      certificateEnd: () => new Date(NOW.getTime() + days * 24 * 60 * 60_000),
    });
    const certificate = found.find(({ check }) => check === 'certificate');
    expect(certificate).toMatchObject({ isOk, message: expect.stringContaining(text) });
    expect(certificate?.whatToDo !== undefined).toBe(!isOk);
  });

  it('says that Graph cannot be reached', async () => {
    const fetch: Fetch = async () => Promise.reject(new TypeError('fetch failed'));
    expect((await findings({ fetch })).at(-1)).toMatchObject({ check: 'graph', isOk: false });
  });

  it.each([
    [59_000, true, '59 s behind'],
    [-59_000, true, '59 s ahead of'],
    [61_000, false, '61 s behind'],
    [-3_600_000, false, '3600 s ahead of'],
  ])('judges a clock that Graph is %i ms ahead of', async (offsetMs, isOk, text) => {
    expect((await findings({ fetch: graphAnswering(offsetMs) })).at(-1)).toMatchObject({
      check: 'clock',
      isOk,
      message: expect.stringContaining(text),
    });
  });

  it('does not look for Graph where the simulator stands in', async () => {
    expect((await findings({ env: { DATABASE_URL: GRAPH.DATABASE_URL } })).at(-1)).toMatchObject({
      check: 'graph',
      isOk: true,
      message: expect.stringContaining('simulator'),
    });
  });

  it('says what is wrong with the database', async () => {
    const database = (await findings({})).find(({ check }) => check === 'database');
    expect(database).toMatchObject({ isOk: false, message: expect.stringContaining('127.0.0.1:9/x is not reachable') });
  });
});
