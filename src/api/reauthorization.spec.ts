import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ApiWorld, OPEN_PATIENCE_MS, OPERATOR } from '../../test/support/api-world.ts';
import { SignInVisits } from '../../test/support/sign-in-visits.ts';
import { MAILBOX, USER } from '../../test/support/sync-world.ts';
import type { JobId } from '../core/ids.ts';
import { ConnectionRepository } from '../store/connection.repository.ts';
import { ContentCipher, KeyRing } from '../store/encryption.ts';
import { systemRandom } from '../system-runtime.ts';

const DAY_MS = 24 * 60 * 60_000;
const HOUR_MS = 60 * 60_000;
const MEETING = {
  subject: 'Written meanwhile',
  start: { dateTime: '2026-03-11T09:00:00', timeZone: 'UTC' },
  end: { dateTime: '2026-03-11T10:00:00', timeZone: 'UTC' },
};

let api: ApiWorld;
let visits: SignInVisits;
beforeAll(async () => {
  api = await ApiWorld.open({ switches: { autoConsent: true } });
  visits = new SignInVisits(api);
}, OPEN_PATIENCE_MS);
afterAll(async () => {
  await api?.close();
});
beforeEach(async () => {
  const { identity } = api.sync.simulator;
  identity.clearFailures();
  identity.forgetClaims(MAILBOX);
  await visits.signIn();
  await api.sync.dropQueuedRuns();
  await sql`truncate "AuditEntry"`.execute(api.sync.db.kysely);
  api.sync.simulator.clearLog();
});

const tokenForms = () =>
  api.sync.simulator.requests
    .filter(({ path }) => path.endsWith('/token'))
    .map(({ body }) => new URLSearchParams(String(body)));

async function startedRun(): Promise<JobId> {
  const { body } = await api.call<{ jobId: JobId }>('POST', '/calendar/sync/start', { body: {} });
  return body.jobId;
}

const carryOut = async (jobId: JobId) => api.sync.carryOut(jobId);

async function noted(): Promise<{ action: string; subject: string }[]> {
  const { rows } = await sql<{ action: string; subject: string }>`
    select action, subject from "AuditEntry" where action = 'connection.reauth_required'
  `.execute(api.sync.db.kysely);
  return rows;
}

const graphHealth = async () =>
  (await api.call<{ checks: { graph: { status: string } } }>('GET', '/calendar/sync/health', { as: null })).body.checks
    .graph.status;

const waitingRuns = async () =>
  (await api.sync.runs.list(api.sync.db, { userId: USER, status: 'PENDING', limit: 100, offset: 0 })).items;

