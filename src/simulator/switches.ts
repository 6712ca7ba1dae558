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
  /** Delta: a change becomes visible only this much later. */
  deltaVisibilityDelayMs: number;
  /** `POST /calendars` answers an id that is replaced by another one right after. */
  calendarIdChangesAfterCreate: boolean;
  /** Requests at a time per application and mailbox. 0: no limit. */
  concurrencyLimit: number;
  concurrencyStatus: 429 | 503;
  /** Requests per application and mailbox in ten minutes. 0: no limit. */
  requestLimit: number;
  retryAfter: 'integer' | 'decimal' | 'date' | 'absent';
  retryAfterSeconds: number;
  /** Real time every request takes. */
  latencyMs: number;
  /** Share of Graph requests (0 to 1) hit by a random error, in the manner of Microsoft's Dev Proxy. */
  faultRate: number;
  /** Batch answers come in any order, as Graph's do. */
  shuffleBatch: boolean;
}

export const defaultSwitches: SimulatorSwitches = {
  ifMatch: 'enforce',
  spontaneousTouch: false,
  patternChangeDropsExceptions: true,
  allDayWindow: 'utc',
  secondDelete: 404,
  duplicateTransaction: 'same-id',
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
  deltaVisibilityDelayMs: 0,
  calendarIdChangesAfterCreate: false,
  concurrencyLimit: 4,
  concurrencyStatus: 429,
  requestLimit: 10_000,
  retryAfter: 'integer',
  retryAfterSeconds: 1,
  latencyMs: 0,
  faultRate: 0,
  shuffleBatch: true,
};
