import type { ServerParts } from './api/services.ts';
import { AttachmentRepository } from './store/attachment.repository.ts';
import { AttachmentMarkRepository } from './store/attachment-mark.repository.ts';
import { AuditRepository } from './store/audit.repository.ts';
import { AuthorizationRepository } from './store/authorization.repository.ts';
import { BaseRepository } from './store/base.repository.ts';
import { CalendarRepository } from './store/calendar.repository.ts';
import { ChangeFeedRepository } from './store/change-feed.repository.ts';
import { ConflictRepository } from './store/conflict.repository.ts';
import { ConnectionRepository } from './store/connection.repository.ts';
import { CursorRepository } from './store/cursor.repository.ts';
import type { Db } from './store/db.ts';
import type { ContentCipher, KeyRing } from './store/encryption.ts';
import { ErasureRepository } from './store/erasure.repository.ts';
import { EventRepository } from './store/event.repository.ts';
import { IdempotencyRepository } from './store/idempotency.repository.ts';
import { LeaseRepository } from './store/lease.repository.ts';
import { OperationRepository } from './store/operation.repository.ts';
import { RateCountRepository } from './store/rate-count.repository.ts';
import { ResponseRepository } from './store/response.repository.ts';
import { RetentionRepository } from './store/retention.repository.ts';
import { RunRepository } from './store/run.repository.ts';
import { SettingsRepository } from './store/settings.repository.ts';
import { StatisticsRepository } from './store/statistics.repository.ts';
import { SubscriptionRepository } from './store/subscription.repository.ts';
import { TombstoneRepository } from './store/tombstone.repository.ts';
import { WebhookRepository } from './store/webhook.repository.ts';
import { WebhookDeliveryRepository } from './store/webhook-delivery.repository.ts';
import { WebhookExportRepository } from './store/webhook-export.repository.ts';
import type { AuthorizationSecret } from './sync/authorization.service.ts';

/** What is kept, table by table. */
export type Store = ReturnType<typeof createStore>;

export function createStore(cipher: ContentCipher) {
  return {
    events: new EventRepository(cipher),
    tombstones: new TombstoneRepository(cipher),
    attachments: new AttachmentRepository(cipher),
    attachmentMarks: new AttachmentMarkRepository(),
    bases: new BaseRepository(cipher),
    calendars: new CalendarRepository(cipher),
    connections: new ConnectionRepository(cipher),
    cursors: new CursorRepository(cipher),
    conflicts: new ConflictRepository(cipher),
    operations: new OperationRepository(cipher),
    responses: new ResponseRepository(cipher),
    runs: new RunRepository(),
    leases: new LeaseRepository(),
    changeFeed: new ChangeFeedRepository(),
    idempotency: new IdempotencyRepository(),
    settings: new SettingsRepository(),
    audit: new AuditRepository(),
    retention: new RetentionRepository(),
    erasure: new ErasureRepository(cipher),
    webhookExport: new WebhookExportRepository(cipher),
    subscriptions: new SubscriptionRepository(),
    authorizations: new AuthorizationRepository<AuthorizationSecret>(cipher),
    statistics: new StatisticsRepository(),
    webhooks: new WebhookRepository(cipher),
    deliveries: new WebhookDeliveryRepository(),
  };
}

/** The embedded database has one process at a time, whose own memory counts as well and does not hold up anybody. */
export function sharedCounts(db: Db, ring: KeyRing): Pick<ServerParts, 'rateCounts'> {
  if (db.kind === 'pglite') return {};
  const counts = new RateCountRepository(ring.derived('rate counts'));
  return {
    rateCounts: {
      add: (caller, now, windowMs) => counts.add(db, caller, now, windowMs),
      deleteBefore: (before) => counts.deleteBefore(db, before),
    },
  };
}
