import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalEvent, unchangedUnit } from '../../src/core/canonical-event.ts';
import type { DateTimeTimeZone, EventContent, EventFields } from '../../src/core/event.ts';
import { inheritedFields, onLaterDay } from '../../src/core/occurrence-fields.ts';
import { expandOccurrences } from '../../src/core/recurrence.ts';
import { toInstant } from '../../src/core/time-zones.ts';
import { arbitraryEvent, arbitrarySeries } from '../support/events.ts';
import { expectQuiet } from '../support/quiet.ts';
import { SyncWorld, type SyncWorldOptions } from '../support/sync-world.ts';

/** More of them: `IDENTITY_EVENTS=5000`; the same again: `IDENTITY_SEED=…`, which a failure tells. */
const EVENTS = Number(process.env['IDENTITY_EVENTS'] ?? 240);
const EVENTS_A_WORLD = 240;
const SEED = Number(process.env['IDENTITY_SEED'] ?? 20_260_302);
const OPTIONS: SyncWorldOptions = {
  env: { CALENDAR_MAX_EVENTS_PER_SYNC: '100000', GRAPH_PAGE_SIZE: '200' },
  settings: { window: { pastDays: 700, futureDays: 1_000 }, notifyAttendees: 'all' },
};

/** Offsets from -11 to +14, of whole, half and quarter hours, with changes of the clock on both halves of the globe. */
const ZONES = [
  ...['UTC', 'Europe/Berlin', 'Pacific Standard Time', 'America/New_York', 'Asia/Kolkata', 'Pacific/Apia'],
  ...['Pacific/Kiritimati', 'Pacific/Pago_Pago', 'America/St_Johns', 'Australia/Lord_Howe', 'Africa/Casablanca'],
  ...['Asia/Tehran', 'Europe/Dublin', 'Antarctica/Troll', 'America/Sao_Paulo', 'Asia/Kathmandu', 'Pacific/Chatham'],
  ...['Line Islands Standard Time', 'tokyo standard time', 'europe/paris', 'America/Ciudad_Juarez', 'Etc/GMT+12'],
];

describe('an event written to Graph and read by a client that never saw it', () => {
  it(`says the same, every field of it (${EVENTS} events)`, async () => {
    const all = fc.sample(arbitraryWhole(), { numRuns: EVENTS, seed: SEED });
    const failures: string[] = [];
    for (let from = 0; from < all.length; from += EVENTS_A_WORLD) {
      failures.push(...(await failuresOf(all.slice(from, from + EVENTS_A_WORLD))));
    }
    expect(failures.slice(0, 3), `${failures.length} of ${EVENTS} with IDENTITY_SEED=${SEED}`).toEqual([]);
  }, 3_600_000);
});

async function failuresOf(contents: readonly EventContent[]): Promise<string[]> {
  const writer = await SyncWorld.open({ ...OPTIONS, mailsAreExpected: true });
  await writer.bookContents(contents);
  const pushed = await writer.sync();
  expect(pushed).toMatchObject({ status: 'COMPLETED', failedEvents: 0, remoteCreated: contents.length });
  const written = await writer.all();
  await writer.close();
  const snapshot = writer.simulator.snapshot();

  const reader = await SyncWorld.open({ ...OPTIONS, furnish: (_mailbox, simulator) => simulator.restore(snapshot) });
  const pulled = await reader.sync();
  expect(pulled).toMatchObject({ status: 'COMPLETED', failedEvents: 0, localCreated: contents.length });
  await expectQuiet(reader);
  const read = new Map((await reader.all()).map(({ graphEventId, content }) => [graphEventId, content]));
  await reader.close();
  return written.flatMap(({ graphEventId, content }) => {
    const found = read.get(graphEventId);
    if (!found) return [`not read at all: ${JSON.stringify(content)}`];
    return isSame(content, found) ? [] : [difference(content, found)];
  });
}

/** In canonical form; addresses of places too, and the zone a person chose, which across the sides are not compared. */
function isSame(written: EventContent, read: EventContent): boolean {
  const isTime = written.isAllDay || unchangedUnit(written, read, 'time');
  return difference(written, read) === '' && unchangedUnit(written, read, 'locations') && isTime;
}

