import type { MailboxMisfortunes } from '../misfortunes/state.ts';

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
  onlineMeeting: { joinUrl: string; conferenceId: string; tollNumber?: string } | null;
}

/** What hangs on an event besides its content. Absent: nothing; on an exception: what the master has. */
export interface Hangings {
  attachments?: StoredAttachment[];
  extensions?: StoredExtension[];
  multiExtended?: { id: string; value: string[] }[];
}

export interface StoredAttachment {
  /** Unique on its event, and never used again there. */
  k: number;
  type: 'file' | 'item' | 'reference';
  name: string;
  contentType: string | null;
  isInline: boolean;
  contentId: string | null;
  contentLocation: string | null;
  size: number;
  modifiedMs: number;
  /** Base64, of a file. */
  bytes?: string;
  /** The attached event, contact or message as it was sent. */
  item?: Record<string, unknown>;
}

export interface StoredExtension {
  name: string;
  data: Record<string, unknown>;
}

/** One changed occurrence: only what differs from the master. */
export interface StoredException extends Hangings {
  /** Single-value extended properties, when they differ from the master's. */
  extended?: { id: string; value: string }[];
  override: Partial<Content>;
  version: number;
  createdMs: number;
  modifiedMs: number;
  isCancelled: boolean;
  response?: ResponseStatus;
}

export interface StoredItem extends Hangings {
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
  /** Laid over the event wherever it is shown: damage the store has no words for. */
  shown?: Record<string, unknown> | undefined;
  /** The organiser changed it in Outlook and has not sent that to anybody yet. */
  isDraft?: boolean;
  /** Of the attachment added last. */
  lastAttachment?: number;
  /** By original date, '' for the item itself: a reminder that was dismissed or put off. */
  reminders?: Record<string, { dismissed: boolean; fireMs: number | null }>;
  /** Deleted for good: not in Deleted Items, where a person finds it. */
  purged?: boolean;
  /** How often it came back from Deleted Items. */
  generation?: number;
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
  /** Number of its calendar group; absent: the default group. */
  group?: number;
  defaultOnlineMeetingProvider?: string;
  /** Allows no online meetings: an event made here with one silently has none. */
  withoutMeetings?: boolean;
  /** Whom the owner gave which rights. */
  permissions?: StoredPermission[];
  /** The role of "My Organization", when the owner chose one. */
  organizationRole?: CalendarRole;
  /** Not a calendar of this mailbox, but the entry through which its owner sees one of another. */
  link?: { owner: string; folder: number; isOldStyle: boolean };
}

export type CalendarRole =
  | 'none'
  | 'freeBusyRead'
  | 'limitedRead'
  | 'read'
  | 'write'
  | 'delegateWithoutPrivateEventAccess'
  | 'delegateWithPrivateEventAccess'
  | 'custom';

export interface StoredPermission {
  emailAddress: Address;
  role: CalendarRole;
}

export interface StoredGroup {
  n: number;
  name: string;
  classId: string;
  version: number;
}

/** How somebody looks at a calendar that is not theirs: with which rights, through which entry of their own list. */
export interface Seen {
  role: CalendarRole;
  entry: StoredCalendar | undefined;
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
  /** Serials above `after` up to `upTo`: issued in a time that was undone by putting a snapshot back. */
  discardedTokens?: { after: number; upTo: number }[];
  calendars: StoredCalendar[];
  /** What is wrong with the mailbox as a whole; replaced as a whole. */
  misfortunes?: MailboxMisfortunes;
  /** Absent: only the default group, as a new mailbox has it. */
  groups?: StoredGroup[];
  /** Names of extensions and extended properties ever used: each takes a place in the store for ever. */
  propertyNames?: string[];
  /** The list behind `outlook/masterCategories`; absent: the six a new mailbox has. */
  categories?: { id: string; displayName: string; color: string }[];
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
  /** What the sender wrote along. */
  comment?: string;
}

export const NEVER = '0001-01-01T00:00:00Z';
