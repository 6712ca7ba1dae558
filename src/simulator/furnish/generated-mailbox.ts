import type { GraphSimulator } from '../graph-simulator.ts';
import type { SimulatedMailbox } from '../mailbox/simulated-mailbox.ts';
import { DAY_MS, dateOf } from '../mailbox/zones.ts';
import { seededRandom, systemNow } from '../runtime.ts';
import { BUSY_SHAPE, checkShape, type MailboxShape } from './mailbox-shape.ts';
import { OFFICE, PLACES, SHORT_HTML, SHORT_TEXT, TOPICS } from './sample-events.ts';
import { ShapedEvents } from './shaped-events.ts';

/** One event in so many is a series: about what calendars hold. */
const SERIES_EVERY = 50;
/** Events lie within this many days around now. */
const SPREAD_DAYS = 360;

/**
 * A mailbox of any size for measurements and big runs; the same seed makes the same mailbox. Subjects carry the
 * event's number, so they are unique. Without a shape, plain events and weekly series in the default calendar;
 * with one, also what {@link BUSY_SHAPE} has of everything the shape does not name.
 */
export function generateMailbox(
  simulator: GraphSimulator,
  o: { address: string; events: number; seed?: number; now?: number; shape?: Partial<MailboxShape> },
): SimulatedMailbox {
  const shape = o.shape === undefined ? undefined : checkShape({ ...BUSY_SHAPE, ...o.shape });
  const mailbox = simulator.addMailbox({ address: o.address, timeZone: OFFICE });
  const next = seededRandom(o.seed ?? 1);
  const today = Math.floor((o.now ?? systemNow()) / DAY_MS) * DAY_MS;
  simulator.quietly(() => {
    if (shape !== undefined) new ShapedEvents(mailbox, { shape, today, next }).furnish(o.events);
    else mailbox.createEvents(plainEvents(o.events, today, next));
  });
  return mailbox;
}

function* plainEvents(count: number, today: number, next: () => number): Generator<object> {
  for (let number = 0; number < count; number += 1) yield generatedEvent(number, today, next);
}

function generatedEvent(number: number, today: number, next: () => number): object {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!;
  const day = today + Math.floor((next() - 0.5) * SPREAD_DAYS) * DAY_MS;
  const start = day + (7 + Math.floor(next() * 11)) * 3_600_000 + pick([0, 15, 30]) * 60_000;
  const isAllDay = next() < 0.05;
  const zone = pick([OFFICE, OFFICE, 'Eastern Standard Time', 'Asia/Tokyo', 'UTC']);
  const wall = (ms: number) => ({ dateTime: new Date(ms).toISOString().slice(0, 19), timeZone: zone });
  const place = pick(PLACES);
  return {
    subject: `${pick(TOPICS)} #${number}`,
    isAllDay,
    start: wall(isAllDay ? day : start),
    end: wall(isAllDay ? day + DAY_MS : start + pick([30, 60, 90]) * 60_000),
    body: pick([
      { contentType: 'html', content: SHORT_HTML },
      { contentType: 'text', content: SHORT_TEXT },
    ]),
    ...(place === '' ? {} : { location: { displayName: place } }),
    ...(number % SERIES_EVERY === SERIES_EVERY - 1 ? { recurrence: weekly(dateOf(isAllDay ? day : start)) } : {}),
  };
}

function weekly(startDate: string): object {
  const days = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
  const daysOfWeek = [days[new Date(`${startDate}T00:00:00Z`).getUTCDay()]];
  return {
    pattern: { type: 'weekly', interval: 1, daysOfWeek, firstDayOfWeek: 'monday' },
    range: { type: 'numbered', startDate, numberOfOccurrences: 10 },
  };
}
