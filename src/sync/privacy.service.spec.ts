import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAILBOX, openWorldDatabase, SyncWorld, USER } from '../../test/support/sync-world.ts';
import { dumpOf } from '../../test/support/table-dump.ts';
import { isSyncError } from '../core/errors.ts';
import type { EventId, UserId } from '../core/ids.ts';
import { inScopeOf } from '../store/row-scope.ts';

const CALLER = { userId: USER, roles: ['user'] };
const ADMIN = { userId: 'adam' as UserId, roles: ['admin'] };
const SECRET_WORDS = 'biopsy of Mr Harlow';
const at = (dateTime: string, timeZone = 'Europe/Berlin') => ({ dateTime, timeZone });
const EVENT = { subject: SECRET_WORDS, start: at('2026-03-09T09:00:00'), end: at('2026-03-09T09:30:00') };
/** As a word of its own: it is short, and stands in others. */
const TRACES = new RegExp(`\\b${USER}\\b|${MAILBOX}|${SECRET_WORDS}`);

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gcs-privacy-'));
  await openWorldDatabase();
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function withWorld(work: (world: SyncWorld) => Promise<void>): Promise<void> {
  const world = await SyncWorld.open({ settings: { conflictResolution: 'manual' } });
  try {
    await work(world);
  } finally {
    await world.close();
  }
}

/** A little of everything: events on both sides, a series, a conflict, runs, a deletion. */
async function furnish(world: SyncWorld): Promise<EventId> {
  const [id, gone] = await world.bookAll([EVENT, { ...EVENT, subject: 'Gone soon' }]);
  await world.book({
    ...EVENT,
    subject: 'Standup',
    recurrence: { pattern: { type: 'daily', interval: 1 }, range: { type: 'numbered', numberOfOccurrences: 3 } },
  } as never);
  await world.sync();
  const contested = await world.get(id as EventId);
  world.mailbox.updateEvent(contested.graphEventId ?? '', { subject: `${SECRET_WORDS}, there` });
  await world.edit(contested.id, { subject: `${SECRET_WORDS}, here` });
  await world.remove(gone as EventId);
  await world.sync();
  await world.services.eventService.create(USER, { ...EVENT, subject: 'Once' } as never, { idempotencyKey: 'key-1' });
  return id as EventId;
}

async function exported(world: SyncWorld): Promise<(name: string) => string> {
  const path = join(folder, 'data.zip');
  const chunks: Buffer[] = [];
  const archive = await inScopeOf(USER, () => world.services.privacyService.export(CALLER));
  for await (const chunk of archive) chunks.push(chunk);
  writeFileSync(path, Buffer.concat(chunks));
  const target = mkdtempSync(join(folder, 'files-'));
  execFileSync('python3', ['-m', 'zipfile', '-e', path, target]);
  expect(readdirSync(target).sort()).toEqual([
    ...['agreed-with-outlook.json', 'answers.json', 'attachments.json', 'audit.json'],
    ...['calendar.ics', 'calendars.json', 'conflicts.json'],
    ...['deleted-events.json', 'events.json', 'idempotency-keys.json', 'manifest.json', 'operations.json'],
    ...['profile.json', 'runs.json', 'settings.json', 'webhook-deliveries.json', 'webhooks.json'],
  ]);
  return (name) => readFileSync(join(target, name), 'utf8');
}

