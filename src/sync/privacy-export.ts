import { IcsWriter } from '../core/ics/ics-writer.ts';
import type { EventId, UserId } from '../core/ids.ts';
import type { AttachmentRepository } from '../store/attachment.repository.ts';
import type { AuditEntry, AuditRepository } from '../store/audit.repository.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { CalendarRepository } from '../store/calendar.repository.ts';
import type { ConflictRepository } from '../store/conflict.repository.ts';
import type { ConnectionRepository } from '../store/connection.repository.ts';
import type { Db } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';
import type { IdempotencyRepository } from '../store/idempotency.repository.ts';
import type { OperationRepository } from '../store/operation.repository.ts';
import type { ResponseRepository } from '../store/response.repository.ts';
import { withoutScope } from '../store/row-scope.ts';
import type { RunRepository } from '../store/run.repository.ts';
import type { SettingsRepository } from '../store/settings.repository.ts';
import type { TombstoneRepository } from '../store/tombstone.repository.ts';
import type { WebhookExportRepository } from '../store/webhook-export.repository.ts';
import { attachmentRecord, fileNameOf } from './attachment-export.ts';
import { conflictView } from './conflict.service.ts';
import { icsSourceOf } from './event-export.ts';
import { eventView } from './event-views.ts';
import { ExportFiles, ROWS_A_PAGE } from './export-files.ts';
import { historyView, ownOperationView } from './run-view.ts';
import type { ArchiveFile } from './zip-archive.ts';

export interface ExportParts {
  readonly db: Db;
  readonly events: EventRepository;
  readonly tombstones: TombstoneRepository;
  readonly attachments: AttachmentRepository;
  readonly bases: BaseRepository;
  readonly calendars: CalendarRepository;
  readonly connections: ConnectionRepository;
  readonly conflicts: ConflictRepository;
  readonly operations: OperationRepository;
  readonly runs: RunRepository;
  readonly settings: SettingsRepository;
  readonly idempotency: IdempotencyRepository;
  readonly responses: ResponseRepository;
  readonly webhookExport: WebhookExportRepository;
  readonly audit: AuditRepository;
}

/** Names alone are small. */
const IDS_STEP = 20_000;

/**
 * Everything held about one user, file by file.
 *
 * Every page is read for itself, while the archive is on its way: a snapshot of it all would take a transaction as long as
 * the slowest reader, for which the embedded database has no room and a server pays dearly. So each line is true at the
 * moment it was read; what is there from beginning to end is in the archive once, what comes or goes meanwhile may be or
 * not. The manifest says from when to when that was.
 */
export class PrivacyExport {
  readonly #parts: ExportParts;
  readonly #userId: UserId;
  readonly #now: () => Date;
  readonly #files: ExportFiles;
  /** Is shown every event twice: for the zones, which come first in its file, and then to be written. */
  readonly #ics: IcsWriter;

  constructor(parts: ExportParts, userId: UserId, now: () => Date) {
    this.#parts = parts;
    this.#userId = userId;
    this.#now = now;
    this.#files = new ExportFiles(userId);
    this.#ics = new IcsWriter(now());
  }

