import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { changedUnits } from '../core/canonical-event.ts';
import { toInstant } from '../core/time-zones.ts';
import { toCreateBody } from './graph-event.mapper.ts';
import { fromWire } from './graph-event-reader.ts';
import { members, text, type WireEvent } from './wire-values.ts';

/** Microsoft's published examples, and answers of the live service that public projects recorded. */
const FOLDERS = ['graph-examples', 'graph-captures'].map((name) =>
  resolve(import.meta.dirname, '../../../shared', name),
);
const isThere = FOLDERS.every((folder) => existsSync(folder));
if (!isThere) console.log('skipped: published examples and recorded answers are not beside this checkout');

const found = isThere ? FOLDERS.flatMap(eventsOfFolder) : [];

describe.skipIf(!isThere)('events that Microsoft and others published', () => {
  it('are many, and of every kind', () => {
    expect(found.length).toBeGreaterThan(50);
    const types = new Set(found.map(({ event }) => fromWire(event).type));
    expect(types).toEqual(new Set(['singleInstance', 'seriesMaster', 'occurrence', 'exception']));
  });

  it.each(found)('are read as they are: $name', ({ event }) => {
    const { content, id, etag } = fromWire(event, 'Pacific Standard Time');
    expect(id).toBe(text(event['id']));
    expect(content.subject).toBe(text(event['subject']));
    for (const side of ['start', 'end'] as const) {
      const { dateTime, timeZone } = members(event[side]);
      const instant = toInstant({ dateTime: text(dateTime), timeZone: text(timeZone) || 'UTC' });
      const read = content[side];
      if (content.isAllDay) expect(read.dateTime.slice(0, 10)).toBe(text(dateTime).slice(0, 10));
      else if (instant) expect(toInstant(read)).toEqual(instant);
      expect(toInstant(read), `${read.dateTime} ${read.timeZone}`).toBeDefined();
    }
    expect(content.recurrence === null).toBe(!event['recurrence']);
    if (event['@odata.etag'] || event['changeKey']) expect(etag).toMatch(/^W\/".+"$/);
  });

  it.each(found)('do not change by being read once more from what would be written: $name', ({ event }) => {
    const { content } = fromWire(event, 'Pacific Standard Time');
    const written = toCreateBody(content, { transactionId: 't-1', sendAttendees: true });
    const stored = {
      ...written,
      originalStartTimeZone: content.start.timeZone,
      originalEndTimeZone: content.end.timeZone,
    };
    const units = changedUnits(content, fromWire(stored).content);
    // An edited recording has a rule that begins years after its event, which Graph would not take.
    const isOneDate = !content.recurrence || content.recurrence.range.startDate === content.start.dateTime.slice(0, 10);
    expect(units).toEqual(isOneDate ? [] : ['time']);
  });
});

function eventsOfFolder(folder: string): { name: string; event: WireEvent }[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => {
      const { body, kind } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { body?: unknown; kind?: string };
      const events = kind === undefined || kind === 'response' ? eventsIn(body) : [];
      return events.map((event, index) => ({ name: `${file} ${index}`, event }));
    });
}

/** Whatever has a start, an end and an id. */
function eventsIn(value: unknown): WireEvent[] {
  if (Array.isArray(value)) return value.flatMap(eventsIn);
  const object = members(value);
  const isEvent = ['start', 'end'].every((side) => 'dateTime' in members(object[side])) && 'id' in object;
  return [...(isEvent ? [object] : []), ...Object.values(object).flatMap(eventsIn)];
}
