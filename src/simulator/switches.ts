import type { DeltaTokenDeath } from './http/dialects.ts';
import type { FaultWeights } from './http/random-faults.ts';

/**
 * Where documentation is silent or reports disagree, behaviour is a switch; the default is the better
 * attested reading, and a client has to survive the others as well.
 */
export interface SimulatorSwitches {
  /** `If-Match` on events: recordings show 412 on a stale tag, the pages never mention it. */
  ifMatch: 'enforce' | 'ignore';
  /** A random event of the calendar gets a new changeKey whenever a delta round starts. */
  spontaneousTouch: boolean;
  /** What Exchange does to exceptions and exclusions when a master's pattern, start or time changes. */
  patternChangeDropsExceptions: boolean;
  /** How all-day events are matched with a window: as UTC midnights, or in their own zone. */
  allDayWindow: 'utc' | 'zone';
  /** What a second DELETE of the same event answers. */
  secondDelete: 404 | 400;
  /** What a re-used `transactionId` with the same content answers. */
  duplicateTransaction: 'same-id' | '400' | '409';
  /** An open extension inside a create: 409 came sporadically, with the event created or without. */
  extensionOnCreate: 'accepted' | 'conflict' | 'conflict-after-create';
  /** How many names of extensions and extended properties a mailbox takes, deleted ones included. */
  namedPropertyQuota: number;
  /** `attachments` inside a create. */
  attachmentsOnCreate: 'stored' | 'ignored';
  /** When attendees get what the organiser attaches to a meeting that is out already. */
  attachmentDelivery: 'at-once' | 'next-update';
  /** Whether `hasAttachments` counts inline pictures. */
  inlineAttachmentsCount: boolean;
  /** A PATCH that names what only the service sets (`id`, `organizer`, `hasAttachments`, …). */
  readOnlyInPatch: 'ignored' | 'refused';
  /** Accepting gives the attendee's copy a new id, as if it were deleted and made again. */
  acceptReplacesEvent: boolean;
  /** `events/delta`, which v1.0 answers and nobody documents. */
  eventsDelta: 'answered' | 'not-implemented';
  /** Largest `$top`; larger values are cut or refused. */
  maxTop: number;
  topOverMax: 'clamp' | 'refuse';
  /** Names in `original*TimeZone` and `recurrenceTimeZone`: kept, or translated to Windows names. */
  storedZoneNames: 'as-sent' | 'windows';
  /** Delta: is a tombstone sent for one deleted occurrence? */
  occurrenceDeleteTombstone: 'none' | 'emitted';
  /** Delta: does a deleted series also send tombstones of its members, or only of the master? */
  seriesDeleteTombstones: 'members' | 'master';
  /** Delta: `$select` and the other unsupported options. */
  deltaQueryOptions: 'ignored' | '400';
  /** Delta: do tombstones carry `@odata.type`? */
  tombstoneType: boolean;
  /** Delta: how many tokens of one mailbox live; older ones are evicted. 0: no limit. */
  deltaTokensKept: number;
  /** Delta: page size without `odata.maxpagesize`. */
  deltaPageSize: number;
  /** Delta: empty pages that still carry a nextLink. */
  deltaEmptyPages: 'none' | 'first' | 'every';
  /** Delta: the last item of a page comes again at the head of the next one. */
  deltaReplays: boolean;
  /** Delta: every nextLink leads to the same page again (seen on a damaged mailbox). */
  deltaStuck: boolean;
  /** Delta: no order is promised. `shuffled` is within a page; items of one page stay on it. */
  deltaOrder: 'oldest-first' | 'newest-first' | 'shuffled';
  /** Delta: items come several times in a page: the same again at its end, or a tombstone before what lives. */
  deltaItemsTwice: 'never' | 'same' | 'tombstone-first';
  /** Delta: a first round begins with a tombstone of an event nobody ever had. */
  deltaInitialTombstones: boolean;
  /** Delta: so many rounds say nothing although there are changes, which come in the one after. */
  deltaSilentRounds: number;
  /** Delta: what is told about a dead token. */
  deltaTokenDeath: DeltaTokenDeath;
  /** Delta: 410 has a `Location` that starts the round again, its token empty. */
  deltaDeathLocation: boolean;
  /** Delta with immutable ids: what moves away and back between two rounds is told as gone, and never again. */
  immutableMoveLoss: boolean;
  /** Delta: 504 for ever on calendars with five endless series, read in pages below fifty. */
  endlessSeriesTimeouts: boolean;
  /** What a write to a full mailbox, and a delta read of it, answers. */
  quotaStatus: 403 | 507 | 400 | 500;
  /** What a write answers that would mail when no more mails may be sent. */
  sendingLimitStatus: 403 | 429;
  /** Delta: a change becomes visible only this much later. */
  deltaVisibilityDelayMs: number;
  /** `POST /calendars` answers an id that is replaced by another one right after. */
  calendarIdChangesAfterCreate: boolean;
  /** What a signed-in user gets under the path of somebody who shared nothing with them. */
  foreignCalendarRefusal: 403 | 404;
  /** Private items for readers without the right to them: absent from lists, blank blocks, or the list's end. */
  privateItems: 'hidden' | 'blanked' | 'list-404';
  /** Events for those who may read titles or busy times only: without the rest, or not at all. */
  partialReaders: 'masked' | 'denied';
  /** PATCH of `isDefaultCalendar`. */
  patchDefaultCalendar: 'ignored' | 'moves' | '400';
  /** `getSchedule`: more entries than this in one schedule are an error of that schedule. */
  scheduleEntryLimit: number;
  /** Requests at a time per application and mailbox. 0: no limit. */
  concurrencyLimit: number;
  concurrencyStatus: 429 | 503;
  /** Requests per application and mailbox in ten minutes. 0: no limit. */
  requestLimit: number;
  retryAfter: 'integer' | 'decimal' | 'date' | 'absent';
  retryAfterSeconds: number;
  /** Real time every request takes. */
  latencyMs: number;
  /** Bytes sent by POST, PATCH and PUT per application and mailbox in five minutes. 0: no limit. */
  uploadLimitBytes: number;
  /** Requests per application to all mailboxes together in ten seconds (documented: 130,000). 0: no limit. */
  appRequestLimit: number;
  /** Share of Graph requests (0 to 1) hit by a random fault. */
  faultRate: number;
  /** Which: statuses as Microsoft's Dev Proxy picks them, every kind there is, or kinds with their weights. */
  faultKinds: 'errors' | 'all' | FaultWeights;
  /** Another number, another row of random faults. 0: that of the simulator's own seed. */
  faultSeed: number;
  /** Batch answers come in any order, as Graph's do. */
  shuffleBatch: boolean;
  /** Signing in asks nobody: `login_hint`'s mailbox, else the first, accepts at once. */
  autoConsent: boolean;
  /** Who may consent to an application's permissions: everybody for themselves, or administrators only. */
  userConsent: 'allowed' | 'admin-only';
  /** Subscriptions: which addresses notifications may go to besides `https`: plain `http` on this machine, none, all. */
  webhookUrls: 'loopback' | 'https' | 'any';
  /** Subscriptions: what `/me/events` covers. The English page says the mailbox, an older one the default calendar. */
  userEventsScope: 'mailbox' | 'default-calendar';
  /** Subscriptions: longest lifetime; 4230 until about 2024, and still met. */
  subscriptionMaxMinutes: number;
  /** Subscriptions: how many a mailbox can have, of all applications together. */
  subscriptionQuota: number;
  /** Real time an endpoint has to send the validation token back. */
  handshakeTimeoutMs: number;
  /** Real time an endpoint has to answer a notification. */
  deliveryTimeoutMs: number;
  /** Notifications: from a change to its POST; what happens meanwhile goes into the same one. */
  notificationDelayMs: number;
  /** Notifications: share (0 to 1) that comes a second time, later. */
  notificationDuplicates: number;
  /** Notifications: in any order, within a POST and across several. */
  notificationReordering: boolean;
  /** Notifications: does a create also say `updated`? */
  createdIsAlsoUpdated: boolean;
  /** Notifications: how many `updated` one edit yields. */
  updatedPerEdit: number;
  /** Notifications: whose id a changed occurrence comes under. */
  exceptionNotifications: 'master' | 'exception';
  /** Notifications: which generation of the pages says what a slow endpoint is, and what becomes of it. */
  slowEndpointPolicy: 'current' | '2022';
  /** Subscriptions: `reauthorizationRequired` comes so long before the end. 0: never by itself. */
  reauthorizationLeadMs: number;
}

