import type { Unit } from '../core/canonical-event.ts';
import type { SyncError } from '../core/errors.ts';
import type { EventContent, GraphFacts } from '../core/event.ts';
import type { ResponseKind } from '../core/event-response.ts';
import type { GraphCalendarId, GraphEventId } from '../core/ids.ts';
import type { SignInRef } from '../core/sign-in.ts';
import type { GraphStats } from './graph-stats.ts';

/** Graph's calendars as the sync engine sees them; `GraphCalendarClient` speaks to Microsoft. */
export interface CalendarGraph {
  /** `session.mailbox` may be an address here, an object id comes back. */
  getMailbox(session: GraphSession): Promise<RemoteMailbox>;
  listCalendars(session: GraphSession): Promise<RemoteCalendar[]>;
  /**
   * One page of a delta round, from its beginning or from a link.
   *
   * @throws {SyncError} `cursor-expired` for every form in which Graph says that a token is dead
   */
  fetchDeltaPage(session: GraphSession, from: DeltaStart): Promise<DeltaPage>;
  /** The same for several streams in one request: an outcome for each, in the order of `starts`. */
  fetchDeltaPages(session: GraphSession, starts: readonly DeltaStart[]): Promise<DeltaOutcome[]>;
  /** Which calendar each event is in now. Left out are those Graph does not say it of. */
  findCalendars(
    session: GraphSession,
    ids: readonly GraphEventId[],
  ): Promise<Map<GraphEventId, GraphCalendarId | 'gone'>>;
  /**
   * Events by id, read in batches; masters come without their exceptions. Left out are those of which Graph says neither that
   * they are there nor that they are gone, such as one whose id it cannot read any more.
   *
   * @param unread  takes those that Graph refuses to show or breaks down on; without it the others are not read either
   */
  readEvents(
    session: GraphSession,
    ids: readonly GraphEventId[],
    unread?: Unread,
  ): Promise<Map<GraphEventId, RemoteEvent | 'gone'>>;
  /**
   * Series whole: master, exceptions and cancelled dates. One that became a single event comes as such, without a rule; a
   * member of a series is answered under its master's id. What is left out is neither there nor gone, as above.
   *
   * @param unread  as above
   */
  readSeries(
    session: GraphSession,
    masterIds: readonly GraphEventId[],
    window: { readonly start: Date; readonly end: Date },
    unread?: Unread,
  ): Promise<Map<GraphEventId, RemoteSeries | 'gone'>>;
  /** Writes in batches. An event may appear once in a call; every operation gets its outcome, in any order. */
  write(session: GraphSession, operations: readonly WriteOperation[]): Promise<WriteOutcome[]>;
  /** Where occurrences are addressed: ids and tags by original date. Dates that do not occur are left out. */
  findOccurrences(
    session: GraphSession,
    masterId: GraphEventId,
    originalDates: readonly string[],
    timeZone: string,
  ): Promise<Map<string, { readonly id: GraphEventId; readonly etag: string }>>;
  /** The copy of a meeting this mailbox has now, by what all copies share: in one of its calendars, or in the default one. */
  findByICalUId(session: GraphSession, iCalUId: string, calendarId?: GraphCalendarId): Promise<RemoteEvent | undefined>;
  /**
   * Answers an invitation, or one date of a series, once: after a failure of which nobody knows whether Graph acted on the
   * request, it is not repeated.
   *
   * @throws {SyncError} `unavailable` when that is unknown
   */
  respond(session: GraphSession, id: GraphEventId, answer: MeetingResponse): Promise<void>;
  /** Graph's clock minus ours, milliseconds, good to a second; unknown before the first answer. */
  serverClockOffsetMs(): number | undefined;
}

/** Events that Graph refuses to show, or breaks down on, each with what it said: a reading of several goes on without them. */
export type Unread = Map<GraphEventId, SyncError>;

/** One run's conversation with one mailbox. */
export interface GraphSession {
  /** Graph's user id of the mailbox. */
  readonly mailbox: string;
  /** Whose sign-in opens it; without one, the application's own permissions do. */
  readonly signIn?: SignInRef | undefined;
  readonly correlationId: string;
  readonly signal?: AbortSignal | undefined;
  readonly stats: GraphStats;
}

export interface RemoteMailbox {
  readonly id: string;
  readonly address: string;
  readonly displayName?: string | undefined;
  readonly timeZone?: string | undefined;
}

