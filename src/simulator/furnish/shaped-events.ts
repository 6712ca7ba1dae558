import type { Pattern, Range, Recurrence } from '../mailbox/model.ts';
import { DAYS, expandDates, INDEXES } from '../mailbox/recurrence-rule.ts';
import type { SimulatedMailbox } from '../mailbox/simulated-mailbox.ts';
import { DAY_MS, dateOf, parseDate } from '../mailbox/zones.ts';
import type { MailboxShape, SeriesKind } from './mailbox-shape.ts';
import { LONG_HTML, PEOPLE, PLACES, SHORT_HTML, SHORT_TEXT, TOPICS } from './sample-events.ts';

type Input = Record<string, unknown>;

const HOUR_MS = 3_600_000;
const BODIES = [
  { contentType: 'html', content: SHORT_HTML },
  { contentType: 'text', content: SHORT_TEXT },
  { contentType: 'html', content: SHORT_HTML.replace('Numbers', 'Open questions') },
  { contentType: 'html', content: LONG_HTML },
];
const CATEGORIES = ['Blue category', 'Travel', 'Größe XL', 'Customer'];
const RESPONSES = ['accepted', 'accepted', 'tentativelyAccepted', 'notResponded'];

/** Fills a mailbox by a shape; what comes out depends on the numbers drawn from `next` alone. */
export class ShapedEvents {
  readonly #mailbox: SimulatedMailbox;
  readonly #shape: MailboxShape;
  readonly #today: number;
  readonly #next: () => number;
  #series = 0;

  constructor(mailbox: SimulatedMailbox, o: { shape: MailboxShape; today: number; next: () => number }) {
    this.#mailbox = mailbox;
    this.#shape = o.shape;
    this.#today = o.today;
    this.#next = o.next;
  }

