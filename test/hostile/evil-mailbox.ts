import type { SimulatedMailbox } from '../../src/simulator/index.ts';

const at = (date: string, hour: string, timeZone = 'W. Europe Standard Time') => ({
  dateTime: `${date}T${hour}:00`,
  timeZone,
});

/** One of each kind, so that every property of an event is somewhere. */
export function furnish(mailbox: SimulatedMailbox): void {
  mailbox.createEvent({
    subject: 'Glazing',
    body: { contentType: 'html', content: '<p>Bring <b>two</b> kilos</p>' },
    start: at('2026-03-04', '09:00'),
    end: at('2026-03-04', '10:00'),
    location: { displayName: 'Kiln room' },
    categories: ['Work'],
    isReminderOn: true,
    reminderMinutesBeforeStart: 15,
  });
  mailbox.createEvent({
    subject: 'Fair',
    start: at('2026-03-06', '00:00'),
    end: at('2026-03-08', '00:00'),
    isAllDay: true,
  });
  mailbox.createEvent({
    subject: 'With guests',
    start: at('2026-03-10', '13:00', 'UTC'),
    end: at('2026-03-10', '14:30', 'UTC'),
    attendees: [{ type: 'required', emailAddress: { name: 'Ben Ode', address: 'ben@example.com' } }],
  });
  mailbox.createEvent({
    subject: 'Every Monday',
    start: at('2026-03-02', '11:00'),
    end: at('2026-03-02', '12:00'),
    recurrence: {
      pattern: { type: 'weekly', interval: 1, daysOfWeek: ['monday'], firstDayOfWeek: 'sunday' },
      range: { type: 'numbered', startDate: '2026-03-02', numberOfOccurrences: 10 },
    },
  });
}
