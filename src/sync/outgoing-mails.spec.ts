import { describe, expect, it } from 'vitest';
import { aGuest, anEvent, aSeries } from '../../test/support/events.ts';
import type { EventContent } from '../core/event.ts';
import type { CalendarId, EventId, GraphEventId, UserId } from '../core/ids.ts';
import type { EventBase } from '../store/base.repository.ts';
import { mailCountOfDeletion, mailsOfDeletion } from './outgoing-mails.ts';

const guest = (name: string) => aGuest(`${name}@example.com`);
const own = (fields: Partial<EventContent>) => ({ isCancelled: false as const, fields });

/** An event of ours that both sides have, deleted here. */
function deletionOf(content: EventContent, isOrganizer = true): Parameters<typeof mailsOfDeletion>[0] {
  const shared = { eventId: 'event' as EventId, userId: 'ada' as UserId, calendarId: 'default' as CalendarId };
  const base: EventBase = {
    ...{ ...shared, graphEventId: 'there' as GraphEventId, agreedRevision: 1n, generation: 0 },
    ...{ local: content, remote: content, conflictUnits: [], heldUnits: [] },
  };
  const tombstone = { ...shared, deletedAt: new Date('2026-03-02T08:00:00Z'), revision: 2n };
  return { base, tombstone: tombstone as never, facts: { isOrganizer, isCancelled: false } };
}

describe('deleting a meeting of ours', () => {
  it('mails its guests, each once, in order', () => {
    const meeting = anEvent({ attendees: [guest('ben'), guest('ada'), aGuest('BEN@example.com')] });
    expect(mailsOfDeletion(deletionOf(meeting))).toEqual([
      { operation: 'cancel', recipients: ['ada@example.com', 'ben@example.com'] },
    ]);
    expect(mailCountOfDeletion(deletionOf(meeting))).toBe(2);
  });

  it('mails those who were invited to one date of a series alone, too', () => {
    const occurrences = {
      '2026-03-16': own({ attendees: [guest('ben'), guest('eva')] }),
      '2026-03-23': { isCancelled: true as const },
    };
    const some = aSeries({ attendees: [guest('ben')], occurrences });
    expect(mailsOfDeletion(deletionOf(some))).toMatchObject([{ recipients: ['ben@example.com', 'eva@example.com'] }]);
    const none = aSeries({ occurrences });
    expect(mailCountOfDeletion(deletionOf(none))).toBe(2);
  });

  it('mails nobody where there is nobody, or where the meeting is somebody else’s', () => {
    expect(mailsOfDeletion(deletionOf(anEvent()))).toEqual([]);
    expect(mailsOfDeletion(deletionOf(anEvent({ attendees: [guest('ben')] }), false))).toEqual([]);
  });
});
