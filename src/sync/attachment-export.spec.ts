import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SyncWorld, USER } from '../../test/support/sync-world.ts';
import { fileNameOf } from './attachment-export.ts';

const CALLER = { userId: USER, roles: ['user'] };
const at = (dateTime: string) => ({ dateTime, timeZone: 'UTC' });
const VISIT = { subject: 'Visit', start: at('2026-03-09T09:00:00'), end: at('2026-03-09T09:30:00') };

let folder: string;
let world: SyncWorld;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gcs-attachments-'));
  world = await SyncWorld.open();
}, 180_000);
afterAll(async () => {
  await world?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('somebody’s attachments', () => {
  it('are files in what is held about them, and gone with it', async () => {
    const id = await world.book(VISIT);
    const content = Uint8Array.from({ length: 100_000 }, (_, n) => n % 251);
    const input = { name: '../../Befund.pdf', contentType: 'application/pdf', content };
    const { id: attachment } = await world.services.attachmentService.add(USER, id, input);
    await world.sync();

    const chunks: Buffer[] = [];
    for await (const chunk of await world.services.privacyService.export(CALLER)) chunks.push(chunk);
    writeFileSync(join(folder, 'data.zip'), Buffer.concat(chunks));
    execFileSync('python3', ['-m', 'zipfile', '-e', join(folder, 'data.zip'), folder]);
    const [record] = JSON.parse(readFileSync(join(folder, 'attachments.json'), 'utf8'));
    expect(record).toMatchObject({ id: attachment, eventId: id, name: '../../Befund.pdf', size: 100_000 });
    expect(record.file).toBe(`attachments/${attachment}/_.._Befund.pdf`);
    expect(readFileSync(join(folder, record.file)).equals(Buffer.from(content))).toBe(true);

    await world.services.privacyService.erase(CALLER, USER);
    for (const table of ['EventAttachment', 'AttachmentMark']) {
      expect((await sql`select * from ${sql.table(table)}`.execute(world.db.kysely)).rows).toEqual([]);
    }
  });

  it.each([
    ['plan.pdf', 'plan.pdf'],
    ['..', 'file'],
    ['', 'file'],
    ['C:\\Windows\\a.exe', 'C__Windows_a.exe'],
    [`${'a'.repeat(300)}.pdf`, `${'a'.repeat(96)}.pdf`],
  ])('called %j have a name in any system', (name, expected) => {
    expect(fileNameOf({ id: '7', name })).toBe(`attachments/7/${expected}`);
  });
});
