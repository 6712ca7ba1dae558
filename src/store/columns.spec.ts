import fc from 'fast-check';
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
} from 'kysely';
import { describe, expect, it } from 'vitest';
import { jsonChunks, parseTimestamp, timestamp, toBigInt, toDate, toOptionalDate } from './columns.ts';

describe('numbers of 64 bits', () => {
  it.each([
    ['9007199254740993', 9_007_199_254_740_993n],
    [7, 7n],
    [7n, 7n],
    [null, 0n],
    [undefined, 0n],
  ])('are read from %s, however the driver hands them over', (value, expected) => {
    expect(toBigInt(value)).toBe(expected);
  });
});

describe('instants', () => {
  it.each([
    ['2026-03-02 08:00:00+00', '2026-03-02T08:00:00.000Z'],
    ['2026-03-02 08:00:00.5+05:30', '2026-03-02T02:30:00.500Z'],
    ['2026-03-02T08:00:00.123456-03:00', '2026-03-02T11:00:00.123Z'],
    ['0001-01-01 00:00:00+00', '0001-01-01T00:00:00.000Z'],
    ['0049-06-01 10:00:00+00', '0049-06-01T10:00:00.000Z'],
    ['0001-01-01T00:19:32+00:19:32', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31 23:59:59.999+00', '9999-12-31T23:59:59.999Z'],
    ['2026-03-02T08:00:00Z', '2026-03-02T08:00:00.000Z'],
  ])('are read from %s', (text, expected) => {
    expect(parseTimestamp(text).toISOString()).toBe(expected);
    expect(toDate(text).toISOString()).toBe(expected);
  });

  it('come back as they were written, in whatever zone the server shows them', () => {
    const anyInstant = fc.date({
      min: new Date('0001-01-02T00:00:00Z'),
      max: new Date('9999-12-30T00:00:00Z'),
      noInvalidDate: true,
    });
    const anyOffset = fc.integer({ min: -12 * 3_600, max: 14 * 3_600 });
    fc.assert(
      fc.property(anyInstant, anyOffset, (instant, offsetSeconds) => {
        const shown = new Date(instant.getTime() + offsetSeconds * 1000).toISOString().slice(0, -1).replace('T', ' ');
        const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
        const size = Math.abs(offsetSeconds);
        const offset = `${two(size / 3_600)}:${two((size / 60) % 60)}:${two(size % 60)}`;
        expect(parseTimestamp(`${shown}${offsetSeconds < 0 ? '-' : '+'}${offset}`)).toEqual(instant);
        expect(parseTimestamp(timestamp(instant))).toEqual(instant);
      }),
    );
  });

  it('beyond the years that PostgreSQL and we both can spell are the first or the last', () => {
    expect(timestamp(new Date(-8.64e15))).toBe('0001-01-01T00:00:00.000Z');
    expect(timestamp(new Date('0000-12-31T15:00:00Z'))).toBe('0001-01-01T00:00:00.000Z');
    expect(timestamp(new Date(8.64e15))).toBe('9999-12-31T23:59:59.999Z');
  });

  it('may be absent', () => {
    expect(toOptionalDate(null)).toBeUndefined();
    expect(toOptionalDate(undefined)).toBeUndefined();
    expect(toOptionalDate('2026-03-02 08:00:00+00')).toEqual(new Date('2026-03-02T08:00:00Z'));
  });
});

describe('rows for one parameter', () => {
  const kysely = new Kysely({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
  const rowsIn = (chunk: RawBuilder<unknown>) =>
    JSON.parse(String(chunk.compile(kysely).parameters[0])) as { id: number }[];

  it('go together as long as they are not too much for it, in their order', () => {
    const rows = Array.from({ length: 7 }, (_, id) => ({ id, text: 'x'.repeat(80) }));
    expect(jsonChunks(rows)).toHaveLength(1);
    const chunks = jsonChunks(rows, 250);
    expect(chunks.map((chunk) => rowsIn(chunk).map(({ id }) => id))).toEqual([...[[0, 1], [2, 3], [4, 5], [6]]]);
  });

  it('go alone when one is too much by itself, and not at all when there are none', () => {
    const chunks = jsonChunks([{ id: 1 }, { id: 2, text: 'x'.repeat(500) }, { id: 3 }], 100);
    expect(chunks.map((chunk) => rowsIn(chunk).length)).toEqual([1, 1, 1]);
    expect(jsonChunks([])).toEqual([]);
  });
});
