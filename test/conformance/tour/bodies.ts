/** Bodies in the spelling of the description; what Graph takes besides is in Microsoft's examples. */
export const ZONE = 'W. Europe Standard Time';

export const at = (time: string) => ({ dateTime: `2026-03-04T${time}:00`, timeZone: ZONE });

export const anEvent = (change: Record<string, unknown> = {}) => ({
  subject: 'Tile order',
  start: at('09:00'),
  end: at('10:00'),
  ...change,
});

export const allDay = () => ({
  subject: 'Fair',
  isAllDay: true,
  start: { dateTime: '2026-03-10T00:00:00', timeZone: ZONE },
  end: { dateTime: '2026-03-12T00:00:00', timeZone: ZONE },
});

/** Mondays from 2 March 2026 on, across the change to summer time. */
export const aSeries = () => ({
  subject: 'Standup',
  start: { dateTime: '2026-03-02T09:00:00', timeZone: ZONE },
  end: { dateTime: '2026-03-02T09:30:00', timeZone: ZONE },
  recurrence: {
    pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' },
    range: { type: 'numbered', startDate: '2026-03-02', numberOfOccurrences: 8, recurrenceTimeZone: ZONE },
  },
});

const GUESTS = [
  { type: 'required', emailAddress: { name: 'Ben Ode', address: 'ben@example.com' } },
  { type: 'optional', emailAddress: { name: 'Vic', address: 'vic@example.org' } },
];

export const MEETING = {
  ...anEvent({ subject: 'Glaze tasting' }),
  attendees: GUESTS,
  isOnlineMeeting: true,
  onlineMeetingProvider: 'teamsForBusiness',
  allowNewTimeProposals: true,
};

/** Every writable property at once. */
export const RICH = {
  ...anEvent(),
  body: { contentType: 'html', content: '<p>Bring <b>samples</b></p>' },
  location: { displayName: 'Yard', address: { street: 'Kilnweg 3', city: 'Ulm', postalCode: '89073' } },
  categories: ['Travel'],
  importance: 'high',
  sensitivity: 'personal',
  showAs: 'tentative',
  isReminderOn: true,
  reminderMinutesBeforeStart: 30,
  responseRequested: false,
  hideAttendees: true,
  singleValueExtendedProperties: [{ id: 'String {6ed8175d-9a6e-4b7f-a1e4-2d4bb4b8c001} Name origin', value: 'crm:17' }],
};
