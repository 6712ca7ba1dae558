import { findEvent } from '../mailbox/event-operations.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { Content, StoredItem } from '../mailbox/model.ts';
import { laidOver } from '../mailbox/shown-instead.ts';
import type { World } from '../mailbox/world.ts';

/** Stored data no request could have written. Plain JSON. */
export interface RawEvent {
  /** Written into the store as it stands: instants that are no whole minutes, zones without rules, guests without address. */
  content?: Partial<Content>;
  /**
   * Laid over the event wherever it is shown: what the store's own model has no words for, such as a time of the year
   * 0001 with a `Z`, or a type nobody knows. Nested objects are laid over each other, lists replaced. A later write of a
   * property takes it off again.
   */
  shown?: Record<string, unknown>;
}

/** Ready-made oddities met in production. */
export const ODDITIES = {
  'custom-zone': {
    content: { startZone: 'tzone://Microsoft/Custom', endZone: 'tzone://Microsoft/Custom' },
    shown: { recurrence: { range: { recurrenceTimeZone: 'tzone://Microsoft/Custom' } } },
  },
  'empty-zone': { content: { startZone: '', endZone: '' } },
  'empty-recurrence-zone': { shown: { recurrence: { range: { recurrenceTimeZone: '' } } } },
  'utc-zone-with-z': {
    content: { startZone: 'tzone://Microsoft/Utc', endZone: 'tzone://Microsoft/Utc' },
    shown: { start: { dateTime: '0001-01-01T00:00:00.0000000Z', timeZone: 'tzone://Microsoft/Utc' } },
  },
  'year-one': {
    content: { startMs: Date.parse('0001-01-01T00:00:00Z') },
    shown: { start: { dateTime: '0001-01-01T00:00:00.0000000' } },
  },
  'end-of-time': {
    content: { endMs: Date.parse('9999-12-31T23:59:59.999Z') },
    shown: { end: { dateTime: '9999-12-31T23:59:59.9999999' } },
  },
  'guest-without-address': {
    content: {
      attendees: [
        {
          type: 'required',
          status: { response: 'none', time: '0001-01-01T00:00:00Z' },
          emailAddress: { name: 'Somebody', address: '' },
        },
      ],
    },
    shown: {
      attendees: [
        {
          type: 'required',
          status: { response: 'none', time: '0001-01-01T00:00:00Z' },
          emailAddress: { name: 'Somebody' },
        },
      ],
    },
  },
  'unknown-type': { shown: { type: 'unknownFutureValue' } },
} as const satisfies Record<string, RawEvent>;

export type Oddity = keyof typeof ODDITIES;

/**
 * Damages one event.
 *
 * @param id of a single event or a series master
 * @throws {GraphError} 404, 400 when the id is of no event; {@link TypeError} for an oddity nobody knows, or content of
 *   another kind than the store has
 */
export function corrupt(world: World, mailbox: Mailbox, id: string, raw: RawEvent | Oddity): StoredItem {
  const { item } = findEvent(mailbox, id);
  const { content, shown } = structuredClone(rawOf(raw));
  checkContent(item.content, content ?? {});
  if (content !== undefined) item.content = { ...item.content, ...(content as Partial<Content>) };
  if (shown !== undefined) item.shown = laidOver(item.shown ?? {}, shown);
  item.version = mailbox.nextVersion();
  item.contentVersion = item.version;
  mailbox.put(item, 'all', world.now());
  return item;
}

/** The store may hold nonsense, but of the right kind, or nothing could be shown at all. */
function checkContent(known: Content, content: Partial<Content>): void {
  for (const [name, value] of Object.entries(content)) {
    if (!Object.hasOwn(known, name)) throw new TypeError(`corrupt: an event's content has no ${name}`);
    const before: unknown = known[name as keyof Content];
    const kind = before === null ? 'object' : typeof before;
    const isSame = typeof value === kind && Array.isArray(value) === Array.isArray(before);
    const isTime = !name.endsWith('Ms') || Math.abs(value as number) <= MAX_TIME_MS;
    if (!isSame || !isTime)
      throw new TypeError(`corrupt: ${name} must be ${Array.isArray(before) ? 'a list' : `a ${kind}`}`);
  }
}

/** The ends of what has a date. */
const MAX_TIME_MS = 8.64e15;

function rawOf(raw: RawEvent | Oddity): RawEvent {
  if (typeof raw !== 'string') return raw;
  if (!Object.hasOwn(ODDITIES, raw)) throw new TypeError(`corrupt: ${Object.keys(ODDITIES).join(', ')}, or an object`);
  return ODDITIES[raw];
}
