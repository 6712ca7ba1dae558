import type { EventInput } from '../core/event-input.ts';
import type { ResponseKind } from '../core/event-response.ts';
import type { ConflictId, JobId, UserId } from '../core/ids.ts';
import type { Clock, Fetch, Logger, Random } from '../core/runtime.ts';
import type { ConflictStrategy, SyncDirection, SyncSettings } from '../core/settings.ts';
import type { WebhookEvent } from '../core/webhook-event.ts';
import type { RunStatus } from '../store/run.repository.ts';
import type { AuditLogQuery } from '../sync/audit.service.ts';
import type { ConflictQuery } from '../sync/conflict.service.ts';
import type { CalendarSettingsPatch } from '../sync/settings.service.ts';
import type { Limits } from './limits.ts';
import type { SharedCounts } from './rate-limits.ts';

/**
 * The use cases as the HTTP API calls them. They are named here by their shape, so that a route can be tried with a
 * stand-in; what they answer is described by the schemas, which the specs hold real answers against.
 */

export type Role = 'user' | 'operator' | 'admin';

/** Who calls, as their token says. */
export interface Caller {
  readonly userId: UserId;
  readonly roles: readonly Role[];
  /** Addresses their token vouches for, in lower case. */
  readonly mailboxes: readonly string[];
}

export interface Correlated {
  readonly correlationId: string;
}

interface Page {
  readonly limit: number;
  readonly offset: number;
}

interface Items {
  readonly items: readonly object[];
}

export interface EventAnswer {
  readonly id: string;
  readonly etag: string;
}

export interface RunAnswer {
  readonly jobId: JobId;
  readonly status: RunStatus;
}

export interface SyncRequest {
  readonly direction?: SyncDirection;
  readonly calendarId?: string;
  readonly conflictResolution?: ConflictStrategy;
  readonly forceFull?: boolean;
  readonly dateRange?: { readonly start: string; readonly end: string };
  readonly confirmDeletions?: string;
}

/** How a sign-in with Microsoft ended, or what is to be asked first. */
export type CallbackOutcome =
  | { readonly kind: 'connected'; readonly mailbox: string }
  | { readonly kind: 'kept'; readonly mailbox: string | undefined }
  | {
      readonly kind: 'question';
      readonly token: string;
      readonly mailbox: string;
      readonly requestedBy: string;
      readonly boundMailbox?: string;
    }
  | {
      readonly kind: 'refused';
      readonly why:
        | 'spent'
        | 'cancelled'
        | 'consent'
        | 'permissions'
        | 'policy'
        | 'code'
        | 'mailbox'
        | 'away'
        | 'operator';
      readonly adminConsentUrl?: string;
    };

