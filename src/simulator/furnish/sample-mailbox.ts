import type { GraphSimulator } from '../graph-simulator.ts';
import type { SimulatedMailbox } from '../mailbox/simulated-mailbox.ts';
import { DAY_MS, dateOf } from '../mailbox/zones.ts';
import { seededRandom, systemNow } from '../runtime.ts';
import { LONG_HTML, OFFICE, PEOPLE, PLACES, SHORT_HTML, SHORT_TEXT, TOPICS } from './sample-events.ts';

type Input = Record<string, unknown>;

/**
 * A mailbox that looks like a real person's year around `now`: a few hundred single events, series with
 * exceptions and cancelled dates, all-day and multi-day events, several zones, meetings organised and attended,
 * private items, long bodies. Deterministic for a given day; mails nobody.
 */
export function loadSampleMailbox(
  simulator: GraphSimulator,
  o: { address?: string; now?: number } = {},
): SimulatedMailbox {
  const mailbox = simulator.addMailbox({
    address: o.address ?? 'ada@example.com',
    name: 'Ada Lemke',
    timeZone: OFFICE,
  });
  simulator.quietly(() => new SampleYear(mailbox, o.now ?? systemNow()).furnish());
  return mailbox;
}

class SampleYear {
  readonly #mailbox: SimulatedMailbox;
  readonly #today: number;
  readonly #next = seededRandom(20_260_101);

  constructor(mailbox: SimulatedMailbox, now: number) {
    this.#mailbox = mailbox;
    this.#today = Math.floor(now / DAY_MS) * DAY_MS;
  }

  furnish(): void {
    this.#appointments();
    this.#workSeries();
    this.#lifeSeries();
    this.#allDay();
    this.#meetings();
    this.#secondCalendar();
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#next() * list.length)]!;
  }

  #date = (offset: number): string => dateOf(this.#today + offset * DAY_MS);

  /** The first given weekday (0 Sunday) at or after an offset. */
  #weekday(offset: number, weekday: number): number {
    const day = new Date(this.#today + offset * DAY_MS).getUTCDay();
    return offset + ((weekday - day + 7) % 7);
  }

