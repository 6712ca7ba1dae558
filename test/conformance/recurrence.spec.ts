import fc from 'fast-check';
import { RRuleTemporal } from 'rrule-temporal';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import { readRecurrence } from '../../src/simulator/mailbox/recurrence-input.ts';
import { expandDates } from '../../src/simulator/mailbox/recurrence-rule.ts';
import { type Drawn, datesByOutlook, differsFromRfc, drawnRecurrence, rruleOf } from './recurrence/drawn.ts';
import { Traveller } from './traveller.ts';

const RUNS = 600;
const RULES = 2_000;
/** How far a series is looked at: several steps of the longest interval, and changes of the clock. */
const MONTHS = {
  daily: 7,
  weekly: 12,
  absoluteMonthly: 40,
  relativeMonthly: 40,
  absoluteYearly: 110,
  relativeYearly: 110,
};

/** All instances show their wall clock; every so manieth, and each that was put forward, is converted as well. */
const CONVERTED_EVERY = 5;
/** As many dates of a series are compared with RFC 5545. */
const MOST_COMPARED = 24;

/** Zones with changes of the clock on both halves of the globe, of half an hour, and none; both families of names. */
const ZONES: readonly { readonly name: string; readonly iana: string }[] = [
  { name: 'W. Europe Standard Time', iana: 'Europe/Berlin' },
  { name: 'Europe/London', iana: 'Europe/London' },
  { name: 'Pacific Standard Time', iana: 'America/Los_Angeles' },
  { name: 'America/New_York', iana: 'America/New_York' },
  { name: 'AUS Eastern Standard Time', iana: 'Australia/Sydney' },
  { name: 'Australia/Lord_Howe', iana: 'Australia/Lord_Howe' },
  { name: 'America/Santiago', iana: 'America/Santiago' },
  { name: 'India Standard Time', iana: 'Asia/Kolkata' },
  { name: 'Asia/Tokyo', iana: 'Asia/Tokyo' },
  { name: 'UTC', iana: 'UTC' },
];

describe('series over HTTP', () => {
  it(`have the dates Outlook gives them, and the wall clock of their zone (${RUNS} series)`, async () => {
    const t = new Traveller();
    const seen = { types: new Set<string>(), ranges: new Set<string>(), shifted: 0, instances: 0, apart: 0, alike: 0 };
    await fc.assert(
      fc.asyncProperty(
        drawnRecurrence(),
        fc.constantFrom(...ZONES),
        fc.integer({ min: 0, max: 24 * 4 - 1 }),
        async (drawn, zone, quarter) => {
          const time = new Temporal.PlainTime(Math.floor(quarter / 4), (quarter % 4) * 15);
          // Whether a series whose very first start a change of the clock skips keeps that time later on, nobody has recorded.
          const first = Temporal.PlainDate.from(drawn.range.startDate);
          fc.pre(first.toZonedDateTime({ timeZone: zone.iana, plainTime: time }).toPlainTime().equals(time));
          const clock = time.toString({ smallestUnit: 'second' });
          const until = horizonOf(drawn);
          const expected = datesByOutlook(drawn, until.toString());
          const found = await instancesOf(t, drawn, { zone: zone.name, time, until });
          // A series without any occurrence cannot be made.
          expect(found?.map(({ date }) => date) ?? []).toEqual(expected);
          if (found === undefined) return;
          for (const [index, { date, start, wall }] of found.entries()) {
            const isPlain = wall === `${date}T${clock}`;
            if (isPlain && index % CONVERTED_EVERY !== 0) continue;
            const wanted = Temporal.PlainDate.from(date).toZonedDateTime({ timeZone: zone.iana, plainTime: time });
            expect({ start, wall }, `${date} ${time} ${zone.name}`).toEqual({
              start: wanted.epochMilliseconds,
              wall: wanted.toPlainDateTime().toString({ smallestUnit: 'second' }),
            });
          }
          seen.types.add(drawn.pattern.type);
          seen.ranges.add(drawn.range.type);
          seen.instances += found.length;
          const offsets = new Set(found.map(({ start }) => start % 86_400_000));
          if (offsets.size > 1) seen.shifted += 1;
          if (differsFromRfc(drawn)) {
            seen.apart += 1;
            return;
          }
          seen.alike += 1;
          const compared = Math.min(expected.length, MOST_COMPARED);
          expect(byRfc(drawn, compared)).toEqual(expected.slice(0, compared));
        },
      ),
      { numRuns: RUNS },
    );
    console.log(
      `${seen.instances} occurrences; ${seen.alike} series equal to RFC 5545, ${seen.apart} of patterns it reads otherwise; ` +
        `${seen.shifted} across a change of the clock`,
    );
    expect([seen.types.size, seen.ranges.size]).toEqual([6, 3]);
    expect(seen.shifted).toBeGreaterThan(RUNS / 10);
    expect(Math.min(seen.alike, seen.apart)).toBeGreaterThan(RUNS / 20);
  }, 120_000);
});