  furnish(count: number): void {
    const names = Array.from({ length: this.#shape.calendars }, (_, at) => `Calendar ${at + 2}`);
    const calendars = [this.#mailbox.defaultCalendarId, ...names.map((name) => this.#mailbox.addCalendar(name))];
    for (let number = 0; number < count; number += 1) this.#add(number, this.#pick(calendars));
  }

  #add(number: number, calendarId: string): void {
    const recurrence = this.#chance(this.#shape.series) ? this.#recurrence() : undefined;
    const event = this.#event(number, recurrence);
    const role = this.#next();
    if (role < this.#shape.attended) {
      // Of a meeting of others nothing is changed here.
      const organizer = { emailAddress: this.#pick(PEOPLE) };
      const time = new Date(this.#today - 20 * DAY_MS).toISOString().replace('.000', '');
      const responseStatus = { response: this.#pick(RESPONSES), time };
      this.#mailbox.addForeignMeeting({ ...event, organizer, responseStatus }, { calendarId });
      return;
    }
    const isOrganised = role < this.#shape.attended + this.#shape.organised;
    const [id] = this.#mailbox.createEvents([isOrganised ? { ...event, attendees: this.#invited() } : event], {
      calendarId,
    });
    if (recurrence !== undefined) this.#changeMembers(id!, recurrence, event);
  }

  #event(number: number, recurrence: Recurrence | undefined): Input {
    const isAllDay = this.#chance(this.#shape.allDay);
    const zone = this.#pick(this.#shape.zones);
    const day = recurrence === undefined ? this.#day() : parseDate(recurrence.range.startDate)!;
    const start = isAllDay
      ? day
      : day + (7 + Math.floor(this.#next() * 11)) * HOUR_MS + this.#pick([0, 15, 30, 45]) * 60_000;
    const length = isAllDay ? this.#pick([1, 1, 1, 2, 5]) * DAY_MS : this.#pick([15, 30, 45, 60, 90, 180]) * 60_000;
    const isShort = recurrence === undefined || !isAllDay;
    const end = start + (isShort ? length : DAY_MS);
    const place = this.#pick(PLACES);
    return {
      subject: `${this.#pick(TOPICS)} #${number}`,
      isAllDay,
      start: wall(start, zone),
      end: wall(end, zone),
      ...(this.#chance(this.#shape.bodies)
        ? { body: this.#pick(this.#next() < 0.05 ? BODIES : BODIES.slice(0, 3)) }
        : {}),
      ...(place === '' ? {} : { location: { displayName: place } }),
      ...(this.#chance(this.#shape.categories) ? { categories: [this.#pick(CATEGORIES)] } : {}),
      ...(this.#chance(this.#shape.private) ? { sensitivity: 'private' } : {}),
      showAs: this.#pick(['busy', 'busy', 'busy', 'tentative', 'free']),
      ...(recurrence === undefined ? {} : { recurrence: { ...recurrence, range: named(recurrence.range, zone) } }),
    };
  }

  #invited(): Input[] {
    const count = 1 + Math.floor(this.#next() * 3);
    const first = Math.floor(this.#next() * PEOPLE.length);
    return Array.from({ length: count }, (_, at) => ({
      type: at === 2 ? 'optional' : 'required',
      emailAddress: PEOPLE[(first + at) % PEOPLE.length]!,
    }));
  }

  /** Starts on a day of its pattern, with a range of each kind in turn. */
  #recurrence(): Recurrence {
    const { patterns } = this.#shape;
    const number = this.#series++;
    const day = this.#day();
    const pattern = patternFrom(patterns[number % patterns.length]!, day, 1 + Math.floor(this.#next() * 2));
    const startDate = dateOf(day);
    const range: Range = {
      type: (['numbered', 'endDate', 'noEnd'] as const)[Math.floor(number / patterns.length) % 3]!,
      startDate,
      endDate: '0001-01-01',
      recurrenceTimeZone: 'UTC',
      numberOfOccurrences: 0,
    };
    if (range.type === 'numbered') range.numberOfOccurrences = 5 + Math.floor(this.#next() * 20);
    if (range.type === 'endDate') range.endDate = dateOf(day + (30 + Math.floor(this.#next() * 300)) * DAY_MS);
    return { pattern, range };
  }

  #changeMembers(id: string, recurrence: Recurrence, event: Input): void {
    const isChanged = this.#chance(this.#shape.exceptions);
    const isCut = this.#chance(this.#shape.cancelledDates);
    const { startDate } = recurrence.range;
    if (!isChanged && !isCut) return;
    const dates = expandDates(recurrence, startDate, dateOf(parseDate(startDate)! + 800 * DAY_MS));
    const [, second, third] = dates;
    if (isChanged && second !== undefined) {
      this.#mailbox.updateOccurrence(id, second, {
        subject: `${event['subject']} – moved`,
        location: { displayName: 'Room 1' },
      });
    }
    if (isCut && third !== undefined) this.#mailbox.deleteOccurrence(id, third);
  }

  #day(): number {
    return this.#today + Math.floor((this.#next() - 0.5) * this.#shape.spreadDays) * DAY_MS;
  }

  #chance(share: number): boolean {
    return this.#next() < share;
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#next() * list.length)]!;
  }
}

const wall = (ms: number, timeZone: string): Input => ({ dateTime: new Date(ms).toISOString().slice(0, 19), timeZone });

const named = (range: Range, recurrenceTimeZone: string): Range => ({ ...range, recurrenceTimeZone });

function patternFrom(type: SeriesKind, dayMs: number, interval: number): Pattern {
  const date = new Date(dayMs);
  const dayOfMonth = date.getUTCDate();
  const isMonthly = type.endsWith('Monthly');
  const isYearly = type.endsWith('Yearly');
  const isAbsolute = type.startsWith('absolute');
  const isRelative = type.startsWith('relative');
  return {
    type,
    interval: isMonthly || isYearly ? 1 : interval,
    month: isYearly ? date.getUTCMonth() + 1 : 0,
    dayOfMonth: isAbsolute ? dayOfMonth : 0,
    daysOfWeek: type === 'weekly' || isRelative ? [DAYS[date.getUTCDay()]!] : [],
    firstDayOfWeek: 'monday',
    index: isRelative ? INDEXES[Math.min(Math.floor((dayOfMonth - 1) / 7), 4)]! : 'first',
  };
}
