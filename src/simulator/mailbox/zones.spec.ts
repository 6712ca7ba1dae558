import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import {
  findZone,
  parseInstant,
  parseLocal,
  sameZone,
  toInstant,
  toLocal,
  windowsName,
  wireInstant,
  wireLocal,
} from './zones.ts';

const ZONES = [
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kolkata',
  'America/Sao_Paulo',
  'Pacific/Apia',
];
const HOUR_MS = 3_600_000;

describe('wall clocks and instants', () => {
  it('agree with Temporal, through gaps and overlaps', () => {
    const quarter = fc.integer({ min: Date.UTC(2015, 0) / 900_000, max: Date.UTC(2030, 0) / 900_000 });
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), quarter, (zone, quarters) => {
        const local = quarters * 900_000;
        const wall = new Date(local).toISOString().slice(0, -1);
        expect(toInstant(zone, local)).toBe(Temporal.PlainDateTime.from(wall).toZonedDateTime(zone).epochMilliseconds);
        expect(wireLocal(toLocal(zone, local)).slice(0, 19)).toBe(
          Temporal.Instant.fromEpochMilliseconds(local)
            .toZonedDateTimeISO(zone)
            .toPlainDateTime()
            .toString({ smallestUnit: 'second' }),
        );
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['a gap pushes the clock forward', '2026-03-29T02:30', '2026-03-29T01:30:00Z'],
    ['an overlap means the earlier instant', '2026-10-25T02:30', '2026-10-25T00:30:00Z'],
    ['the hour before the overlap', '2026-10-25T01:30', '2026-10-24T23:30:00Z'],
    ['the hour after the gap', '2026-03-29T03:30', '2026-03-29T01:30:00Z'],
  ])('%s', (_name, wall, instant) => {
    expect(wireInstant(toInstant('Europe/Berlin', parseLocal(wall)!))).toBe(instant);
  });

  it('reads what Graph reads and nothing else', () => {
    expect(parseLocal('2026-03-04T09:00:00.1234567')).toBe(Date.UTC(2026, 2, 4, 9, 0, 0, 123));
    for (const wrong of [
      '2026-02-30T09:00:00',
      '2026-03-04T25:00:00',
      '2026-03-04 09:00',
      '04.03.2026',
      '',
      undefined,
    ]) {
      expect(parseLocal(wrong), String(wrong)).toBeUndefined();
    }
    expect(parseInstant('2026-03-04T09:00:00+01:00')).toBe(Date.UTC(2026, 2, 4, 8));
    expect(parseInstant('2026-03-04T09:00:00')).toBe(Date.UTC(2026, 2, 4, 9));
    expect(parseInstant('2026-03-04T09:00:00 01:00')).toBeUndefined();
  });

  it('trims the fraction of instants and writes seven digits of wall clocks', () => {
    expect([wireInstant(HOUR_MS * 10), wireInstant(120), wireInstant(7)]).toEqual([
      '1970-01-01T10:00:00Z',
      '1970-01-01T00:00:00.12Z',
      '1970-01-01T00:00:00.007Z',
    ]);
    expect(wireLocal(120)).toBe('1970-01-01T00:00:00.1200000');
  });
});

describe('zone names', () => {
  it('come from both families', () => {
    expect(findZone('W. Europe Standard Time')).toBe('Europe/Berlin');
    expect([findZone('UTC'), findZone('Etc/GMT')]).toEqual(['UTC', 'UTC']);
    for (const wrong of ['', '+01:00', 'Berlin', 'Mars/Olympus', 'tzone://Microsoft/Custom'])
      expect(findZone(wrong), wrong).toBeUndefined();
  });

  it('match across families', () => {
    expect([windowsName('Europe/Amsterdam'), windowsName('India Standard Time'), windowsName('UTC')]).toEqual([
      'W. Europe Standard Time',
      'India Standard Time',
      'UTC',
    ]);
    expect(sameZone('Europe/Amsterdam', 'W. Europe Standard Time')).toBe(true);
    expect(sameZone('Europe/London', 'W. Europe Standard Time')).toBe(false);
  });
});