  async *files(): AsyncGenerator<ArchiveFile> {
    const startedAt = this.#now();
    const { db, calendars, settings, webhookExport } = this.#parts;
    const userId = this.#userId;
    yield this.#files.document('profile.json', () => this.#profile());
    yield this.#files.document('settings.json', () => settings.find(db, userId));
    yield this.#files.document('calendars.json', async () =>
      (await calendars.list(db, userId)).map(({ userId: _own, ...calendar }) => calendar),
    );
    yield* this.#files.list('events', this.#events());
    yield { name: 'calendar.ics', text: this.#calendarFile() };
    yield* this.#files.list('deleted-events', this.#tombstones());
    yield* this.#files.list('attachments', this.#attachments());
    yield* this.#attachedFiles();
    yield* this.#files.list('answers', this.#answers());
    yield* this.#files.list('agreed-with-outlook', this.#agreed());
    yield* this.#files.list('conflicts', this.#conflicts());
    yield* this.#files.list('runs', this.#runs());
    yield* this.#files.list('operations', this.#operations());
    yield* this.#files.list('audit', this.#auditEntries());
    yield this.#files.document('webhooks.json', () => webhookExport.listWebhooks(db, userId));
    yield* this.#files.list('webhook-deliveries', this.#deliveries());
    yield* this.#files.list('idempotency-keys', this.#idempotencyKeys());
    yield this.#files.document('manifest.json', async () => ({
      userId,
      startedAt,
      completedAt: this.#now(),
      counts: this.#files.counts,
      note: 'Read while the service went on: each line is as it was at some moment between startedAt and completedAt.',
    }));
  }

  async #profile(): Promise<object> {
    const connection = await this.#parts.connections.find(this.#parts.db, this.#userId);
    const { userId: _own, ...rest } = connection ?? { userId: this.#userId };
    return { userId: this.#userId, connection: connection ? rest : null };
  }

  async *#events(): AsyncGenerator<object> {
    for await (const page of this.#eventPages()) {
      const bases = await this.#files.read(() => {
        const ids = page.map(({ id }) => id);
        return this.#parts.bases.findByEventIds(this.#parts.db, this.#userId, ids);
      });
      for (const event of page) {
        if (!event.problem) this.#ics.see(event);
        yield eventView(event, bases.get(event.id));
      }
    }
  }

  async *#calendarFile(): AsyncGenerator<string> {
    yield this.#ics.head();
    for await (const page of this.#eventPages()) {
      for (const event of page) if (!event.problem) this.#ics.add(icsSourceOf(event));
      yield this.#ics.takeEvents();
    }
    yield this.#ics.tail();
  }

  /** By name, and the names first: an event that is edited meanwhile keeps its place. */
  async *#eventPages(): AsyncGenerator<StoredEvent[]> {
    const { db, events } = this.#parts;
    const names = this.#files.paged(
      (after: EventId | undefined) => events.listIds(db, this.#userId, { after, limit: IDS_STEP }),
      (id) => id,
      IDS_STEP,
    );
    let ids: EventId[] = [];
    const read = async (): Promise<StoredEvent[]> => {
      const found = await this.#files.read(() => events.findMany(db, this.#userId, ids));
      return ids.flatMap((id) => found.get(id) ?? []);
    };
    for await (const id of names) {
      ids.push(id);
      if (ids.length < ROWS_A_PAGE) continue;
      yield await read();
      ids = [];
    }
    if (ids.length > 0) yield await read();
  }

  async *#tombstones(): AsyncGenerator<object> {
    const { db, tombstones } = this.#parts;
    const rows = this.#files.paged(
      (after: EventId | undefined) => tombstones.list(db, this.#userId, { after, limit: ROWS_A_PAGE }),
      ({ eventId }) => eventId,
    );
    for await (const { eventId, calendarId, graphEventId = null, deletedAt } of rows) {
      yield { eventId, calendarId, graphEventId, deletedAt };
    }
  }

  async *#answers(): AsyncGenerator<object> {
    const { db, responses } = this.#parts;
    const rows = this.#files.paged(
      (after: { eventId: EventId; originalDate: string } | undefined) =>
        responses.listAll(db, this.#userId, { after, limit: ROWS_A_PAGE }),
      ({ eventId, originalDate }) => ({ eventId, originalDate }),
    );
    for await (const { userId: _own, id: _id, ...answer } of rows) yield answer;
  }

  async *#attachments(): AsyncGenerator<object> {
    for await (const attachment of this.#attachmentRows()) yield attachmentRecord(attachment);
  }

  /** Each read when its turn comes, and only if it is here still. */
  async *#attachedFiles(): AsyncGenerator<ArchiveFile> {
    const { db, attachments } = this.#parts;
    for await (const attachment of this.#attachmentRows()) {
      if (!attachment.hasContent) continue;
      const content = await this.#files.read(() => attachments.readContent(db, this.#userId, attachment.id));
      if (content) yield { name: fileNameOf(attachment), text: piecesOf(content) };
    }
  }

  #attachmentRows() {
    const { db, attachments } = this.#parts;
    return this.#files.paged(
      (after: string | undefined) => attachments.listAll(db, this.#userId, { after, limit: ROWS_A_PAGE }),
      ({ id }) => id,
    );
  }

  async *#agreed(): AsyncGenerator<object> {
    const { db, bases } = this.#parts;
    const rows = this.#files.paged(
      (after: EventId | undefined) => bases.listAll(db, this.#userId, { after, limit: ROWS_A_PAGE }),
      ({ eventId }) => eventId,
    );
    for await (const base of rows) yield agreedView(base);
  }

  async *#conflicts(): AsyncGenerator<object> {
    const { db, conflicts } = this.#parts;
    const rows = this.#files.paged(
      (after: Parameters<typeof conflicts.listAll>[2]['after']) =>
        conflicts.listAll(db, this.#userId, { after, limit: ROWS_A_PAGE }),
      ({ id }) => id,
    );
    for await (const conflict of rows) yield conflictView(conflict);
  }

  async *#runs(): AsyncGenerator<object> {
    const { db, runs } = this.#parts;
    const rows = this.#files.paged(
      (after: Parameters<typeof runs.listAll>[2]['after']) =>
        runs.listAll(db, this.#userId, { after, limit: ROWS_A_PAGE }),
      ({ id }) => id,
    );
    for await (const run of rows) yield { ...historyView(run), request: run.request };
  }

  async *#operations(): AsyncGenerator<object> {
    const { db, operations } = this.#parts;
    const rows = this.#files.paged(
      (after: { eventId: EventId; id: string } | undefined) =>
        operations.listAllOwn(db, this.#userId, { after, limit: ROWS_A_PAGE }),
      ({ eventId, id }) => ({ eventId, id }),
    );
    for await (const operation of rows) yield { jobId: operation.runId, ...ownOperationView(operation) };
  }

  async *#auditEntries(): AsyncGenerator<object> {
    const { db, audit } = this.#parts;
    const rows = this.#files.paged(
      // In a user's scope the log shows nothing; these lines are about them.
      (after: string | undefined) =>
        withoutScope(() => audit.listAbout(db, this.#userId, { after, limit: ROWS_A_PAGE })),
      ({ id }) => id,
    );
    for await (const entry of rows) yield auditView(entry, this.#userId);
  }

  async *#deliveries(): AsyncGenerator<object> {
    const { db, webhookExport } = this.#parts;
    yield* this.#files.paged(
      (after: string | undefined) => webhookExport.listDeliveries(db, this.#userId, { after, limit: ROWS_A_PAGE }),
      ({ id }) => id,
    );
  }

  async *#idempotencyKeys(): AsyncGenerator<object> {
    const { db, idempotency } = this.#parts;
    yield* this.#files.paged(
      (after: string | undefined) => idempotency.listAll(db, this.#userId, { after, limit: ROWS_A_PAGE }),
      ({ key }) => key,
    );
  }
}

async function* piecesOf(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}

/** What both sides last agreed on about an event: a copy of its content, as this service and as Outlook had it. */
function agreedView(base: EventBase): object {
  const { eventId, calendarId, graphEventId = null, iCalUId = null, local, remote, syncedAt = null } = base;
  return { eventId, calendarId, graphEventId, iCalUId, local, remote, heldFields: base.heldUnits, syncedAt };
}

/** Who else had a hand in it is told by what they are, not by name: their names are theirs. */
function auditView(entry: AuditEntry, userId: UserId): object {
  const nameOf = (id: string | null, otherwise: string) => (id === null ? null : id === userId ? id : otherwise);
  return {
    ...entry,
    actor: entry.actor === null ? 'the service' : nameOf(entry.actor, 'somebody else'),
    actorRoles: entry.actorRoles,
    subject: nameOf(entry.subject, 'somebody else'),
    target: entry.subject === null || entry.subject === userId ? entry.target : null,
  };
}
