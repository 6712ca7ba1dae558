import fc from 'fast-check';
import { RRuleTemporal } from 'rrule-temporal';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import type { PatternedRecurrence } from '../../src/core/event.ts';
import { readRule } from '../../src/core/ics/ics-rule.ts';
import { expandOccurrences, firstOccurrenceDate, toRRule } from '../../src/core/recurrence.ts';
import { toInstant } from '../../src/core/time-zones.ts';
import { fromWire, toCreateBody } from '../../src/graph/graph-event.mapper.ts';
import { anEvent, arbitraryPattern, at } from '../support/events.ts';

const YEARS = 10;
const RULES = Number(process.env['ZONED_RULES'] ?? 150);
/** Dates of one series that are compared one by one; ten years of a daily rule are many. */
const MOST_COMPARED = 400;

const ZONES = [
  ...['UTC', 'Europe/Berlin', 'Europe/Dublin', 'Europe/London', 'America/New_York', 'America/Los_Angeles'],
  ...['America/St_Johns', 'America/Sao_Paulo', 'America/Santiago', 'Africa/Casablanca', 'Asia/Tehran', 'Asia/Kolkata'],
  ...['Asia/Kathmandu', 'Asia/Tokyo', 'Australia/Lord_Howe', 'Australia/Sydney', 'Pacific/Apia', 'Pacific/Chatham'],
  ...['Pacific/Kiritimati', 'Antarctica/Troll'],
];

interface Drawn {
  readonly recurrence: PatternedRecurrence;
  readonly clock: string;
  readonly zone: string;
}

/** Ten years that begin within two of now, at any quarter of an hour. */
function drawn(): fc.Arbitrary<Drawn> {
  const range = fc.oneof(
    fc.constant({ type: 'noEnd' as const }),
    fc.integer({ min: 1, max: 999 }).map((numberOfOccurrences) => ({ type: 'numbered' as const, numberOfOccurrences })),
    fc.integer({ min: 0, max: 3_000 }).map((days) => ({ type: 'endDate' as const, days })),
  );
  const day = fc.integer({ min: 0, max: 730 });
  const quarter = fc.integer({ min: 0, max: 95 });
  return fc
    .tuple(arbitraryPattern(), range, day, quarter, fc.constantFrom(...ZONES))
    .map(([pattern, ends, days, quarters, zone]): Drawn => {
      const startDate = Temporal.PlainDate.from('2025-06-01').add({ days }).toString();
      const { type } = ends;
      const rest =
        type === 'endDate'
          ? { type, endDate: Temporal.PlainDate.from(startDate).add({ days: ends.days }).toString() }
          : ends;
      const clock = new Temporal.PlainTime(Math.floor(quarters / 4), (quarters % 4) * 15).toString();
      return { recurrence: { pattern, range: { ...rest, startDate } }, clock, zone };
    })
    .filter(({ recurrence }) => firstOccurrenceDate(recurrence) !== undefined);
}

