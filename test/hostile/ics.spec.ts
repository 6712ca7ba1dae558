import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiWorld, OPEN_PATIENCE_MS, OWNER, sign } from '../support/api-world.ts';
import { openWorldDatabase } from '../support/sync-world.ts';
import { type Dice, rolls, tries } from './dice.ts';
import { mutatedBytes } from './mutations.ts';

/** Files of other programs lie beside the checkout; where they are absent our own shapes have to do. */
const SHARED = join(import.meta.dirname, '../../../shared/ics');
const FILES = existsSync(SHARED) ? globSync('*/**/*.ics', { cwd: SHARED }).sort() : [];
const MB = 2 ** 20;
/** Megabytes of one hostile file: a whole body's worth in a longer run. */
const SIZE = process.env['HOSTILE_RUNS'] === undefined ? 2 : 15;
const of = (text: string, bytes = SIZE * MB) => text.repeat(Math.floor(bytes / text.length));

let world: ApiWorld;
let authorization: string;
beforeAll(async () => {
  await openWorldDatabase();
  world = await ApiWorld.open();
  authorization = `Bearer ${await sign(OWNER, world.sync.clock.now(), { validSeconds: 10 ** 9 })}`;
}, OPEN_PATIENCE_MS);
afterAll(async () => {
  await world?.close();
});

/** Imports a file, and reads the calendar and the export of it, which have to bear what was let in. */
async function take(file: string | Uint8Array): Promise<{ status: number; seconds: number; body: string }> {
  world.sync.clock.advance(1_000);
  const startedAt = process.cpuUsage();
  const answer = await world.server.inject({
    method: 'POST',
    url: '/calendar/events/import',
    headers: { authorization, 'content-type': 'text/calendar' },
    payload: Buffer.from(file),
  });
  const { user, system } = process.cpuUsage(startedAt);
  const { statusCode: status, body } = answer;
  if (status >= 500)
    throw new Error(`${status} ${body} for ${JSON.stringify(Buffer.from(file).toString().slice(0, 2_000))}`);
  if (status >= 400) expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  return { status, seconds: (user + system) / 1e6, body };
}

async function readAll(): Promise<void> {
  const range = 'start=2026-01-01&end=2027-01-01';
  for (const url of [
    '/calendar/events/export.ics',
    `/calendar/events?${range}&expand=occurrences&limit=1000`,
    '/calendar/events?limit=1000',
  ]) {
    const answer = await world.server.inject({ url, headers: { authorization } });
    expect(answer.statusCode, `${url}: ${answer.body.slice(0, 500)}`).toBeLessThan(500);
  }
}

const calendar = (...lines: readonly string[]) =>
  ['BEGIN:VCALENDAR', 'VERSION:2.0', ...lines, 'END:VCALENDAR', ''].join('\r\n');
const vevent = (...lines: readonly string[]) =>
  calendar(
    'BEGIN:VEVENT',
    'UID:hostile',
    'DTSTART:20260309T090000Z',
    'DTEND:20260309T100000Z',
    'SUMMARY:x',
    ...lines,
    'END:VEVENT',
  );

const SHAPES: readonly string[] = [
  vevent(
    'RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10',
    'EXDATE:20260311T090000Z',
    'ATTENDEE;CN="A, B";ROLE=REQ-PARTICIPANT:mailto:b@example.com',
  ),
  calendar(
    ...['BEGIN:VTIMEZONE', 'TZID:Somewhere', 'BEGIN:STANDARD', 'DTSTART:19701025T030000', 'TZOFFSETFROM:+0200'],
    ...['TZOFFSETTO:+0100', 'RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10', 'END:STANDARD', 'BEGIN:DAYLIGHT'],
    ...['DTSTART:19700329T020000', 'TZOFFSETFROM:+0100', 'TZOFFSETTO:+0200', 'RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3'],
    ...['END:DAYLIGHT', 'END:VTIMEZONE', 'BEGIN:VEVENT', 'UID:zoned', 'DTSTART;TZID=Somewhere:20260309T090000'],
    ...['DURATION:PT1H', 'SUMMARY:Zoned', 'DESCRIPTION:Bring\\, please\\nboth', 'BEGIN:VALARM', 'ACTION:DISPLAY'],
    ...[
      'TRIGGER:-PT15M',
      'END:VALARM',
      'END:VEVENT',
      'BEGIN:VEVENT',
      'UID:day',
      'DTSTART;VALUE=DATE:20260401',
      'END:VEVENT',
    ],
  ),
];