function difference(written: EventContent, read: EventContent): string {
  const [a, b] = [canonicalEvent(written), canonicalEvent(read)];
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const apart = names.filter((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]));
  return apart.map((name) => `${name}: ${JSON.stringify(a[name])} was read as ${JSON.stringify(b[name])}`).join('\n');
}

function arbitraryWhole(): fc.Arbitrary<EventContent> {
  const zone = fc.constantFrom(...ZONES);
  return fc.oneof(
    fc.tuple(arbitraryEvent(), zone, fc.option(zone), fc.constantFrom(0, 0, 7, 59)).map(singleIn),
    fc
      .tuple(arbitrarySeries(), zone)
      .map(([series, timeZone]) => inZone(series, timeZone))
      // Graph tells the beginning of a series in UTC, which has no word for a wall clock that was skipped.
      .filter(({ start, end }) => isOnTheClock(start) && isOnTheClock(end))
      .chain(withOddDate)
      // A calendar shows no series whose dates are all cancelled.
      .filter((series) => expandOccurrences(series, SHOWN).length > 0),
  );
}

const SHOWN = { start: new Date('2025-01-01T00:00:00Z'), end: new Date('2028-06-01T00:00:00Z') };

/** Ends in another zone, and seconds, are for single events. */
function singleIn([event, timeZone, endZone, seconds]: [EventContent, string, string | null, number]): EventContent {
  const single = inZone(event, timeZone);
  if (single.isAllDay) return single;
  const withSeconds = ({ dateTime, timeZone: own }: DateTimeTimeZone): DateTimeTimeZone => ({
    dateTime: `${dateTime.slice(0, 17)}${String(seconds).padStart(2, '0')}`,
    timeZone: own,
  });
  const timed = { ...single, start: withSeconds(single.start), end: withSeconds(single.end) };
  if (endZone === null) return timed;
  // A day and two hours later everywhere, whatever lies between the two zones.
  return { ...timed, end: { ...onLaterDay(timed.start, 2), timeZone: endZone } };
}

function inZone(content: EventContent, timeZone: string): EventContent {
  const moved = <T extends Partial<EventFields>>(fields: T): T => ({
    ...fields,
    ...(fields.start ? { start: { ...fields.start, timeZone } } : {}),
    ...(fields.end ? { end: { ...fields.end, timeZone } } : {}),
  });
  const occurrences = Object.entries(content.occurrences).map(([date, override]) => [
    date,
    override.isCancelled ? override : { ...override, fields: moved(override.fields) },
  ]);
  return { ...moved(content), occurrences: Object.fromEntries(occurrences) };
}

function isOnTheClock({ dateTime, timeZone }: DateTimeTimeZone): boolean {
  const instant = toInstant({ dateTime, timeZone });
  const [before, after] = [-1, 1].map((minutes) => toInstant({ dateTime: shifted(dateTime, minutes), timeZone }));
  return instant !== undefined && instant.getTime() - before!.getTime() === after!.getTime() - instant.getTime();
}

function shifted(dateTime: string, minutes: number): string {
  return new Date(Date.parse(`${dateTime}Z`) + minutes * 60_000).toISOString().slice(0, 19);
}

/** Whole days of which one date has hours, or hours of which one date is a whole day. */
function withOddDate(series: EventContent): fc.Arbitrary<EventContent> {
  const first = series.recurrence?.range.startDate ?? '';
  if (series.occurrences[first]) return fc.constant(series);
  const { timeZone } = series.start;
  const day = inheritedFields(series, first).start.dateTime.slice(0, 10);
  const at = (time: string): DateTimeTimeZone => ({ dateTime: `${day}T${time}`, timeZone });
  const fields: Partial<EventFields> = series.isAllDay
    ? { isAllDay: false, start: at('09:00:00'), end: at('10:30:00') }
    : { isAllDay: true, start: at('00:00:00'), end: onLaterDay(at('00:00:00'), 1) };
  const odd = { ...series, occurrences: { ...series.occurrences, [first]: { isCancelled: false as const, fields } } };
  return fc.constantFrom(series, odd);
}
