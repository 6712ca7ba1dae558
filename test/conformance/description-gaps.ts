/** A path Graph answers and Microsoft's file lacks, with what the answers are held against instead. */
export interface Gap {
  readonly method?: string;
  readonly path: RegExp;
  readonly reason: string;
  /** A path of the file with the same answers. */
  readonly readAs?: (path: string) => string;
  /** A type of the file that the answer is of, or a collection of it. Without either only refusals are looked at. */
  readonly type?: string;
}

export const GAPS: readonly Gap[] = [
  {
    path: /\/supportedTimeZones(\(TimeZoneStandard=.*\))?$/i,
    reason: 'the file has the function with parentheses only, and none of its parameter',
    readAs: (path) => path.replace(/supportedTimeZones.*$/i, 'supportedTimeZones()'),
  },
  { path: /\/mailboxSettings\/timeZone$/, reason: 'the file has mailboxSettings as a whole' },
  { path: /\/translateExchangeIds$/, reason: 'an action of the user, outside of the slice' },
  { method: 'PUT', path: /\/events\/[^/]+$/, reason: 'there is no PUT on events: the answer is a refusal' },
  { method: 'GET', path: /^\/\$batch$/, reason: 'there is no GET on $batch: the answer is a refusal' },
  { path: /\/drive$/, reason: 'no calendar: the answer is a refusal' },
  {
    path: /\/calendars?(\/[^/]+)?\/events\/[^/]+\/(calendar$|instances\/delta|attachments(\/[\w=-]{30,})?$)/,
    reason: 'below an event the file goes on for /events only',
    readAs: (path) => path.replace(/\/calendar(s\/[^/]+)?\/events/, '/events'),
  },
  {
    path: /\/calendarGroups\/[^/]+\/calendars\/[^/]+/,
    reason: 'below a group the file ends with its calendars',
    readAs: (path) => path.replace(/\/calendarGroups\/[^/]+/, ''),
  },
  { path: /\/extensions(\/[^/]+)?$/, reason: 'navigation the slice leaves out', type: 'openTypeExtension' },
  { path: /\/masterCategories\/[^/]+$/, reason: 'the file ends with the list', type: 'outlookCategory' },
  { path: /\/attachments\/[^/]+\/\$value$/, reason: 'the file itself: no JSON' },
  { path: /\/attachments\/createUploadSession$/, reason: 'an action of attachments, outside of the slice' },
  { path: /\/reminderView\(/, reason: 'a function of the user, outside of the slice' },
];

/** Names in answers that the file does not have. */
export const UNKNOWN_NAMES: Readonly<Record<string, string>> = {
  'event.uid': 'recorded v1.0 answers carry it (recordings of 2026; README of the file, "looser" 5)',
  'event.occurrenceId': 'recorded v1.0 answers carry it (recordings of 2026; README of the file, "looser" 5)',
  'ODataErrors.MainError.innerError':
    'the file writes innererror, the service innerError (README of the file, "looser" 7)',
};

/** Operations of the file that no answer of the tour with a documented success stands for. */
export const NOT_ANSWERED: readonly { readonly operations: RegExp; readonly reason: string }[] = [
  { operations: /^DELETE \/users\/\{user-id\}$/, reason: 'accounts are made and removed by the test, not over Graph' },
  {
    operations: /^PATCH (\/me|\/users\/\{user-id\})$/,
    reason: 'accounts are made and removed by the test, not over Graph',
  },
  { operations: /\/instances\/delta/, reason: 'in the file only: nobody has seen what it answers' },
];

/** Where an answer contradicts the file, and the file is not right. */
export const CONTRADICTIONS: readonly { readonly complaint: RegExp; readonly reason: string }[] = [
  {
    complaint: /getSchedule 200: \/value\/\d+( |\/scheduleItems must be array)/,
    reason: 'of a schedule that cannot be had the service says scheduleItems: null',
  },
];