describe('rules', () => {
  it(`have the dates of the plain reading, and those of RFC 5545 where it says the same (${RULES} rules)`, () => {
    let alike = 0;
    fc.assert(
      fc.property(drawnRecurrence(), (drawn) => {
        const until = horizonOf(drawn).toString();
        const expected = datesByOutlook(drawn, until);
        // Of a rule without any date no series can be made; that is another test's.
        if (expected.length === 0) return;
        const sent = { pattern: { ...drawn.pattern }, range: { ...drawn.range } };
        const recurrence = readRecurrence(sent, { zone: 'UTC', startDates: [drawn.range.startDate] });
        expect(expandDates(recurrence, drawn.range.startDate, until).filter((date) => date < until)).toEqual(expected);
        if (differsFromRfc(drawn)) return;
        alike += 1;
        const compared = Math.min(expected.length, 8);
        expect(byRfc(drawn, compared)).toEqual(expected.slice(0, compared));
      }),
      { numRuns: RULES },
    );
    expect(alike).toBeGreaterThan(RULES / 3);
  }, 120_000);
});

describe('where Outlook and RFC 5545 read a rule in two ways', () => {
  const cases: { what: string; drawn: Drawn; outlook: string[]; rfc: string[] }[] = [
    {
      what: 'day 31 of a month that has none: its last day, or no day',
      drawn: {
        pattern: { type: 'absoluteMonthly', interval: 1, dayOfMonth: 31 },
        range: { type: 'numbered', startDate: '2026-01-31', numberOfOccurrences: 3 },
      },
      outlook: ['2026-01-31', '2026-02-28', '2026-03-31'],
      rfc: ['2026-01-31', '2026-03-31', '2026-05-31'],
    },
    {
      what: '29 February: every year, or every leap year',
      drawn: {
        pattern: { type: 'absoluteYearly', interval: 1, dayOfMonth: 29, month: 2 },
        range: { type: 'numbered', startDate: '2024-02-29', numberOfOccurrences: 3 },
      },
      outlook: ['2024-02-29', '2025-02-28', '2026-02-28'],
      rfc: ['2024-02-29', '2028-02-29', '2032-02-29'],
    },
    {
      what: 'the week without a first day: Sunday, or Monday',
      drawn: {
        pattern: { type: 'weekly', interval: 2, daysOfWeek: ['sunday', 'tuesday'] },
        range: { type: 'numbered', startDate: '2026-03-03', numberOfOccurrences: 4 },
      },
      outlook: ['2026-03-03', '2026-03-15', '2026-03-17', '2026-03-29'],
      rfc: ['2026-03-03', '2026-03-08', '2026-03-17', '2026-03-22'],
    },
    {
      what: 'several days of a relative pattern: the first of them, or each',
      drawn: {
        pattern: { type: 'relativeMonthly', interval: 1, daysOfWeek: ['tuesday', 'friday'], index: 'second' },
        range: { type: 'numbered', startDate: '2026-03-01', numberOfOccurrences: 3 },
      },
      outlook: ['2026-03-06', '2026-04-07', '2026-05-05'],
      rfc: ['2026-03-10', '2026-03-13', '2026-04-10'],
    },
  ];
  it.each(cases)('$what', async ({ drawn, outlook, rfc }) => {
    expect(await datesOf(drawn)).toEqual(outlook);
    expect(datesByOutlook(drawn, '2033-01-01')).toEqual(outlook);
    expect(byRfc(drawn)).toEqual(rfc);
  });

  it('years are counted alike, also from a start that is past the date of its own year', async () => {
    const drawn: Drawn = {
      pattern: { type: 'absoluteYearly', interval: 2, dayOfMonth: 3, month: 2 },
      range: { type: 'numbered', startDate: '2026-05-01', numberOfOccurrences: 2 },
    };
    expect(await datesOf(drawn)).toEqual(['2028-02-03', '2030-02-03']);
    expect(byRfc(drawn)).toEqual(['2028-02-03', '2030-02-03']);
  });
});

