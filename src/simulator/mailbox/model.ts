/** What the simulated store keeps. Plain JSON, so a snapshot is one `JSON.stringify`. */

export interface Address {
  name: string;
  address: string;
}

export interface ResponseStatus {
  response: string;
  time: string;
}

export interface StoredAttendee {
  type: string;
  status: ResponseStatus;
  emailAddress: Address;
  proposedNewTime?: unknown;
}

export type StoredLocation = Record<string, unknown> & { displayName: string };

export interface Pattern {
  type: 'daily' | 'weekly' | 'absoluteMonthly' | 'relativeMonthly' | 'absoluteYearly' | 'relativeYearly';
  interval: number;
  month: number;
  dayOfMonth: number;
  daysOfWeek: string[];
  firstDayOfWeek: string;
  index: string;
}

export interface Range {
  type: 'endDate' | 'noEnd' | 'numbered';
  startDate: string;
  endDate: string;
  recurrenceTimeZone: string;
  numberOfOccurrences: number;
}

export interface Recurrence {
  pattern: Pattern;
  range: Range;
}

/** The properties a person can set. Times are instants; for all-day events, UTC midnights of the floating dates. */
export interface Content {
  subject: string;
  /** The document as Exchange stores it, or '' when there is none. */
  bodyHtml: string;
  importance: string;
  sensitivity: string;
  showAs: string;
  isAllDay: boolean;
  startMs: number;
  endMs: number;
  /** Names as Outlook shows them; computing uses the IANA zone behind them. */
  startZone: string;
  endZone: string;
  categories: string[];
  isReminderOn: boolean;
  reminderMinutesBeforeStart: number;
  location: StoredLocation;
  locations: StoredLocation[];
  attendees: StoredAttendee[];
  responseRequested: boolean;
  allowNewTimeProposals: boolean;
  hideAttendees: boolean;
  isOnlineMeeting: boolean;
  onlineMeetingProvider: string;
  onlineMeeting: { joinUrl: string; conferenceId: string } | null;
}

/** One changed occurrence: only what differs from the master. */
export interface StoredException {
  override: Partial<Content>;
  version: number;
  createdMs: number;
  modifiedMs: number;
  isCancelled: boolean;
  response?: ResponseStatus;
}

export interface StoredItem {
  n: number;
  folder: number;
  /** In Deleted Items or purged: gone for every path, but remembered for tombstones and transaction ids. */
  deleted: boolean;
  content: Content;
  /** Present on series masters only. */
  recurrence: Recurrence | null;
  /** Keyed by original date, `yyyy-MM-dd` in the series' zone. */
  exceptions: Record<string, StoredException>;
  cancelled: string[];
  /** Behind `changeKey`; moves with every store-level change, those of exceptions included. */
  version: number;
  /** Behind the changeKey of plain occurrences; moves with the master's own content only. */
  contentVersion: number;
  createdMs: number;
  modifiedMs: number;
  /** 32 hex digits: the part of `iCalUId` that tells events apart. */
  uid: string;
  transactionId: string | null;
  transactionHash: string;
  isOrganizer: boolean;
  organizer: Address;
  response: ResponseStatus;
  isCancelled: boolean;
  extended: { id: string; value: string }[];
}

export interface StoredCalendar {
  folder: number;
  name: string;
  color: string;
  isDefault: boolean;
  canEdit: boolean;
  version: number;
  deleted: boolean;
  /** The id first answered by POST differs from the lasting one. */
  renumbered: boolean;
}

/** `all`: the whole item; `master`: the master alone; `removed`; a date: one occurrence; `cut:`+date: one deleted. */
export interface LogEntry {
  seq: number;
  at: number;
  folder: number;
  n: number;
  what: string;
}

export interface MailboxState {
  id: string;
  address: string;
  name: string;
  timeZone: string;
  nextItem: number;
  nextFolder: number;
  nextVersion: number;
  nextSeq: number;
  tokensIssued: number;
  oldestToken: number;
  calendars: StoredCalendar[];
}

/** A mail Exchange would have sent. */
export interface OutboxMail {
  kind: 'invitation' | 'update' | 'cancellation' | 'response' | 'forward';
  /** The mailbox that caused it. */
  mailbox: string;
  from: string;
  to: string[];
  subject: string;
  eventId: string;
  at: string;
}

export const NEVER = '0001-01-01T00:00:00Z';