export interface ApiServices {
  readonly eventService: {
    list(
      userId: UserId,
      query: {
        calendarId?: string;
        start?: string;
        end?: string;
        expand?: 'occurrences';
        limit: number;
        cursor?: string;
      },
    ): Promise<Items & { readonly nextCursor: string | null }>;
    get(userId: UserId, id: string): Promise<EventAnswer>;
    body(userId: UserId, id: string, how: { readonly withImages: boolean }): Promise<object>;
    create(
      userId: UserId,
      input: EventInput & { readonly calendarId?: string },
      how: Correlated & { readonly idempotencyKey?: string },
    ): Promise<{ readonly event: EventAnswer; readonly isRepeated: boolean }>;
    update(
      userId: UserId,
      id: string,
      input: EventInput,
      how: Correlated & { readonly ifMatch?: string },
    ): Promise<EventAnswer>;
    updateFollowing(
      userId: UserId,
      id: string,
      input: EventInput,
      how: Correlated & { readonly ifMatch?: string; readonly idempotencyKey?: string },
    ): Promise<{ readonly event: EventAnswer; readonly isRepeated: boolean }>;
    delete(userId: UserId, id: string, how: Correlated & { readonly ifMatch?: string }): Promise<void>;
    deleteFollowing(userId: UserId, id: string, how: Correlated & { readonly ifMatch?: string }): Promise<void>;
    instances(userId: UserId, masterId: string, range: { start: string; end: string }): Promise<Items>;
    changes(userId: UserId, page: { cursor?: string; limit: number }): Promise<object>;
    importIcs(userId: UserId, ics: string, how: Correlated & { readonly calendarId?: string }): Promise<object>;
    exportIcs(userId: UserId, how: { readonly calendarId?: string }): Promise<string>;
  };
  readonly journalService: {
    revert(userId: UserId, jobId: JobId, how: Correlated & { readonly eventIds?: readonly string[] }): Promise<object>;
  };
  readonly responseService: {
    respond(
      userId: UserId,
      id: string,
      input: { readonly response: ResponseKind; readonly comment?: string; readonly sendResponse?: boolean },
      how: Correlated & { readonly ifMatch?: string },
    ): Promise<EventAnswer>;
  };
  readonly attachmentService: {
    list(userId: UserId, eventId: string): Promise<Items>;
    content(
      userId: UserId,
      eventId: string,
      id: string,
    ): Promise<{ readonly name: string; readonly content: Uint8Array }>;
    add(
      userId: UserId,
      eventId: string,
      input: {
        readonly name: string;
        readonly contentType: string;
        readonly content: Uint8Array;
        readonly isInline?: boolean;
        readonly contentId?: string;
      },
      how: Correlated,
    ): Promise<object>;
    remove(userId: UserId, eventId: string, id: string, how: Correlated): Promise<void>;
  };
  readonly connectionService: {
    get(userId: UserId): Promise<object>;
    connectApplication(
      caller: Caller,
      input: { readonly mailbox: string; readonly userId?: string; readonly correlationId?: string },
    ): Promise<object>;
    disconnect(
      userId: UserId,
      how: { readonly caller?: Pick<Caller, 'userId' | 'roles'>; readonly correlationId?: string },
    ): Promise<void>;
  };
  readonly authorizationService: {
    begin(
      caller: Caller,
      how: Correlated,
    ): Promise<{
      readonly authorizationUrl: string;
      readonly adminConsentUrl: string;
      /** For the cookie of the browser that asked. */
      readonly browserSecret: string;
      readonly validSeconds: number;
    }>;
    complete(
      query: {
        readonly state?: string | undefined;
        readonly code?: string | undefined;
        readonly error?: string | undefined;
      },
      browserSecret: string | undefined,
    ): Promise<CallbackOutcome>;
    answer(token: string, mayConnect: boolean): Promise<CallbackOutcome>;
  };
  readonly subscriptionManager: {
    receive(
      notifications: readonly {
        readonly subscriptionId?: unknown;
        readonly clientState?: unknown;
        readonly lifecycleEvent?: unknown;
      }[],
    ): Promise<number>;
  };
  readonly calendarService: {
    list(userId: UserId): Promise<Items>;
    refresh(userId: UserId, how: Correlated): Promise<Items>;
    update(userId: UserId, calendarId: string, patch: CalendarSettingsPatch, how: Correlated): Promise<object>;
  };
  readonly runService: {
    start(
      userId: UserId,
      request: SyncRequest,
      how: Correlated,
    ): Promise<{ readonly jobId: JobId; readonly status: 'started' | 'already_running' }>;
    status(userId: UserId | undefined, jobId: JobId): Promise<RunAnswer>;
    history(query: Page & { userId?: UserId; calendarId?: string; status?: RunStatus }): Promise<Items>;
    operations(userId: UserId | undefined, jobId: JobId, page: Page): Promise<Items>;
    cancel(userId: UserId | undefined, jobId: JobId, how: Correlated & { readonly caller: Caller }): Promise<RunAnswer>;
    watch(userId: UserId | undefined, jobId: JobId, signal: AbortSignal): AsyncGenerator<RunAnswer>;
  };
  readonly previewService: { preview(userId: UserId, request: SyncRequest): Promise<object> };
  readonly statisticsService: {
    metrics(userId: UserId | undefined, days: number): Promise<MetricsAnswer>;
    conflicts(userId: UserId | undefined, days: number): Promise<object>;
  };
  readonly healthService: { check(): Promise<{ readonly status: 'ok' | 'degraded' | 'down' }> };
  readonly settings: {
    get(userId: UserId): Promise<SyncSettings>;
    put(userId: UserId, changes: Partial<SyncSettings>, how: Correlated): Promise<SyncSettings>;
  };
  readonly webhookService: {
    list(userId: UserId): Promise<Items>;
    create(
      caller: Caller,
      input: { readonly url: string; readonly events: readonly WebhookEvent[] },
      how: Correlated,
    ): Promise<object>;
    update(
      caller: Caller,
      id: string,
      patch: { readonly events?: readonly WebhookEvent[]; readonly enabled?: boolean },
      how: Correlated,
    ): Promise<object>;
    delete(caller: Caller, id: string, how: Correlated): Promise<void>;
    deliveries(userId: UserId, id: string, page: Page): Promise<Items>;
    test(userId: UserId, id: string): Promise<object>;
  };
  readonly privacyService: {
    export(caller: Caller, how: Correlated): Promise<AsyncGenerator<Buffer>>;
    erase(caller: Caller, userId: UserId, how: Correlated): Promise<void>;
  };
  readonly auditService: {
    list(query: AuditLogQuery): Promise<Items & { readonly nextCursor: string | null }>;
    noteRefusedLogin(refused: Correlated & { readonly origin: string; readonly reason: string }): Promise<void>;
    lastRetention(): Promise<RetentionAnswer | undefined>;
  };
  readonly conflicts: {
    list(userId: UserId, query: ConflictQuery): Promise<Items>;
    get(userId: UserId, id: ConflictId): Promise<object>;
    resolve(
      userId: UserId,
      id: ConflictId,
      decision: Correlated & { resolution: string; resolvedData?: Readonly<Record<string, unknown>> | undefined },
    ): Promise<{ readonly conflict: object; readonly jobId: JobId }>;
  };
}

