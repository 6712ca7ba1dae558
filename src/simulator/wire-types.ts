/** What goes over the wire, in Graph's names. Properties may be missing: `$select`, bare occurrences. */
export interface WireDateTime {
  dateTime: string;
  timeZone: string;
}

export interface WireAttendee {
  type: string;
  status: { response: string; time: string };
  emailAddress: { name: string; address: string };
}

export interface WireRecurrence {
  pattern: {
    type: string;
    interval: number;
    month: number;
    dayOfMonth: number;
    daysOfWeek?: string[];
    firstDayOfWeek: string;
    index: string;
  };
  range: {
    type: string;
    startDate: string;
    endDate: string;
    recurrenceTimeZone: string;
    numberOfOccurrences: number;
  };
}

export interface WireEvent {
  '@odata.etag': string;
  id: string;
  changeKey: string;
  createdDateTime: string;
  lastModifiedDateTime: string;
  type: string;
  subject: string;
  body: { contentType: string; content: string };
  bodyPreview: string;
  start: WireDateTime;
  end: WireDateTime;
  isAllDay: boolean;
  originalStartTimeZone: string;
  originalEndTimeZone: string;
  iCalUId: string;
  uid: string;
  seriesMasterId: string | null;
  occurrenceId: string | null;
  transactionId: string | null;
  recurrence: WireRecurrence | null;
  categories: string[];
  importance: string;
  sensitivity: string;
  showAs: string;
  isReminderOn: boolean;
  reminderMinutesBeforeStart: number;
  location: Record<string, unknown> & { displayName: string };
  locations: (Record<string, unknown> & { displayName: string })[];
  attendees: WireAttendee[];
  organizer: { emailAddress: { name: string; address: string } };
  isOrganizer: boolean;
  isCancelled: boolean;
  responseStatus: { response: string; time: string };
  isOnlineMeeting: boolean;
  onlineMeeting: { joinUrl: string; conferenceId: string; tollNumber?: string } | null;
  [property: string]: unknown;
}
