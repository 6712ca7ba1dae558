import type { AddressInfo } from 'node:net';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN, ApiWorld, OPEN_PATIENCE_MS, OWNER, STRANGER, sign } from '../../test/support/api-world.ts';
import { USER } from '../../test/support/sync-world.ts';

interface Entry {
  readonly action: string;
  readonly actor: string | null;
  readonly subject: string | null;
  readonly target: string | null;
  readonly details: Record<string, unknown> | null;
}
interface Page {
  readonly items: Entry[];
  readonly nextCursor: string | null;
}

const at = (dateTime: string) => ({ dateTime, timeZone: 'UTC' });
const EVENT = { subject: 'Dentist', start: at('2026-03-09T09:00:00'), end: at('2026-03-09T09:30:00') };

let api: ApiWorld;
beforeAll(async () => {
  api = await ApiWorld.open();
}, OPEN_PATIENCE_MS);
afterAll(async () => {
  await api?.close();
});
beforeEach(async () => {
  await sql`truncate "AuditEntry"`.execute(api.sync.db.kysely);
});

async function log(query = ''): Promise<Page> {
  return (await api.call<Page>('GET', `/calendar/audit${query}`, { as: ADMIN })).body;
}

describe('the audit log', () => {
  it('tells what was changed, and never to what', async () => {
    await api.call('PUT', '/calendar/sync/settings', {
      body: { rules: [{ action: 'exclude', subjectContains: 'Secret' }] },
    });
    await api.call('PUT', '/calendar/sync/settings', { body: {} });
    await api.call('PATCH', '/calendar/calendars/default', { body: { enabled: true, direction: null } });
    const { items } = await log();
    expect(items).toMatchObject([
      { action: 'calendar.settings_changed', target: 'default', details: { settings: 'direction enabled' } },
      { action: 'settings.changed', actor: USER, subject: USER, details: { settings: 'rules' } },
    ]);
    expect(JSON.stringify(items)).not.toContain('Secret');
  });

  it('tells of decided conflicts', async () => {
    await api.call('PUT', '/calendar/sync/settings', { body: { rules: [], conflictResolution: 'manual' } });
    const { body } = await api.call<{ id: string }>('POST', '/calendar/events', { body: EVENT });
    await api.runNow();
    const contested = await api.sync.get(body.id as never);
    api.sync.mailbox.updateEvent(contested.graphEventId ?? '', { subject: 'there' });
    await api.sync.edit(contested.id, { subject: 'here' });
    await api.runNow();
    const id = String((await api.sync.pendingConflicts())[0]?.id);
    await api.call('PUT', `/calendar/sync/conflicts/${id}/resolve`, { body: { resolution: 'prefer_local' } });
    expect((await log('?action=conflict.resolved')).items).toMatchObject([
      { actor: USER, subject: USER, target: id, details: { resolution: 'PREFER_LOCAL' } },
    ]);
  });

  it('tells of runs that somebody else cancelled, and of no others', async () => {
    const start = async (day: string) => {
      const dateRange = { start: `2026-01-${day}T00:00:00Z`, end: '2026-03-01T00:00:00Z' };
      return (await api.call<{ jobId: string }>('POST', '/calendar/sync/start', { body: { dateRange } })).body.jobId;
    };
    await api.call('POST', `/calendar/sync/cancel/${await start('01')}`);
    const other = await start('02');
    await api.call('POST', `/calendar/sync/cancel/${other}`, { as: ADMIN });
    expect((await log('?action=run.cancelled')).items).toMatchObject([{ actor: 'adam', subject: USER, target: other }]);
  });

  it('tells of refused logins once an address and minute, and names no address', async () => {
    const bad = {
      authorization: `Bearer ${await sign(OWNER, api.sync.clock.now(), { secret: 'not the one it should be, at all' })}`,
    };
    for (const remoteAddress of ['192.0.2.1', '192.0.2.1', '192.0.2.2']) {
      await api.server.inject({ url: '/calendar/events', remoteAddress, headers: bad });
      await api.server.inject({ url: '/calendar/events', remoteAddress });
    }
    await expect.poll(async () => (await log('?action=login.refused')).items.length).toBe(2);
    const { items } = await log('?action=login.refused');
    expect(items[0]).toMatchObject({ actor: null, subject: null, details: { reason: 'TOKEN_INVALID' } });
    expect(items[0]?.target).not.toBe(items[1]?.target);
    expect(JSON.stringify(items)).not.toContain('192.0.2');
    api.sync.clock.advance(60_000);
    await api.server.inject({ url: '/calendar/events', remoteAddress: '192.0.2.1', headers: bad });
    await expect.poll(async () => (await log('?action=login.refused')).items.length).toBe(3);
  });

  it('is no way to fill the disk from many addresses', async () => {
    api.sync.clock.advance(60_000);
    const bad = {
      authorization: `Bearer ${await sign(OWNER, api.sync.clock.now(), { secret: 'not the one it should be, at all' })}`,
    };
    for (let n = 0; n < 100; n += 1) {
      await api.server.inject({ url: '/calendar/events', remoteAddress: `198.51.100.${n}`, headers: bad });
    }
    await expect.poll(async () => (await log('?action=login.refused&limit=500')).items.length).toBe(60);
  });

  it('is asked in parts, and for what matters', async () => {
    const { audit } = { audit: (n: number) => ({ sub: `person-${n}` }) };
    for (let n = 0; n < 5; n += 1) {
      await api.call('PUT', '/calendar/sync/settings', { as: audit(n), body: { enabled: true } });
      api.sync.clock.advance(60_000);
    }
    const first = await log('?limit=3');
    expect(first.items.map(({ actor }) => actor)).toEqual(['person-4', 'person-3', 'person-2']);
    const second = await log(`?limit=3&cursor=${first.nextCursor}`);
    expect(second).toMatchObject({ items: [{ actor: 'person-1' }, { actor: 'person-0' }], nextCursor: null });
    expect((await log('?userId=person-2')).items).toHaveLength(1);
    expect((await log('?actor=person-3&action=settings.changed')).items).toHaveLength(1);
    const from = new Date(api.sync.clock.now().getTime() - 150_000).toISOString();
    expect((await log(`?from=${from}`)).items).toHaveLength(2);
    expect((await log(`?to=${from}`)).items).toHaveLength(3);
    for (const query of ['?cursor=bogus', '?action=unheard.of', '?from=yesterday', '?limit=501', '?subject=x']) {
      const { status } = await api.call('GET', `/calendar/audit${query}`, { as: ADMIN });
      expect(status, query).toBe(400);
    }
  });
});

