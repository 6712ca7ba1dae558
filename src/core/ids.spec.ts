import { describe, expect, it } from 'vitest';
import { type CalendarId, DEFAULT_CALENDAR_ID, type EventId, type GraphEventId } from './ids.ts';

describe('ids', () => {
  it('of one kind are not taken for another, though all are strings', () => {
    const takesEvent = (id: EventId): string => id;
    // @ts-expect-error an event's id at Graph is not ours
    expect(takesEvent('AAMk' as GraphEventId)).toBe('AAMk');
    // @ts-expect-error nor is any other text
    expect(takesEvent('text')).toBe('text');
    expect(takesEvent('e1' as EventId)).toBe('e1');
  });

  it('name the mailbox’s default calendar as the API does', () => {
    const id: CalendarId = DEFAULT_CALENDAR_ID;
    expect(id).toBe('default');
  });
});