interface Instance {
  /** `yyyy-MM-dd` in the series' zone. */
  readonly date: string;
  readonly start: number;
  /** Wall clock in the zone the series was made in. */
  readonly wall: string;
}

const horizonOf = ({ pattern, range }: Drawn): Temporal.PlainDate =>
  Temporal.PlainDate.from(range.startDate).add({ months: MONTHS[pattern.type] });

async function datesOf(drawn: Drawn): Promise<string[] | undefined> {
  const asked = { zone: 'UTC', time: new Temporal.PlainTime(9), until: Temporal.PlainDate.from('2033-01-01') };
  return (await instancesOf(new Traveller(), drawn, asked))?.map(({ date }) => date);
}

/** Creates the series and lists its instances before a date, as a client would; undefined where it is refused. */
async function instancesOf(
  t: Traveller,
  drawn: Drawn,
  o: { zone: string; time: Temporal.PlainTime; until: Temporal.PlainDate },
): Promise<Instance[] | undefined> {
  const root = `/users/${t.mailbox.address}`;
  const first = Temporal.PlainDate.from(drawn.range.startDate).toPlainDateTime(o.time);
  const at = (clock: Temporal.PlainDateTime) => ({
    dateTime: clock.toString({ smallestUnit: 'second' }),
    timeZone: o.zone,
  });
  const event = { subject: 'Drawn', start: at(first), end: at(first.add({ minutes: 30 })), recurrence: drawn };
  const { status, body } = await t.post(`${root}/events`, event);
  if (status !== 201) return undefined;
  const found: Instance[] = [];
  for (const window of windowsBetween(first.toPlainDate(), o.until)) {
    const path = `${root}/events/${body.id}/instances?${window}&$top=1000&$select=start,occurrenceId`;
    const utc = (await t.get(path)).body.value as Listed[];
    const local = (await t.get(path, { prefer: `outlook.timezone="${o.zone}"` })).body.value as Listed[];
    found.push(...utc.map((each, index) => instanceOf(each, local[index]!)));
  }
  await t.delete(`${root}/events/${body.id}`);
  t.exchanges.length = 0;
  // A window has a day more on each side than the dates it is for: days end elsewhere at other times.
  const dates = new Map(found.map((each) => [each.date, each]));
  return [...dates.values()].filter(({ date }) => date < o.until.toString());
}

interface Listed {
  readonly occurrenceId: string;
  readonly start: { readonly dateTime: string };
}

const instanceOf = (utc: Listed, local: Listed): Instance => ({
  date: utc.occurrenceId.split('.').at(-1)!,
  start: Date.parse(`${utc.start.dateTime.slice(0, 19)}Z`),
  wall: local.start.dateTime.slice(0, 19),
});

/** Never more than 1825 days at a time. */
function windowsBetween(from: Temporal.PlainDate, until: Temporal.PlainDate): string[] {
  const windows: string[] = [];
  for (let day = from; Temporal.PlainDate.compare(day, until) < 0; day = day.add({ days: 1_800 })) {
    const end = day.add({ days: 1_800 });
    const last = Temporal.PlainDate.compare(end, until) < 0 ? end : until;
    windows.push(`startDateTime=${day.subtract({ days: 1 })}T00:00:00Z&endDateTime=${last.add({ days: 1 })}T00:00:00Z`);
  }
  return windows;
}

function byRfc(drawn: Drawn, most = MOST_COMPARED): string[] {
  const { startDate } = drawn.range;
  const rule = new RRuleTemporal({
    rruleString: `DTSTART;TZID=UTC:${startDate.replaceAll('-', '')}T000000\nRRULE:${rruleOf(drawn)}`,
  });
  if (most === 0) return [];
  return rule.all((_, index) => index < most).map((date) => date.toPlainDate().toString());
}