export const defaultSwitches: SimulatorSwitches = {
  ifMatch: 'enforce',
  spontaneousTouch: false,
  patternChangeDropsExceptions: true,
  allDayWindow: 'utc',
  secondDelete: 404,
  duplicateTransaction: 'same-id',
  extensionOnCreate: 'accepted',
  namedPropertyQuota: 16_000,
  attachmentsOnCreate: 'stored',
  attachmentDelivery: 'at-once',
  inlineAttachmentsCount: false,
  readOnlyInPatch: 'ignored',
  acceptReplacesEvent: false,
  eventsDelta: 'answered',
  maxTop: 1000,
  topOverMax: 'clamp',
  storedZoneNames: 'as-sent',
  occurrenceDeleteTombstone: 'none',
  seriesDeleteTombstones: 'members',
  deltaQueryOptions: 'ignored',
  tombstoneType: true,
  deltaTokensKept: 0,
  deltaPageSize: 10,
  deltaEmptyPages: 'none',
  deltaReplays: false,
  deltaStuck: false,
  deltaOrder: 'oldest-first',
  deltaItemsTwice: 'never',
  deltaInitialTombstones: false,
  deltaSilentRounds: 0,
  deltaTokenDeath: 'sync-state-not-found',
  deltaDeathLocation: false,
  immutableMoveLoss: false,
  endlessSeriesTimeouts: false,
  quotaStatus: 403,
  sendingLimitStatus: 403,
  deltaVisibilityDelayMs: 0,
  calendarIdChangesAfterCreate: false,
  foreignCalendarRefusal: 403,
  privateItems: 'hidden',
  partialReaders: 'masked',
  patchDefaultCalendar: 'ignored',
  scheduleEntryLimit: 1000,
  concurrencyLimit: 4,
  concurrencyStatus: 429,
  requestLimit: 10_000,
  retryAfter: 'integer',
  retryAfterSeconds: 1,
  latencyMs: 0,
  uploadLimitBytes: 150 * 1024 * 1024,
  appRequestLimit: 0,
  faultRate: 0,
  faultKinds: 'errors',
  faultSeed: 0,
  shuffleBatch: true,
  autoConsent: false,
  userConsent: 'allowed',
  webhookUrls: 'loopback',
  userEventsScope: 'mailbox',
  subscriptionMaxMinutes: 10_080,
  subscriptionQuota: 1_000,
  handshakeTimeoutMs: 10_000,
  deliveryTimeoutMs: 10_000,
  notificationDelayMs: 1_000,
  notificationDuplicates: 0,
  notificationReordering: false,
  createdIsAlsoUpdated: true,
  updatedPerEdit: 1,
  exceptionNotifications: 'master',
  slowEndpointPolicy: 'current',
  reauthorizationLeadMs: 30 * 60_000,
};