export interface RemoteCalendar {
  readonly id: GraphCalendarId;
  readonly name: string;
  readonly isDefault: boolean;
  readonly canEdit: boolean;
  readonly ownerAddress?: string | undefined;
  readonly color?: string | undefined;
}

export type DeltaStart =
  | { readonly calendarId: GraphCalendarId; readonly window: { readonly start: Date; readonly end: Date } }
  | { readonly link: string };

/** Exactly one of the links is present. */
export interface DeltaPage {
  readonly items: readonly DeltaItem[];
  readonly nextLink?: string | undefined;
  readonly deltaLink?: string | undefined;
}

export type DeltaOutcome =
  | { readonly ok: true; readonly page: DeltaPage }
  | { readonly ok: false; readonly error: SyncError };

export type DeltaItem =
  | { readonly kind: 'event'; readonly event: RemoteEvent }
  | {
      readonly kind: 'occurrence';
      readonly id: GraphEventId;
      readonly seriesMasterId: GraphEventId;
      readonly etag: string;
      /** Of what came in part, and does not let itself be read whole. */
      readonly isUnread?: true;
    }
  | { readonly kind: 'removed'; readonly id: GraphEventId };

export interface RemoteEvent {
  readonly id: GraphEventId;
  readonly etag: string;
  readonly type: 'singleInstance' | 'seriesMaster' | 'occurrence' | 'exception';
  readonly seriesMasterId?: GraphEventId | undefined;
  /** `yyyy-MM-dd` in the series' zone; of occurrences and exceptions. */
  readonly originalDate?: string | undefined;
  /** A master's `occurrences` are empty unless it was read as a series. */
  readonly content: EventContent;
  readonly facts: GraphFacts;
  readonly transactionId?: string | undefined;
  readonly lastModifiedAt?: Date | undefined;
  readonly createdAt?: Date | undefined;
}

export interface RemoteSeries extends RemoteEvent {
  /** Exceptions by original date. */
  readonly occurrenceIds: Readonly<
    Record<string, { readonly id: GraphEventId; readonly etag: string; readonly hasAttachments?: true }>
  >;
  /** Exceptions and cancelled dates outside of this could not be seen; absent when all of them were. */
  readonly seenWithin?: { readonly start: Date; readonly end: Date } | undefined;
}

export type WriteOperation =
  | {
      readonly kind: 'create';
      readonly key: string;
      readonly calendarId: GraphCalendarId;
      readonly content: EventContent;
      readonly transactionId: string;
      readonly sendAttendees: boolean;
    }
  | {
      readonly kind: 'update';
      readonly key: string;
      readonly id: GraphEventId;
      /** Guards the write; without it the newest state is overwritten. */
      readonly etag?: string | undefined;
      readonly content: EventContent;
      /** Only the fields of these are sent. */
      readonly units: readonly Unit[];
      readonly sendAttendees: boolean;
      /** Of an occurrence: writes to one series are carried out one after the other. */
      readonly seriesMasterId?: GraphEventId | undefined;
      /** Under this tag it is no series at Graph, so that no rule has to be taken from it. */
      readonly isSingle?: boolean;
    }
  | {
      readonly kind: 'delete';
      readonly key: string;
      readonly id: GraphEventId;
      readonly etag?: string | undefined;
      /** Of an occurrence, as above. */
      readonly seriesMasterId?: GraphEventId | undefined;
    };

export interface MeetingResponse {
  readonly response: ResponseKind;
  readonly comment?: string | undefined;
  /** Mails the organizer. */
  readonly sendResponse: boolean;
}

/** Deleting what is gone already is a success. */
export type WriteOutcome =
  | {
      readonly key: string;
      readonly ok: true;
      readonly event?: RemoteEvent | undefined;
      /** Of a create that was repeated: perhaps an earlier attempt made the event, and somebody has changed it since. */
      readonly isRepeated?: boolean;
      /** Of a deletion: Graph knows nothing under this id. */
      readonly wasGone?: boolean;
    }
  | {
      readonly key: string;
      readonly ok: false;
      readonly error: SyncError;
      /** Of a create: perhaps an earlier attempt of this call made an event that is not there any more. */
      readonly isRepeated?: boolean;
      /** Graph carried the write out, then or before, or may have: the error is about what was read afterwards, or met by a repetition. */
      readonly isCarriedOut?: boolean;
    };