describe('a rule that Outlook can hold', () => {
  it(`is the same after a journey through Graph, in ${YEARS} years of ${ZONES.length} zones (${RULES} rules)`, () => {
    const seen = { zones: new Set<string>(), dates: 0, offsets: 0 };
    fc.assert(
      fc.property(drawn(), (each) => {
        const { recurrence, clock, zone } = startingOnRule(each);
        const start = at(`${recurrence.range.startDate}T${clock}`, zone);
        const said = toRRule(recurrence, { start, isAllDay: false });
        // As it comes from an application: a rule of RFC 5545.
        const notes: string[] = [];
        const read = readRule(said, { start, isAllDay: false }, (note) => notes.push(note));
        const body = toCreateBody(anEvent({ start, end: start, recurrence: read }), {
          transactionId: 't',
          sendAttendees: false,
        });
        const { content } = fromWire(asGraphAnswers(body));
        const back = toRRule(content.recurrence!, { start: content.start, isAllDay: false });
        const from = toInstant(start)!;
        const until = new Date(Temporal.PlainDate.from(recurrence.range.startDate).add({ years: YEARS }).toString());
        const occurrences = expandOccurrences(content, { start: from, end: until }).slice(0, MOST_COMPARED);
        // A wall clock that is skipped on one of the dates is read by the library in a way of its own.
        fc.pre(occurrences.every(({ originalDate }) => isOnTheClock(originalDate, clock, zone)));

        const [before, after] = [said, back].map((rule) => expansion(rule, start, zone));
        expect(after, `${said} came back as ${back}`).toEqual(before);
        expect(notes).toEqual([]);
        const ours = occurrences.map(({ fields }) => toInstant(fields.start)!.getTime());
        expect(ours, `${back} in ${zone}`).toEqual(before!.map((date) => date.epochMilliseconds));
        const clocks = occurrences.map(
          ({ originalDate, fields }) => fields.start.dateTime === `${originalDate}T${clock}`,
        );
        expect(clocks.every(Boolean), 'the wall clock is kept').toBe(true);
        seen.zones.add(zone);
        seen.dates += ours.length;
        if (new Set(before!.map(({ offset }) => offset)).size > 1) seen.offsets += 1;
      }),
      { numRuns: RULES },
    );
    console.log(`${seen.dates} dates in ${seen.zones.size} zones; ${seen.offsets} rules met a change of the clock`);
    expect(seen.offsets).toBeGreaterThan(RULES / 5);
  }, 3_600_000);
});

/** DTSTART is an occurrence in RFC 5545; Outlook moves the beginning to the rule's first date. */
function startingOnRule(each: Drawn): Drawn {
  const startDate = firstOccurrenceDate(each.recurrence)!;
  return { ...each, recurrence: { ...each.recurrence, range: { ...each.recurrence.range, startDate } } };
}

function isOnTheClock(date: string, clock: string, timeZone: string): boolean {
  const plainTime = Temporal.PlainTime.from(clock);
  return Temporal.PlainDate.from(date).toZonedDateTime({ timeZone, plainTime }).toPlainTime().equals(plainTime);
}

/** By an independent library, up to ten years on. */
function expansion(rule: string, { dateTime }: { dateTime: string }, zone: string) {
  const dtstart = dateTime.replace(/[-:]/g, '');
  const horizon = Temporal.PlainDate.from(dateTime.slice(0, 10)).add({ years: YEARS }).toString();
  const until = new Date(horizon).getTime();
  const dates = new RRuleTemporal({ rruleString: `DTSTART;TZID=${zone}:${dtstart}\nRRULE:${rule}` }).all(
    (date, index) => index < MOST_COMPARED && date.epochMilliseconds < until,
  );
  return dates
    .filter(({ epochMilliseconds }) => epochMilliseconds < until)
    .slice(0, MOST_COMPARED)
    .map(({ epochMilliseconds, offset }) => ({ epochMilliseconds, offset }));
}

/** In UTC, with fillers for what the pattern does not use and the zone's other name (graph contract 3.1). */
function asGraphAnswers(body: Record<string, unknown>): Record<string, unknown> {
  const { start, recurrence } = body as {
    start: { dateTime: string; timeZone: string };
    recurrence: PatternedRecurrence;
  };
  const utc = { dateTime: `${toInstant(start)!.toISOString().slice(0, 19)}.0000000`, timeZone: 'UTC' };
  const fillers = { dayOfMonth: 0, month: 0, index: 'first', firstDayOfWeek: 'sunday', daysOfWeek: [] };
  return {
    ...body,
    id: 'AAMk1',
    type: 'seriesMaster',
    originalStartTimeZone: start.timeZone,
    originalEndTimeZone: start.timeZone,
    start: utc,
    end: utc,
    recurrence: {
      pattern: { ...fillers, ...recurrence.pattern },
      range: { endDate: '0001-01-01', numberOfOccurrences: 0, ...recurrence.range },
    },
  };
}
