import { sql } from 'kysely';
import {
  type CalendarId,
  DEFAULT_CALENDAR_ID,
  type EventId,
  type GraphCalendarId,
  type UserId,
} from '../../src/core/ids.ts';
import type { SyncSettings } from '../../src/core/settings.ts';
import { AttachmentRepository } from '../../src/store/attachment.repository.ts';
import { BaseRepository, type EventBase } from '../../src/store/base.repository.ts';
import { ChangeFeedRepository } from '../../src/store/change-feed.repository.ts';
import { ConnectionRepository } from '../../src/store/connection.repository.ts';
import { ContentCipher, KeyRing } from '../../src/store/encryption.ts';
import { EventRepository } from '../../src/store/event.repository.ts';
import { IdempotencyRepository } from '../../src/store/idempotency.repository.ts';
import { ResponseRepository } from '../../src/store/response.repository.ts';
import type { StoredRun } from '../../src/store/run.repository.ts';
import { SettingsRepository } from '../../src/store/settings.repository.ts';
import { TombstoneRepository } from '../../src/store/tombstone.repository.ts';
import { EventService } from '../../src/sync/event.service.ts';
import { ALICE, type JobsWorld, openJobsWorld } from './jobs-world.ts';

export { ALICE, BOB } from './jobs-world.ts';

/** The event service over a real (embedded) database with the real queue; no worker takes what is queued. */
export interface EventServiceWorld extends JobsWorld {
  readonly service: EventService;
  readonly events: EventRepository;
  readonly tombstones: TombstoneRepository;
  readonly bases: BaseRepository;
  readonly connections: ConnectionRepository;
  readonly settings: SettingsRepository;
}

export async function openEventServiceWorld(url?: string): Promise<EventServiceWorld> {
  const world = await openJobsWorld(url);
  // Users' keys are in the database, wrapped by the same ring the jobs' world uses.
  const cipher = new ContentCipher(KeyRing.parse(`test:${Buffer.alloc(32, 1).toString('base64')}`), world.random);
  const parts = {
    ...world,
    events: new EventRepository(cipher),
    tombstones: new TombstoneRepository(cipher),
    bases: new BaseRepository(cipher),
    connections: new ConnectionRepository(cipher),
    settings: new SettingsRepository(),
    changeFeed: new ChangeFeedRepository(),
    idempotency: new IdempotencyRepository(),
    responses: new ResponseRepository(cipher),
    attachments: new AttachmentRepository(cipher),
  };
  return { ...parts, service: new EventService(parts) };
}

/** Everything of everybody is gone; the queue's own tables are left as they are. */
export async function emptyTables({ db }: Pick<JobsWorld, 'db'>): Promise<void> {
  const tables = [
    ...['CalendarEvent', 'CalendarEventTombstone', 'EventBase', 'Calendar', 'CalendarConnection', 'UserSettings'],
    ...['CalendarSyncState', 'IdempotencyKey'],
  ];
  await db.transaction(async (tx) => {
    for (const table of tables) await sql`delete from ${sql.table(table)}`.execute(tx.kysely);
    // Deleting leaves tombstones.
    await sql`delete from "CalendarEventTombstone"`.execute(tx.kysely);
  });
}

/** A mailbox with one calendar, `default` unless another is named. */
export async function connect(
  world: EventServiceWorld,
  userId: UserId = ALICE,
  calendar: { id?: string; canEdit?: boolean; timeZone?: string; settings?: Partial<SyncSettings> } = {},
): Promise<void> {
  const id = (calendar.id ?? DEFAULT_CALENDAR_ID) as CalendarId;
  const timeZone = calendar.timeZone ?? 'Europe/Berlin';
  const mailbox = `${userId}@example.com`;
  await world.db.transaction(async (tx) => {
    const connection = { userId, mailbox, mailboxId: `mailbox-${userId}`, mode: 'application' as const, timeZone };
    await world.connections.save(tx, connection, world.clock.now());
    await world.calendars.save(tx, userId, {
      id,
      graphCalendarId: `graph-${userId}-${id}` as GraphCalendarId,
      name: id,
      isDefault: id === DEFAULT_CALENDAR_ID,
      canEdit: calendar.canEdit ?? true,
    });
    if (calendar.settings) await world.calendars.saveSettings(tx, userId, id, calendar.settings);
  });
}

/** The runs that wait for a worker, oldest first. */
export function queuedRuns(
  world: EventServiceWorld,
  userId: UserId = ALICE,
  calendarId = 'default',
): Promise<StoredRun[]> {
  return world.runs.listActive(world.db, userId, calendarId as CalendarId);
}

/** As if a run had carried the event to Outlook. */
export async function markSynced(
  world: EventServiceWorld,
  id: string,
  base: Partial<EventBase> = {},
  userId: UserId = ALICE,
): Promise<void> {
  await world.db.transaction(async (tx) => {
    const event = await world.events.find(tx, userId, id as EventId);
    if (!event) throw new Error(`there is no event ${id}`);
    await world.bases.saveMany(tx, userId, [
      {
        eventId: event.id,
        userId,
        calendarId: event.calendarId,
        agreedRevision: event.revision,
        local: event.content,
        remote: event.content,
        generation: 0,
        conflictUnits: [],
        heldUnits: [],
        ...base,
      },
    ]);
  });
}

/** A row as the application's own SQL writes it: plain, with Graph's shapes in its JSON columns. */
export async function insertPlainRow(
  world: EventServiceWorld,
  row: { id: string; subject?: string; start: unknown; end: unknown; recurrence?: unknown; userId?: UserId },
): Promise<void> {
  const json = (value: unknown) => sql`cast(${JSON.stringify(value)}::text as jsonb)`;
  await sql`
    insert into "CalendarEvent" (id, "userId", subject, start, "end", recurrence, "lastModifiedDateTime", "createdDateTime")
    values (${row.id}, ${row.userId ?? ALICE}, ${row.subject ?? 'By SQL'}, ${json(row.start)}, ${json(row.end)},
      ${row.recurrence === undefined ? null : json(row.recurrence)}, '2026-03-01T00:00:00Z', '2026-03-01T00:00:00Z')
  `.execute(world.db.kysely);
}
