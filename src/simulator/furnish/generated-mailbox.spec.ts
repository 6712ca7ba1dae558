import { describe, expect, it } from 'vitest';
import { GraphSimulator, generateMailbox, type MailboxShape } from '../index.ts';

const NOW = Date.parse('2026-03-02T08:00:00Z');

function generated(events: number, o: { seed?: number; shape?: Partial<MailboxShape> } = {}) {
  const simulator = new GraphSimulator({ now: () => NOW });
  const mailbox = generateMailbox(simulator, { address: 'ada@example.com', events, now: NOW, ...o });
  return { simulator, mailbox };
}

describe('generated mailboxes', () => {
  it('are the same from the same seed, others from another', () => {
    const snapshot = (seed: number) => generated(200, { seed, shape: {} }).simulator.snapshot();
    expect(snapshot(7)).toBe(snapshot(7));
    expect(snapshot(7)).not.toBe(snapshot(8));
  });

  it('have something of everything, and mailed nobody', () => {
    const { simulator, mailbox } = generated(1500, { shape: { series: 0.1 } });
    const events = mailbox.listEvents();
    expect(events).toHaveLength(1500);
    const masters = events.filter(({ type }) => type === 'seriesMaster');
    const kinds = new Set(masters.map(({ recurrence }) => recurrence!.pattern.type));
    expect([...kinds].sort()).toEqual(
      ['absoluteMonthly', 'absoluteYearly', 'daily', 'relativeMonthly', 'relativeYearly', 'weekly'].sort(),
    );
    expect(new Set(masters.map(({ recurrence }) => recurrence!.range.type))).toEqual(
      new Set(['numbered', 'endDate', 'noEnd']),
    );
    const isCut = masters.some(({ id }) => mailbox.cancelledDates(id).length > 0);
    const isChanged = masters.some(({ id }) =>
      mailbox.occurrences(id, '2025-01-01T00:00:00Z', '2029-01-01T00:00:00Z').some(({ type }) => type === 'exception'),
    );
    const has = (test: (event: (typeof events)[number]) => boolean) => events.some(test);
    expect([isCut, isChanged, has((event) => event.isAllDay), has((event) => event.sensitivity === 'private')]).toEqual(
      [true, true, true, true],
    );
    expect(has((event) => event.isOrganizer && event.attendees.length > 0)).toBe(true);
    expect(has((event) => !event.isOrganizer)).toBe(true);
    expect(mailbox.listCalendars()).toHaveLength(3);
    expect(simulator.outbox).toEqual([]);
  });

  it('hold only what the shape says', () => {
    const none = { series: 0, allDay: 0, organised: 0, attended: 0, calendars: 0, private: 0 };
    const { mailbox } = generated(100, { shape: { ...none, zones: ['Asia/Tokyo'] } });
    for (const event of mailbox.listEvents({ calendarId: mailbox.defaultCalendarId })) {
      expect(event).toMatchObject({ type: 'singleInstance', isAllDay: false, attendees: [], sensitivity: 'normal' });
      expect(event.originalStartTimeZone).toBe('Asia/Tokyo');
    }
  });

  it('cannot be of an impossible shape', () => {
    expect(() => generated(1, { shape: { series: 1.5 } })).toThrow('shape.series must be a share');
    expect(() => generated(1, { shape: { zones: [] } })).toThrow('shape.zones');
  });
});