describe('a mailbox whose person has to sign in again', () => {
  it('is left alone, says so at every door, and is noted once', async () => {
    const [first, second] = [await startedRun(), await api.sync.enqueue({ forceFull: true })];
    api.sync.simulator.identity.revokeSessions(MAILBOX);
    expect(await carryOut(first)).toMatchObject({ status: 'FAILED', errorCode: 'UNAUTHENTICATED' });
    expect(await visits.connection()).toMatchObject({ status: 'REAUTH_REQUIRED' });
    api.sync.simulator.clearLog();
    // What was queued before asks Microsoft nothing any more.
    expect(await carryOut(second)).toMatchObject({ status: 'FAILED', errorCode: 'REAUTH_REQUIRED' });
    for (const url of ['/calendar/sync/start', '/calendar/sync/preview', '/calendar/calendars/refresh']) {
      const answer = await api.call('POST', url, url.endsWith('refresh') ? {} : { body: {} });
      expect([url, answer.status, answer.body['code']]).toEqual([url, 409, 'REAUTH_REQUIRED']);
      expect(answer.body['detail']).toContain('/calendar/connection/authorize');
    }
    const calendars = await api.sync.calendars.listDue(api.sync.db, api.sync.clock.now(), 10);
    expect(calendars).toEqual([]);
    expect(api.sync.simulator.requests).toEqual([]);
    expect(await noted()).toEqual([{ action: 'connection.reauth_required', subject: USER }]);
  });

  it.each(['preview', 'refresh'] as const)('is found out by a %s as well', async (how) => {
    api.sync.simulator.identity.revokeSessions(MAILBOX);
    const url = how === 'preview' ? '/calendar/sync/preview' : '/calendar/calendars/refresh';
    const answer = await api.call('POST', url, how === 'preview' ? { body: {} } : {});
    expect([answer.status, answer.body['code']]).toEqual([409, 'REAUTH_REQUIRED']);
    expect(await visits.connection()).toMatchObject({ status: 'REAUTH_REQUIRED' });
    expect(await noted()).toHaveLength(1);
  });

  it('goes on by itself when they have: everything that waited, in every calendar', async () => {
    const jobId = await startedRun();
    api.sync.simulator.identity.revokeSessions(MAILBOX);
    await carryOut(jobId);
    const written = await api.call('POST', '/calendar/events', { body: MEETING });
    expect(await waitingRuns()).toEqual([]);
    await visits.signIn();
    expect(await visits.connection()).toMatchObject({ status: 'CONNECTED', error: null });
    const waiting = await waitingRuns();
    expect(waiting.map(({ calendarId }) => calendarId).sort()).toEqual(['all', 'default']);
    expect(await api.sync.calendars.listDue(api.sync.db, api.sync.clock.now(), 10)).not.toEqual([]);
    for (const run of waiting) expect(await carryOut(run.id)).toMatchObject({ status: 'COMPLETED' });
    const event = await api.call('GET', `/calendar/events/${written.body['id']}`);
    expect(event.body['syncState']).toBe('synced');
    expect(await noted()).toHaveLength(1);
  });

  it('is asked for what a policy wants to see met', async () => {
    const jobId = await startedRun();
    api.sync.simulator.identity.failTokens({ name: 'conditional-access', user: MAILBOX });
    await carryOut(jobId);
    expect(await visits.connection()).toMatchObject({ status: 'REAUTH_REQUIRED' });
    const { url, cookie } = await visits.begin();
    const claims = JSON.parse(url.searchParams.get('claims') ?? '{}') as { access_token?: Record<string, unknown> };
    expect(Object.keys(claims.access_token ?? {}).sort()).toEqual(['capolids', 'xms_cc']);
    expect((await visits.comeBack(await visits.visitMicrosoft(url), cookie)).body).toContain('is connected');
    // It has been met: the next sign-in is an ordinary one.
    expect((await visits.begin()).url.searchParams.get('claims')).not.toContain('capolids');
  });

  it('is not blamed for tokens that are not kept any more', async () => {
    const jobId = await startedRun();
    const cipher = new ContentCipher(KeyRing.parse(`test:${Buffer.alloc(32, 7).toString('base64')}`), systemRandom);
    const connections = new ConnectionRepository(cipher);
    const connection = await connections.find(api.sync.db, USER);
    const blame = { message: 'x', tokenVersion: 0 };
    expect(await api.sync.db.transaction((tx) => connections.markReauthRequired(tx, connection!, blame))).toBe(false);
    const other = { userId: USER, accountId: 'somebody.else' };
    expect(await api.sync.db.transaction((tx) => connections.markReauthRequired(tx, other, { message: 'x' }))).toBe(
      false,
    );
    expect(await carryOut(jobId)).toMatchObject({ status: 'COMPLETED' });
  });
});

describe('the application itself, refused by Microsoft', () => {
  it('is the operator’s alarm: nobody has to sign in again, and it ends by itself', async () => {
    const { identity, clients } = api.sync.simulator;
    const secret = clients[0]!.clientSecret;
    const jobId = await startedRun();
    identity.expireSecret();
    await carryOut(jobId);
    expect(await visits.connection()).toMatchObject({ status: 'ERROR' });
    expect(await graphHealth()).toBe('degraded');
    const metrics = await api.call<string>('GET', '/metrics', { as: OPERATOR });
    expect(metrics.body).toMatch(/^calendar_sync_application_refused 1$/m);
    expect(await noted()).toEqual([]);
    identity.rotateSecret(undefined, { secret });
    expect(await carryOut(await startedRun())).toMatchObject({ status: 'COMPLETED' });
    expect(await visits.connection()).toMatchObject({ status: 'CONNECTED' });
    expect(await graphHealth()).toBe('ok');
  });
});