/** The figures of the last time old rows were deleted. */
export interface RetentionAnswer {
  readonly at: Date;
  readonly counts: Readonly<Record<string, number>>;
}

/** The figures that monitoring reads. */
export interface MetricsAnswer {
  readonly syncs: { readonly completed: number; readonly failed: number; readonly cancelled: number };
  readonly events: {
    readonly created: number;
    readonly updated: number;
    readonly deleted: number;
    readonly failed: number;
  };
  readonly conflicts: { readonly detected: number; readonly resolved: number };
  readonly graph: {
    readonly requests: number;
    readonly throttled: number;
    readonly retried: number;
    readonly failed: number;
  };
}

/** How callers' tokens are verified: by a shared secret, or by a key set's public keys. */
export interface TokenRules {
  readonly secret: string | undefined;
  readonly jwksUrl: string | undefined;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
}

/** Everything the server is made of. */
export interface ServerParts extends ApiServices {
  readonly config: {
    readonly jwt: TokenRules;
    readonly publicUrl: string | undefined;
    /** How many proxies in front, or which, may say where a request comes from. */
    readonly trustProxy?: number | readonly string[] | undefined;
    /** Origins of pages that may call from a browser. */
    readonly corsOrigins?: readonly string[];
  };
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The network to the key set of `JWT_JWKS_URL`. */
  readonly fetch?: Fetch;
  /** Why Microsoft refuses the application itself, while it does. */
  readonly operatorAlarm?: { readonly reason: string | undefined };
  /** Where processes count requests together; without, each counts alone. */
  readonly rateCounts?: SharedCounts;
  /** Other limits than the usual ones. */
  readonly limits?: Partial<Limits>;
}