describe('everything held about somebody', () => {
  it('is in the archive, readable, without tokens and keys', () =>
    withWorld(async (world) => {
      const id = await furnish(world);
      const read = await exported(world);
      const json = <T = Record<string, unknown>[]>(name: string) => JSON.parse(read(`${name}.json`)) as T;
      expect(json<object>('profile')).toMatchObject({ userId: USER, connection: { mailbox: MAILBOX } });
      expect(json<object>('settings')).toEqual({ conflictResolution: 'manual' });
      expect(json('calendars')).toMatchObject([{ id: 'default', isDefault: true }]);
      const events = json('events');
      expect(events.map(({ subject }) => subject).sort()).toEqual(['Once', 'Standup', `${SECRET_WORDS}, here`]);
      expect(events.find((event) => event['id'] === id)).toMatchObject({ syncState: 'conflict' });
      expect(json('deleted-events')).toHaveLength(1);
      expect(json('conflicts')).toMatchObject([{ eventId: id, local: { subject: `${SECRET_WORDS}, here` } }]);
      expect(json('agreed-with-outlook').length).toBeGreaterThan(1);
      expect(json('runs').length).toBeGreaterThan(1);
      expect(json('operations').some(({ after }) => (after as { subject?: string } | null)?.subject === SECRET_WORDS));
      expect(json('audit')).toMatchObject([
        { action: 'connection.bound', actor: USER, subject: USER },
        { action: 'settings.changed', details: { settings: 'conflictResolution' } },
        { action: 'privacy.exported' },
      ]);
      expect(json('idempotency-keys')).toMatchObject([{ key: 'key-1' }]);
      expect(json<{ counts: object }>('manifest').counts).toMatchObject({ events: 3, conflicts: 1 });
      const ics = read('calendar.ics');
      expect(ics.indexOf('BEGIN:VTIMEZONE')).toBeLessThan(ics.indexOf('BEGIN:VEVENT'));
      expect(ics.match(/^BEGIN:VEVENT/gm)).toHaveLength(3);
      expect(ics.match(/^BEGIN:VTIMEZONE/gm)).toHaveLength(1);
    }));

  it('is read no further than the caller takes it', () =>
    withWorld(async (world) => {
      await world.bookAll(Array.from({ length: 450 }, (_, index) => ({ ...EVENT, subject: `${index} `.repeat(3000) })));
      const archive = await world.services.privacyService.export(CALLER);
      await archive.next();
      await expect(world.services.privacyService.export(CALLER)).rejects.toSatisfy((error) =>
        isSyncError(error, 'conflict-state'),
      );
      await archive.return(undefined);
      const read = await exported(world);
      expect(JSON.parse(read('events.json'))).toHaveLength(450);
    }));

  it('is nobody else’s', () =>
    withWorld(async (world) => {
      await furnish(world);
      const mallory = { userId: 'mallory' as UserId, roles: ['user'] };
      const path = join(folder, 'hers.zip');
      const chunks: Buffer[] = [];
      for await (const chunk of await world.services.privacyService.export(mallory)) chunks.push(chunk);
      writeFileSync(path, Buffer.concat(chunks));
      const all = execFileSync('unzip', ['-p', path], { encoding: 'utf8' });
      expect(all).not.toMatch(TRACES);
    }));
});

describe('erasing somebody', () => {
  it('leaves no trace of them in any table, and a line that says so', () =>
    withWorld(async (world) => {
      await furnish(world);
      expect(await dumpOf(world.db)).toMatch(TRACES);
      await inScopeOf(USER, () => world.services.privacyService.erase(CALLER, USER, { correlationId: 'c-1' }));
      expect(await dumpOf(world.db)).not.toMatch(TRACES);
      const [line] = (await world.services.auditService.list({ action: 'privacy.erased', limit: 5 })).items;
      expect(line).toMatchObject({ actor: line?.subject, subject: expect.stringMatching(/^erased-[0-9a-f-]{36}$/) });
      // What is in Outlook stays.
      expect(world.remoteContents().size).toBeGreaterThan(1);
    }));

  it('is as good twice as once, and on record once', () =>
    withWorld(async (world) => {
      await world.services.privacyService.erase(ADMIN, USER);
      await world.services.privacyService.erase(ADMIN, USER);
      const { items } = await world.services.auditService.list({ action: 'privacy.erased', limit: 5 });
      expect(items).toMatchObject([{ actor: 'adam', actorRoles: ['admin'] }]);
    }));

  it('stops the run that is at work, which writes nothing more', () =>
    withWorld(async (world) => {
      await world.book(EVENT);
      world.mailbox.createEvent({
        subject: `${SECRET_WORDS}, there`,
        start: at('2026-03-10T09:00:00', 'UTC'),
        end: at('2026-03-10T10:00:00', 'UTC'),
      });
      const jobId = await world.enqueue();
      let erasing: Promise<void> | undefined;
      world.onRequest(/delta/, () => {
        erasing = world.services.privacyService.erase(CALLER, USER);
      });
      await expect(world.carryOutOnce(jobId)).rejects.toMatchObject({ code: 'lease-lost' });
      await erasing;
      expect(await dumpOf(world.db)).not.toMatch(TRACES);
    }));

  it('needs nothing of theirs to be readable', () =>
    withWorld(async (world) => {
      await furnish(world);
      const spoilt = `enc:v1:${Buffer.alloc(60).toString('base64')}`;
      await sql`update "CalendarConnection" set mailbox = ${spoilt}`.execute(world.db.kysely);
      await inScopeOf(USER, () => world.services.privacyService.erase(CALLER, USER));
      expect(await dumpOf(world.db)).not.toMatch(TRACES);
    }));

  it('lets the same person begin anew', () =>
    withWorld(async (world) => {
      await furnish(world);
      await world.services.privacyService.erase(CALLER, USER);
      await world.connect();
      await world.sync();
      const { items } = await world.services.eventService.list(USER, { limit: 10 });
      expect(items.map(({ subject, syncState }) => [subject, syncState]).sort()).toEqual([
        ['Standup', 'synced'],
        [`${SECRET_WORDS}, there`, 'synced'],
      ]);
      const { rows } = await sql<{ n: number }>`select count(*)::int as n from "UserKey"`.execute(world.db.kysely);
      expect(rows).toEqual([{ n: 1 }]);
    }));
});