describe('the archive over HTTP', () => {
  it('is a file, on record, and nothing more is read once its caller has gone', async () => {
    await api.sync.bookAll(
      Array.from({ length: 3_000 }, (_, n) => ({ ...EVENT, subject: `${Math.sin(n)} `.repeat(400) })),
    );
    await api.server.listen({ port: 0, host: '127.0.0.1' });
    const { port } = api.server.server.address() as AddressInfo;
    const token = await sign(OWNER, api.sync.clock.now(), { validSeconds: 10 ** 9 });
    const leaving = new AbortController();
    const answer = await fetch(`http://127.0.0.1:${port}/calendar/privacy/export`, {
      headers: { authorization: `Bearer ${token}` },
      signal: leaving.signal,
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/zip');
    expect(answer.headers.get('content-disposition')).toContain('calendar-data.zip');
    const reader = answer.body?.getReader();
    const { value } = (await reader?.read()) ?? {};
    expect(Buffer.from(value ?? []).toString('latin1', 0, 2)).toBe('PK');
    const again = await api.call('GET', '/calendar/privacy/export');
    expect([again.status, again.body['code']]).toEqual([409, 'CONFLICT_STATE']);
    leaving.abort();
    // The place is free again as soon as the server has seen it.
    await expect
      .poll(async () => (await api.call('GET', '/calendar/privacy/export')).status, { timeout: 20_000 })
      .toBe(200);
    expect((await log('?action=privacy.exported')).items.length).toBeGreaterThan(1);
  }, 60_000);
});

describe('erasing over HTTP', () => {
  it('is for the person, and for administrators', async () => {
    await api.call('PUT', '/calendar/sync/settings', { as: STRANGER, body: { enabled: false } });
    expect((await api.call('DELETE', `/calendar/privacy/data?userId=${USER}`, { as: STRANGER })).status).toBe(403);
    expect((await api.call('DELETE', '/calendar/privacy/data?userId=mallory', { as: ADMIN })).status).toBe(204);
    const { body } = await api.call<{ enabled: boolean }>('GET', '/calendar/sync/settings', { as: STRANGER });
    expect(body.enabled).toBe(true);
    expect((await api.call('DELETE', '/calendar/privacy/data')).status).toBe(204);
    expect((await api.call('DELETE', '/calendar/privacy/data')).status).toBe(204);
    expect((await api.call<Page>('GET', '/calendar/events')).body.items).toEqual([]);
    expect((await log(`?userId=${USER}`)).items).toEqual([]);
    expect((await log('?action=privacy.erased')).items).toHaveLength(2);
  });
});
