/** The demonstration's application: a physiotherapy practice whose bookings live in its own calendar. */
export interface DemoEvent {
  readonly subject: string;
  readonly body?: { readonly contentType: 'text' | 'html'; readonly content: string };
  readonly start: { readonly dateTime: string; readonly timeZone: string };
  readonly end: { readonly dateTime: string; readonly timeZone: string };
  readonly isAllDay?: boolean;
  readonly location?: { readonly displayName: string };
  readonly categories?: readonly string[];
  readonly sensitivity?: 'private';
  readonly showAs?: 'free' | 'oof';
  readonly reminderMinutesBeforeStart?: number;
  readonly recurrence?: Record<string, unknown>;
}

const ZONE = 'Europe/Berlin';
const DAY_MS = 24 * 60 * 60 * 1000;

/** What both sides will change at once, so that a conflict can be seen. */
export const CONTESTED_SUBJECT = 'Treatment plan review: J. Okafor';
export const CONTESTED_HERE = 'Treatment plan review: J. Okafor (bring X-rays)';
export const CONTESTED_IN_OUTLOOK = 'Treatment plan review: J. Okafor, with Dr. Lindqvist';

/** A dozen bookings around a day, the first week of them ahead. */
export function demoEvents(now: Date): DemoEvent[] {
  const day = (offset: number) => new Date(now.getTime() + offset * DAY_MS).toISOString().slice(0, 10);
  const at = (offset: number, time: string) => ({ dateTime: `${day(offset)}T${time}:00`, timeZone: ZONE });
  const on = (offset: number) => ({ dateTime: `${day(offset)}T00:00:00`, timeZone: ZONE });
  const room = (number: number) => ({ displayName: `Treatment room ${number}` });
  return [
    {
      subject: 'Initial assessment: M. Brandt',
      start: at(1, '09:00'),
      end: at(1, '09:45'),
      location: room(1),
      categories: ['Patients'],
    },
    {
      subject: 'Manual therapy: S. Yıldız',
      start: at(1, '10:00'),
      end: at(1, '10:30'),
      location: room(2),
      categories: ['Patients'],
    },
    {
      subject: CONTESTED_SUBJECT,
      body: { contentType: 'text', content: 'Six weeks after surgery. Discuss load and the next goals.' },
      start: at(2, '11:00'),
      end: at(2, '11:40'),
      location: room(1),
      categories: ['Patients'],
    },
    {
      subject: 'Back-care class',
      body: { contentType: 'html', content: '<p>Ten places. <b>Mats and bands</b> are in the cupboard.</p>' },
      start: at(2, '17:30'),
      end: at(2, '18:30'),
      location: { displayName: 'Gym' },
      categories: ['Classes'],
      recurrence: {
        pattern: { type: 'daily', interval: 7 },
        range: { type: 'numbered', startDate: day(2), numberOfOccurrences: 8 },
      },
    },
    {
      subject: 'Supervision with the trainees',
      start: at(3, '13:00'),
      end: at(3, '14:00'),
      location: { displayName: 'Staff room' },
    },
    {
      subject: 'Gait analysis: Ł. Wójcik 🏃',
      start: at(3, '15:00'),
      end: at(3, '16:00'),
      location: room(2),
      categories: ['Patients'],
    },
    {
      subject: 'Call the health insurer about A. Rossi',
      start: at(4, '08:30'),
      end: at(4, '08:45'),
      reminderMinutesBeforeStart: 5,
    },
    {
      subject: 'Home visit: Mrs. Nakamura',
      start: at(4, '10:30'),
      end: at(4, '11:30'),
      location: { displayName: 'Lindenstraße 12' },
    },
    { subject: 'Equipment inspection', start: on(6), end: on(7), isAllDay: true, showAs: 'free' },
    { subject: 'Own appointment', start: at(8, '16:00'), end: at(8, '17:00'), sensitivity: 'private' },
    {
      subject: 'Team meeting: rota for next month',
      start: at(9, '12:00'),
      end: at(9, '12:45'),
      location: { displayName: 'Staff room' },
    },
    { subject: 'Practice closed: training days', start: on(20), end: on(22), isAllDay: true, showAs: 'oof' },
  ];
}
