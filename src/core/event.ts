/**
 * An event's content in Graph's names and shapes (resource types `event`, `itemBody`, `dateTimeTimeZone`, `location`,
 * `patternedRecurrence`, `attendee`), without the server's fillers: what our store keeps and our HTTP API speaks.
 */
export interface DateTimeTimeZone {
  /** Wall clock without offset: `2026-03-29T09:30:00`, up to seven fractional digits. */
  readonly dateTime: string;
  /** Windows or IANA name; what the person chose, kept through a round trip. */
  readonly timeZone: string;
}

export interface ItemBody {
  readonly contentType: 'text' | 'html';
  readonly content: string;
}

export interface Location {
  readonly displayName: string;
  readonly locationEmailAddress?: string;
  readonly locationUri?: string;
  readonly address?: Readonly<Record<string, string>>;
  readonly coordinates?: { readonly latitude?: number; readonly longitude?: number };
}

export interface EmailAddress {
  readonly name?: string;
  readonly address?: string;
}

export interface Attendee {
  readonly type: 'required' | 'optional' | 'resource';
  readonly emailAddress: EmailAddress;
  /** The guest's answer; read-only, never compared. */
  readonly status?: { readonly response: string; readonly time?: string };
}

export type DayOfWeek = 'sunday' | 'monday' | 'tuesday' | 'wednesday' | 'thursday' | 'friday' | 'saturday';
export type WeekIndex = 'first' | 'second' | 'third' | 'fourth' | 'last';

/** Only the members the pattern's type uses are present; Graph's fillers are dropped on reading. */
export interface RecurrencePattern {
  readonly type: 'daily' | 'weekly' | 'absoluteMonthly' | 'relativeMonthly' | 'absoluteYearly' | 'relativeYearly';
  readonly interval: number;
  readonly daysOfWeek?: readonly DayOfWeek[];
  readonly firstDayOfWeek?: DayOfWeek;
  readonly dayOfMonth?: number;
  readonly month?: number;
  readonly index?: WeekIndex;
}

export interface RecurrenceRange {
  readonly type: 'endDate' | 'noEnd' | 'numbered';
  /** `yyyy-MM-dd`, in the series' zone. */
  readonly startDate: string;
  readonly endDate?: string;
  readonly numberOfOccurrences?: number;
  readonly recurrenceTimeZone?: string;
}

export interface PatternedRecurrence {
  readonly pattern: RecurrencePattern;
  readonly range: RecurrenceRange;
}

export type ShowAs = 'free' | 'tentative' | 'busy' | 'oof' | 'workingElsewhere' | 'unknown';
export type Sensitivity = 'normal' | 'personal' | 'private' | 'confidential';
export type Importance = 'low' | 'normal' | 'high';

/** The fields a person can write. Every field is always present; `null` or empty means "none". */
export interface EventFields {
  readonly subject: string;
  readonly body: ItemBody | null;
  readonly start: DateTimeTimeZone;
  /** Exclusive for all-day events, as Graph has it. */
  readonly end: DateTimeTimeZone;
  readonly isAllDay: boolean;
  /** All places; Graph's `location` is derived from them when there is more than one. */
  readonly locations: readonly Location[];
  readonly attendees: readonly Attendee[];
  readonly showAs: ShowAs;
  readonly sensitivity: Sensitivity;
  readonly importance: Importance;
  readonly categories: readonly string[];
  readonly isReminderOn: boolean;
  readonly reminderMinutesBeforeStart: number;
  readonly isOnlineMeeting: boolean;
}

/** One date of a series that differs from the rule: gone, or with fields of its own (only those that differ from the master). */
export type OccurrenceOverride =
  | { readonly isCancelled: true }
  | { readonly isCancelled: false; readonly fields: Partial<EventFields> };

/**
 * A single event, or a whole series as one aggregate (master, exceptions, cancelled dates).
 *
 * `occurrences` is keyed by the original date (`yyyy-MM-dd`, in the series' zone) and is empty for a single event.
 */
export interface EventContent extends EventFields {
  readonly recurrence: PatternedRecurrence | null;
  readonly occurrences: Readonly<Record<string, OccurrenceOverride>>;
}

/** What Graph tells about an event besides its content: kept for display and decisions, never sent back. */
export interface GraphFacts {
  readonly iCalUId?: string;
  readonly organizer?: EmailAddress;
  /** False for an invitation by somebody else, which is read-only but for personal properties. */
  readonly isOrganizer: boolean;
  readonly isCancelled: boolean;
  readonly responseStatus?: { readonly response: string; readonly time?: string };
  readonly webLink?: string;
  readonly onlineMeeting?: { readonly joinUrl?: string };
  readonly hasAttachments?: boolean;
  /** The zone Graph names, and nobody knows, so that another stands in for it; empty when it names none for a series. */
  readonly unknownTimeZone?: string;
}

export const NEW_EVENT_DEFAULTS: Omit<EventContent, 'start' | 'end'> = {
  subject: '',
  body: null,
  isAllDay: false,
  locations: [],
  attendees: [],
  showAs: 'busy',
  sensitivity: 'normal',
  importance: 'normal',
  categories: [],
  isReminderOn: true,
  reminderMinutesBeforeStart: 15,
  isOnlineMeeting: false,
  recurrence: null,
  occurrences: {},
};
