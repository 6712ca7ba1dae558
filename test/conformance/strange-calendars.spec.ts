import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { toInstant } from '../../src/core/time-zones.ts';
import type { Oddity, RawEvent, SimulatedMailbox } from '../../src/simulator/index.ts';
import { expectQuiet, NOTHING } from '../support/quiet.ts';
import { anEvent, aSeries, at } from '../support/simulator-client.ts';
import { openWorldDatabase, SyncWorld } from '../support/sync-world.ts';

/** All hundred of them: `STRANGE_CALENDARS=100`. */
const CALENDARS = Number(process.env['STRANGE_CALENDARS'] ?? 4);
const EVENTS_EACH = 40;

const CUSTOM = 'tzone://Microsoft/Custom';
const ZONES = [
  ...[CUSTOM, 'tzone://Microsoft/Utc', 'TZONE://MICROSOFT/UTC', '', ' ', 'Customized Time Zone', 'Nowhere/Land'],
  ...['(UTC+01:00) Amsterdam, Berlin, Bern', 'W. EUROPE STANDARD TIME', 'america/new_york', 'Kamchatka Standard Time'],
  ...['Mid-Atlantic Standard Time', 'Asia/Calcutta', 'US/Pacific', '+01:00', 'UTC', 'Dateline Standard Time'],
];

/** What a mailbox has held, each laid over an ordinary event, up to three at a time. */
const SHOWN: readonly Record<string, unknown>[] = [
  { start: { dateTime: '0001-01-01T00:00:00.0000000Z', timeZone: 'tzone://Microsoft/Utc' } },
  { start: { dateTime: '0001-01-01T00:00:00.0000000' } },
  { end: { dateTime: '9999-12-31T23:59:59.9999999' } },
  { start: { dateTime: '2026-03-04T08:00:12.8650000' } },
  { start: { dateTime: '2026-03-04T08:00:00Z' } },
  { start: { dateTime: '2026-03-04T08:00' }, end: { dateTime: '2026-03-04T08:00' } },
  { start: { dateTime: 'soon' } },
  { end: null },
  { subject: null, body: null, categories: null, locations: null, location: null },
  { body: { contentType: 'text', content: 'a\u0000b\r\n\ud83d\ude00' } },
  { body: { contentType: 'rtf', content: '{\\rtf1}' } },
  { attendees: [{ type: 'required', emailAddress: { name: 'Somebody' } }] },
  { attendees: null, organizer: null },
  { type: 'unknownFutureValue' },
  { showAs: 'unknownFutureValue', sensitivity: 'unknownFutureValue', importance: null },
  { reminderMinutesBeforeStart: -2_147_483_648, isReminderOn: null },
  { lastModifiedDateTime: '0001-01-01T00:00:00Z', createdDateTime: '9999-12-31T23:59:59Z' },
  { responseStatus: { response: 'none', time: '0001-01-01T00:00:00Z' } },
  { uid: 'x', occurrenceId: null, 'groupClassId@odata.type': '#Guid', unknown: { deeply: [null] } },
];
const ODDITIES: readonly Oddity[] = [
  ...(['custom-zone', 'empty-zone', 'empty-recurrence-zone', 'utc-zone-with-z'] as const),
  ...(['year-one', 'end-of-time', 'guest-without-address', 'unknown-type'] as const),
];

const allDay = { isAllDay: true, start: at('2026-03-06T00:00:00'), end: at('2026-03-08T00:00:00') };
const KINDS = [
  anEvent(),
  anEvent(allDay),
  anEvent({ end: at('2026-03-04T09:00:00') }),
  aSeries(),
  aSeries({}, { type: 'noEnd' }),
  aSeries({ isAllDay: true, start: at('2026-03-02T00:00:00'), end: at('2026-03-03T00:00:00') }),
];

function strange(): fc.Arbitrary<{ event: Record<string, unknown>; odd: (Oddity | RawEvent)[] }> {
  const zone = fc.constantFrom(...ZONES);
  const zones = fc.tuple(zone, zone, zone).map(
    ([startZone, endZone, recurrenceTimeZone]): RawEvent => ({
      content: { startZone, endZone },
      shown: { recurrence: { range: { recurrenceTimeZone } } },
    }),
  );
  const shown = fc.constantFrom(...SHOWN).map((each): RawEvent => ({ shown: each }));
  const odd = fc.oneof({ weight: 3, arbitrary: zones }, { weight: 3, arbitrary: shown }, fc.constantFrom(...ODDITIES));
  return fc.record({ event: fc.constantFrom(...KINDS), odd: fc.array(odd, { minLength: 1, maxLength: 3 }) });
}

beforeAll(async () => {
  await openWorldDatabase();
});

describe(`strange calendars (${CALENDARS})`, () => {
  it.each(Array.from({ length: CALENDARS }, (_, number) => number + 1))(
    'number %i is read whole, costs one request when nothing changes, has times one can compute with, and keeps what nobody edited',
    async (seed) => {
      const made = fc.sample(strange(), { numRuns: EVENTS_EACH, seed });
      const world = await SyncWorld.open({ furnish: (mailbox) => furnish(mailbox, made) });
      const first = await world.sync();
      expect(first).toMatchObject({
        status: 'COMPLETED',
        failedEvents: 0,
        localCreated: made.length,
        conflictsDetected: 0,
      });
      await expectQuiet(world);

      const events = await world.all();
      for (const { content } of events) {
        expect(toInstant(content.start), JSON.stringify(content.start)).toBeDefined();
      }

      const before = shownIn(world);
      for (const { id, content } of events) await world.edit(id, { subject: `${content.subject} edited` });
      world.simulator.clearLog();
      expect(await world.sync()).toMatchObject({ status: 'COMPLETED', failedEvents: 0, localUpdated: 0 });
      const uninvited = events.filter(({ content }) => content.attendees.length === 0);
      const sent = world.simulator.writes().map(({ method, body }) => ({ method, body }));
      expect(sent.toSorted(bySubject)).toEqual(
        uninvited
          .map(({ content }) => ({ method: 'PATCH', body: { subject: `${content.subject} edited` } }))
          .toSorted(bySubject),
      );
      expect(shownIn(world)).toEqual(before);
      // The echoes of so many edits take a few pages, and nothing but pages.
      world.simulator.clearLog();
      expect(await world.sync()).toMatchObject({
        status: 'COMPLETED',
        ...NOTHING,
        failedEvents: 0,
        conflictsDetected: 0,
      });
      expect(world.simulator.requests.filter(({ url }) => !url.includes('/calendarView/delta?'))).toEqual([]);
      await expectQuiet(world);
      await world.close();
    },
    300_000,
  );
});

function furnish(
  mailbox: SimulatedMailbox,
  made: readonly { event: object; odd: readonly (Oddity | RawEvent)[] }[],
): void {
  for (const [number, { event, odd }] of made.entries()) {
    const { id } = mailbox.createEvent({ ...event, subject: `strange ${number}` });
    for (const each of odd) mailbox.misfortunes.corrupt(id, each);
  }
}

/** All that Outlook shows, but for what an edited subject changes of itself. */
function shownIn({ mailbox }: SyncWorld): Map<string, unknown> {
  return new Map(
    mailbox.listEvents().map((event) => {
      const {
        subject,
        changeKey,
        lastModifiedDateTime,
        '@odata.etag': etag,
        ...rest
      } = event as Record<string, unknown>;
      return [rest['id'] as string, rest];
    }),
  );
}

function bySubject(a: { body: unknown }, b: { body: unknown }): number {
  return JSON.stringify(a.body).localeCompare(JSON.stringify(b.body));
}