describe('a challenge in the middle of things (continuous access evaluation)', () => {
  it.each(['delegated', 'application'] as const)('is answered without anybody noticing: %s', async (mode) => {
    if (mode === 'application') {
      await api.call('PUT', '/calendar/connection', { body: { mode, mailbox: MAILBOX } });
      await api.sync.dropQueuedRuns();
    }
    await carryOut(await startedRun());
    const { identity, clients } = api.sync.simulator;
    const written = await api.call('POST', '/calendar/events', { body: MEETING });
    api.sync.simulator.clearLog();
    identity.requireClaims(mode === 'application' ? clients[0]!.clientId : MAILBOX);
    expect(await carryOut(await startedRun())).toMatchObject({ status: 'COMPLETED' });
    const forms = tokenForms();
    expect(forms).toHaveLength(1);
    expect(forms[0]?.get('grant_type')).toBe(mode === 'application' ? 'client_credentials' : 'refresh_token');
    expect(forms[0]?.get('claims')).toContain('nbf');
    expect((await api.call('GET', `/calendar/events/${written.body['id']}`)).body['syncState']).toBe('synced');
    expect(await visits.connection()).toMatchObject({ status: 'CONNECTED' });
    expect(await noted()).toEqual([]);
    if (mode === 'application') identity.forgetClaims(clients[0]!.clientId);
  });

  it('that only the person can answer waits for them', async () => {
    await carryOut(await startedRun());
    const { identity } = api.sync.simulator;
    identity.requireClaims(MAILBOX);
    identity.failTokens({ name: 'mfa-required', user: MAILBOX, error: 'interaction_required' });
    await carryOut(await startedRun());
    expect(await visits.connection()).toMatchObject({ status: 'REAUTH_REQUIRED' });
    expect((await visits.begin()).url.searchParams.get('claims')).toContain('capolids');
  });
});

describe('a sign-in that nobody uses', () => {
  const tick = () => api.sync.services.signInKeeper.tick();

  it('is used once a week, background syncs or not, by one process', async () => {
    api.sync.clock.advance(4 * DAY_MS);
    expect(await tick()).toBe(0);
    let used = 0;
    let longestMs = 0;
    let lastMs = api.sync.clock.now().getTime() - 4 * DAY_MS;
    for (let hour = 0; hour < 30 * 24; hour += 6) {
      api.sync.clock.advance(6 * HOUR_MS);
      const [one, two] = await Promise.all([tick(), tick()]);
      if (one + two === 0) continue;
      expect(one + two).toBe(1);
      used += 1;
      longestMs = Math.max(longestMs, api.sync.clock.now().getTime() - lastMs);
      lastMs = api.sync.clock.now().getTime();
    }
    expect(used).toBeGreaterThanOrEqual(4);
    expect(longestMs).toBeLessThan(7 * DAY_MS);
    expect(tokenForms()).toHaveLength(used);
  });

  it('turns out to be dead: the person is asked, once', async () => {
    api.sync.simulator.identity.revokeSessions(MAILBOX);
    api.sync.clock.advance(6.5 * DAY_MS);
    expect(await tick()).toBe(0);
    expect(await visits.connection()).toMatchObject({ status: 'REAUTH_REQUIRED' });
    api.sync.clock.advance(2 * HOUR_MS);
    await tick();
    expect(tokenForms()).toHaveLength(1);
    expect(await noted()).toHaveLength(1);
  });

  it('is tried again an hour later when Microsoft does not answer', async () => {
    api.sync.clock.advance(6.5 * DAY_MS);
    api.sync.simulator.failNext({ path: '/token', status: 503 });
    expect(await tick()).toBe(0);
    expect(await tick()).toBe(0);
    expect(await visits.connection()).toMatchObject({ status: 'CONNECTED' });
    // By then it is due for certain, whatever the spread.
    api.sync.clock.advance(DAY_MS + HOUR_MS);
    expect(await tick()).toBe(1);
  });

  it('is nobody’s fault when the application is refused', async () => {
    const { identity, clients } = api.sync.simulator;
    const secret = clients[0]!.clientSecret;
    api.sync.clock.advance(6.5 * DAY_MS);
    identity.expireSecret();
    expect(await tick()).toBe(0);
    expect(await visits.connection()).toMatchObject({ status: 'CONNECTED', error: null });
    expect(await graphHealth()).toBe('degraded');
    identity.rotateSecret(undefined, { secret });
    api.sync.clock.advance(DAY_MS + HOUR_MS);
    expect(await tick()).toBe(1);
    expect(await graphHealth()).toBe('ok');
  });
});