  #times(offset: number, clock: string, minutes: number, zone = OFFICE): Input {
    const [hour, minute] = clock.split(':').map(Number) as [number, number];
    const start = this.#today + offset * DAY_MS + hour * 3_600_000 + minute * 60_000;
    const wall = (ms: number) => ({ dateTime: new Date(ms).toISOString().slice(0, 19), timeZone: zone });
    return { start: wall(start), end: wall(start + minutes * 60_000) };
  }

  #days(offset: number, days: number): Input {
    const midnight = (day: number) => ({ dateTime: `${this.#date(day)}T00:00:00`, timeZone: OFFICE });
    return { isAllDay: true, start: midnight(offset), end: midnight(offset + days) };
  }

  /** Working days of half a year back and half a year ahead, one appointment on most. */
  #appointments(): void {
    const zones = [
      OFFICE,
      OFFICE,
      OFFICE,
      'America/New_York',
      'Asia/Tokyo',
      'GMT Standard Time',
      'India Standard Time',
    ];
    for (let offset = -180; offset <= 180; offset += 1) {
      const weekday = new Date(this.#today + offset * DAY_MS).getUTCDay();
      if (weekday === 0 || weekday === 6 || this.#next() < 0.2) continue;
      const place = this.#pick(PLACES);
      const clock = `${String(9 + Math.floor(this.#next() * 8)).padStart(2, '0')}:${this.#pick(['00', '15', '30', '45'])}`;
      this.#mailbox.createEvent({
        subject: this.#pick(TOPICS),
        ...this.#times(offset, clock, this.#pick([15, 30, 45, 60, 90]), this.#pick(zones)),
        ...(place === '' ? {} : { location: { displayName: place } }),
        body: this.#pick([
          { contentType: 'html', content: SHORT_HTML },
          { contentType: 'text', content: SHORT_TEXT },
          { contentType: 'html', content: this.#next() < 0.15 ? LONG_HTML : '' },
        ]),
        categories: this.#next() < 0.3 ? [this.#pick(['Blue category', 'Travel', 'Größe XL'])] : [],
        sensitivity: this.#next() < 0.08 ? 'private' : 'normal',
        importance: this.#pick(['normal', 'normal', 'normal', 'high', 'low']),
        showAs: this.#pick(['busy', 'busy', 'busy', 'tentative', 'free', 'workingElsewhere']),
        isReminderOn: this.#next() < 0.8,
        reminderMinutesBeforeStart: this.#pick([0, 5, 15, 30, 60, 1440]),
      });
    }
  }

  #series(
    subject: string,
    offset: number,
    clock: string,
    minutes: number,
    pattern: Input,
    range: Input,
    more: Input = {},
  ) {
    const recurrence = { pattern: { interval: 1, ...pattern }, range: { startDate: this.#date(offset), ...range } };
    return this.#mailbox.createEvent({ subject, ...this.#times(offset, clock, minutes), recurrence, ...more });
  }

  #workSeries(): void {
    const monday = this.#weekday(-120, 1);
    const workdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'];
    const standup = this.#series(
      'Standup',
      monday,
      '09:15',
      15,
      { type: 'weekly', daysOfWeek: workdays, firstDayOfWeek: 'monday' },
      { type: 'noEnd' },
      { location: { displayName: 'Room 1' } },
    );
    const date = (week: number, day: number) => this.#date(monday + 7 * week + day);
    this.#mailbox.deleteOccurrence(standup.id, date(17, 2));
    this.#mailbox.deleteOccurrence(standup.id, date(18, 4));
    this.#mailbox.updateOccurrence(standup.id, date(17, 3), {
      subject: 'Standup – long version',
      ...this.#times(monday + 122, '10:00', 45),
    });
    this.#mailbox.updateOccurrence(standup.id, date(19, 0), { location: { displayName: 'Café Böll' } });

    const oneToOne = this.#series(
      '1:1 Ada / Grace',
      this.#weekday(-90, 2),
      '14:00',
      30,
      { type: 'weekly', daysOfWeek: ['tuesday'], firstDayOfWeek: 'monday' },
      { type: 'endDate', endDate: this.#date(200) },
      { body: { contentType: 'text', content: 'Notes are in the shared document.' }, sensitivity: 'private' },
    );
    this.#mailbox.updateOccurrence(
      oneToOne.id,
      this.#date(this.#weekday(-90, 2) + 98),
      this.#times(this.#weekday(-90, 2) + 99, '16:30', 30),
    );

    this.#series(
      'Sprint planning',
      this.#weekday(-84, 1),
      '10:30',
      120,
      { type: 'weekly', interval: 2, daysOfWeek: ['monday'], firstDayOfWeek: 'monday' },
      { type: 'numbered', numberOfOccurrences: 26 },
    );
    this.#series(
      'Board call',
      this.#weekday(-70, 4),
      '17:00',
      60,
      { type: 'relativeMonthly', daysOfWeek: ['thursday'], index: 'last' },
      { type: 'noEnd' },
      this.#times(this.#weekday(-70, 4), '17:00', 60, 'America/New_York'),
    );
    this.#series('Expenses', -31, '12:00', 15, { type: 'absoluteMonthly', dayOfMonth: 31 }, { type: 'noEnd' });
  }

  #lifeSeries(): void {
    const birthday = {
      type: 'absoluteYearly',
      dayOfMonth: Number(this.#date(40).slice(8)),
      month: Number(this.#date(40).slice(5, 7)),
    };
    this.#mailbox.createEvent({
      subject: 'Mum’s birthday 🎂',
      ...this.#days(40, 1),
      recurrence: { pattern: { interval: 1, ...birthday }, range: { type: 'noEnd', startDate: this.#date(40) } },
      showAs: 'free',
      reminderMinutesBeforeStart: 1080,
    });
    const swim = this.#series(
      'Swimming',
      this.#weekday(-30, 6),
      '08:00',
      60,
      { type: 'weekly', daysOfWeek: ['wednesday', 'saturday'], firstDayOfWeek: 'sunday' },
      { type: 'noEnd' },
      { sensitivity: 'personal', showAs: 'oof' },
    );
    this.#mailbox.deleteOccurrence(swim.id, this.#date(this.#weekday(10, 3)));
    this.#series(
      'Water the plants',
      -20,
      '07:30',
      10,
      { type: 'daily', interval: 3 },
      { type: 'numbered', numberOfOccurrences: 60 },
      { showAs: 'free', isReminderOn: false },
    );
  }

  #allDay(): void {
    const holidays: [string, number, number][] = [
      ['Summer holiday 🏖️', 95, 14],
      ['Conference in Lisboa', 30, 3],
      ['Moving house', -45, 2],
      ['Public holiday', 12, 1],
      ['Sick', -10, 2],
    ];
    for (const [subject, offset, days] of holidays) {
      this.#mailbox.createEvent({
        subject,
        ...this.#days(offset, days),
        showAs: days > 1 ? 'oof' : 'free',
        isReminderOn: false,
      });
    }
    this.#mailbox.createEvent({ subject: 'Night train to Wien', ...this.#times(29, '21:40', 620) });
  }

  #meetings(): void {
    const invite = (...people: number[]) =>
      people.map((at) => ({ type: at === 2 ? 'optional' : 'required', emailAddress: PEOPLE[at]! }));
    this.#mailbox.createEvent({
      subject: 'Project kickoff',
      ...this.#times(3, '10:00', 60),
      attendees: invite(0, 1, 2),
      isOnlineMeeting: true,
      onlineMeetingProvider: 'teamsForBusiness',
      body: { contentType: 'html', content: LONG_HTML },
    });
    this.#mailbox.createEvent({
      subject: 'Pricing workshop',
      ...this.#times(8, '13:00', 180),
      attendees: invite(0, 3),
      locations: [{ displayName: 'Room 2 (Atrium)' }, { displayName: 'Room 1' }],
    });
    this.#mailbox.createEvent({ subject: 'Postmortem', ...this.#times(-6, '15:00', 45), attendees: invite(1, 4) });
    const attended: [string, number, number, string][] = [
      ['All hands', 5, 0, 'accepted'],
      ['Vendor demo', 9, 4, 'tentativelyAccepted'],
      ['Reading group', 11, 3, 'notResponded'],
      ['Legal update', -3, 1, 'accepted'],
    ];
    for (const [subject, offset, person, response] of attended) {
      this.#mailbox.addForeignMeeting({
        subject,
        ...this.#times(offset, '11:00', 60, offset === 9 ? 'Pacific Standard Time' : OFFICE),
        organizer: { emailAddress: PEOPLE[person]! },
        responseStatus: { response, time: new Date(this.#today - 20 * DAY_MS).toISOString().replace('.000', '') },
        body: { contentType: 'html', content: SHORT_HTML },
      });
    }
    const guild = this.#mailbox.addForeignMeeting({
      subject: 'Architecture guild',
      ...this.#times(this.#weekday(-60, 5), '13:30', 45),
      organizer: { emailAddress: PEOPLE[0] },
      recurrence: {
        pattern: { type: 'weekly', interval: 2, daysOfWeek: ['friday'], firstDayOfWeek: 'monday' },
        range: { type: 'noEnd', startDate: this.#date(this.#weekday(-60, 5)) },
      },
    });
    this.#mailbox.respond(guild.id, 'accept', { sendResponse: false });
    const cancelled = this.#mailbox.addForeignMeeting({
      subject: 'Team offsite',
      ...this.#times(16, '09:00', 480),
      organizer: { emailAddress: PEOPLE[4] },
    });
    this.#mailbox.cancelByOrganizer(cancelled.id);
  }

  #secondCalendar(): void {
    const calendarId = this.#mailbox.addCalendar('Family');
    for (let week = -8; week <= 16; week += 1) {
      const subject = this.#pick([
        'Football practice ⚽',
        'Parents’ evening',
        'Piano lesson',
        'Visit grandma',
        'Paediatrician',
      ]);
      this.#mailbox.createEvent({ subject, ...this.#times(this.#weekday(week * 7, 6), '15:00', 90) }, { calendarId });
    }
    const recurrence = {
      pattern: { type: 'weekly', interval: 1, daysOfWeek: ['sunday'] },
      range: { type: 'noEnd', startDate: this.#date(this.#weekday(-14, 0)) },
    };
    this.#mailbox.createEvent(
      { subject: 'Call the grandparents', ...this.#times(this.#weekday(-14, 0), '18:00', 30), recurrence },
      { calendarId },
    );
  }
}