/** Words that programs count with, in places where they count. */
const BOMBS = [
  ...[
    'COUNT=999999999999',
    'COUNT=-1',
    'COUNT=0',
    'INTERVAL=0',
    'INTERVAL=999999999999',
    'UNTIL=99991231T235959Z',
    'UNTIL=999990101',
  ],
  ...[
    'FREQ=SECONDLY',
    'FREQ=MINUTELY;BYSECOND=59',
    'BYDAY=53MO,-53FR',
    'BYSETPOS=366',
    'BYMONTHDAY=31;BYMONTH=2',
    'BYYEARDAY=-366',
    'WKST=XX',
  ],
  ...[
    'DURATION:P999999999W',
    'DURATION:-PT1S',
    'DTSTART:00000000T000000',
    'DTSTART:99991231T235959Z',
    'TRIGGER:-P99999999D',
    'TZOFFSETTO:+9999',
  ],
  ...[
    'RDATE:20260310T090000Z,20260310T090000Z',
    'RECURRENCE-ID:20260311T090000Z',
    'BEGIN:VEVENT',
    'END:VCALENDAR',
    'TZID=/../../etc/passwd',
  ],
];

function mutatedFile(dice: Dice): Uint8Array {
  const named =
    FILES.length > 0 && dice.is(0.6) ? readFileSync(join(SHARED, dice.oneOf(FILES))) : Buffer.from(dice.oneOf(SHAPES));
  const file = named.length > 200_000 ? named.subarray(0, 200_000) : named;
  if (dice.is(0.4)) return mutatedBytes(file, dice);
  const lines = file.toString('latin1').split(/\r?\n/);
  for (let left = 1 + dice.below(4); left > 0; left -= 1) {
    const at = dice.below(lines.length);
    const line = lines[at] ?? '';
    const how = dice.below(5);
    if (how === 0) lines.splice(at, 1);
    else if (how === 1) lines.splice(at, 0, dice.oneOf(BOMBS));
    else if (how === 2)
      lines[at] = line.replace(/[=:].*$/, (rest) => `${rest[0]}${dice.oneOf(BOMBS).split(/[=:]/).at(-1)}`);
    else if (how === 3) lines[at] = line.startsWith('RRULE') ? `${line};${dice.oneOf(BOMBS)}` : `${line}${line}`;
    else lines.splice(at, 0, ...lines.slice(at, at + dice.below(30)));
  }
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

describe('iCalendar files of any kind', () => {
  it('are taken in or refused, event by event, in little time', async () => {
    await fc.assert(
      fc.asyncProperty(rolls(), async (dice) => {
        const { seconds } = await take(mutatedFile(dice));
        expect(seconds).toBeLessThan(20);
      }),
      tries(30),
    );
    await readAll();
  });

  it.each<[what: string, file: () => string]>([
    ['a line of megabytes', () => vevent(`DESCRIPTION:${of('x')}`)],
    ['a folded line of megabytes', () => vevent(`DESCRIPTION:${of('x\r\n ')}`)],
    ['a line of megabytes of quotes', () => vevent(`ATTENDEE;CN=${of('"')}:mailto:x@example.com`)],
    ['a line of megabytes of parameters', () => vevent(`ATTENDEE${of(';X=1')}:mailto:x@example.com`)],
    ['a line of megabytes of escapes', () => vevent(`SUMMARY:${of('\\')}`)],
    ['very many properties', () => vevent(of('X:1\r\n'))],
    ['very many categories', () => vevent(`CATEGORIES:${of('a,')}`)],
    [
      'very many guests',
      () => vevent(Array.from({ length: SIZE * 10_000 }, (_, at) => `ATTENDEE:mailto:a${at}@example.com`).join('\r\n')),
    ],
    ['very many excluded dates', () => vevent('RRULE:FREQ=DAILY', `EXDATE:${of('20260311T090000Z,')}20260311T090000Z`)],
    ['very many further dates', () => vevent(`RDATE:${of('20260311T090000Z,')}20260312T090000Z`)],
    ['very many beginnings', () => of('BEGIN:VCALENDAR\r\n')],
    ['very many ends', () => calendar(of('END:VEVENT\r\n'))],
    ['nested beginnings and other ends', () => of('BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:X\r\n')],
    ['very many carriage returns', () => `BEGIN:VCALENDAR${of('\r')}`],
    ['very many empty events', () => calendar(of('BEGIN:VEVENT\r\nEND:VEVENT\r\n'))],
    [
      'very many times the same event',
      () => calendar(`${vevent().split('\r\n').slice(2, -2).join('\r\n')}\r\n`.repeat(10_000)),
    ],
    [
      'very many dates of one series',
      () =>
        calendar(
          Array.from(
            { length: SIZE * 1_000 },
            (_, at) =>
              `BEGIN:VEVENT\r\nUID:s\r\nDTSTART:20260309T090000Z\r\nRECURRENCE-ID:20260309T09${String(at % 60).padStart(2, '0')}00Z\r\nEND:VEVENT\r\n`,
          ).join(''),
        ),
    ],
    [
      'very many zones',
      () =>
        calendar(
          Array.from(
            { length: SIZE * 1_000 },
            (_, at) =>
              `BEGIN:VTIMEZONE\r\nTZID:Z${at}\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE`,
          ).join('\r\n'),
          'BEGIN:VEVENT\r\nUID:z\r\nDTSTART;TZID=Z999:20260309T090000\r\nEND:VEVENT',
        ),
    ],
    [
      'a zone of a hundred thousand changes',
      () =>
        calendar(
          'BEGIN:VTIMEZONE\r\nTZID:Z',
          'BEGIN:STANDARD\r\nDTSTART:16010101T000000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nEND:STANDARD\r\n'.repeat(
            100_000,
          ),
          'END:VTIMEZONE',
          ...['', 'R'].map(
            (uid) =>
              `BEGIN:VEVENT\r\nUID:z${uid}\r\nDTSTART;TZID=Z:20260309T090000\r\n${uid ? 'RRULE:FREQ=DAILY\r\n' : ''}END:VEVENT`,
          ),
        ),
    ],
    [
      'a zone that changes every second',
      () =>
        calendar(
          'BEGIN:VTIMEZONE\r\nTZID:Z\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\nRRULE:FREQ=SECONDLY\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nEND:STANDARD\r\nEND:VTIMEZONE',
          'BEGIN:VEVENT\r\nUID:z\r\nDTSTART;TZID=Z:20260309T090000\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT',
        ),
    ],
    ...BOMBS.filter((bomb) => /^[A-Z]+=/.test(bomb)).map((bomb): [string, () => string] => [
      `RRULE with ${bomb}`,
      () => vevent(`RRULE:FREQ=DAILY;${bomb}`),
    ]),
    ['a day that never comes', () => vevent('RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30')],
    ['all days that never come', () => vevent('RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=1000000')],
    ['every day for ten thousand years', () => vevent('RRULE:FREQ=DAILY;UNTIL=99991231T000000Z')],
    [
      'every day since the year one',
      () => calendar('BEGIN:VEVENT\r\nUID:old\r\nDTSTART:00010101T000000Z\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT'),
    ],
    ['many parameters with many values', () => vevent(`ATTENDEE;MEMBER=${of('"a",')}"b":mailto:x@example.com`)],
  ])('%s: bounded time, bounded memory', async (_what, file) => {
    const text = file();
    const before = process.memoryUsage().rss;
    const { seconds } = await take(text);
    expect(seconds).toBeLessThan(30);
    expect(process.memoryUsage().rss - before).toBeLessThan(1_500 * MB);
  });

  it('leave nothing behind that cannot be read', async () => {
    await readAll();
  });
});
