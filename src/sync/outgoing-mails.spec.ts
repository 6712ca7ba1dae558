import { describe, expect, it } from 'vitest';
import { aGuest, anEvent, aSeries } from '../../test/support/events.ts';
import { changedUnits } from '../core/canonical-event.ts';
import type { EventContent } from '../core/event.ts';
import type { CalendarId, EventId, GraphEventId, UserId } from '../core/ids.ts';
import { isOccurrenceUnit } from '../core/outgoing-change.ts';
import type { EventBase } from '../store/base.repository.ts';
import type { Outgoing } from './outgoing-event.ts';
import { mailCountOf, mailCountOfDeletion, mailsOf, mailsOfDeletion } from './outgoing-mails.ts';

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

const [ada, ben, eva] = [guest('ada'), guest('ben'), guest('eva')];
const at = new Date('2026-03-02T08:00:00Z');

/** All that is changed here of an event that Graph has as `known`; `null`: it is created. */
function sending(known: EventContent | null, content: EventContent, more: { isOurs?: boolean; mails?: boolean } = {}) {
  const { isOurs = true, mails = true } = more;
  const changed = known ? changedUnits(known, content) : changedUnits({ ...content, occurrences: {} }, content);
  const [units, occurrences] = [changed.filter((unit) => !isOccurrenceUnit(unit)), changed.filter(isOccurrenceUnit)];
  const { base } = deletionOf(known ?? content);
  const { userId, calendarId, eventId: id } = base;
  const kind = known ? ('update' as const) : ('create' as const);
  const target: Outgoing = {
    event: {
      ...{ id, userId, calendarId, content, revision: 2n, lastModifiedAt: at, createdAt: at },
      facts: { isOrganizer: isOurs, isCancelled: false },
    },
    base: known ? base : undefined,
    change: { units, occurrences, held: [], sendAttendees: mails },
    operation: !known || units.length > 0 ? ({ kind, sendAttendees: mails } as Outgoing['operation']) : undefined,
    ...{ sent: content, isResent: false },
  };
  const told = mailsOf(target).map(({ operation, recipients }) => {
    return `${operation} ${recipients.map((address) => address.split('@')[0]).join(' ')}`;
  });
  return { told, count: mailCountOf(target) };
}

describe('creating a meeting', () => {
  it('invites its guests, where they are sent at all', () => {
    const meeting = anEvent({ attendees: [ben, ada] });
    expect(sending(null, meeting)).toEqual({ told: ['invite ada ben'], count: 2 });
    expect(sending(null, meeting, { mails: false })).toEqual({ told: [], count: 0 });
    expect(sending(null, anEvent())).toEqual({ told: [], count: 0 });
  });

  it('mails about the dates that differ once the series is there, each by itself', () => {
    const occurrences = {
      '2026-03-16': own({ subject: 'Other' }),
      '2026-03-23': { isCancelled: true as const },
      '2026-03-30': own({ attendees: [ada, eva] }),
    };
    const series = aSeries({ attendees: [ada, ben], occurrences });
    expect(sending(null, series)).toEqual({
      told: ['invite ada ben eva', 'update ada ben', 'cancel ada ben'],
      count: 8,
    });
    expect(sending(null, series, { mails: false })).toEqual({ told: [], count: 0 });
  });
});

describe('changing a meeting of ours', () => {
  const meeting = anEvent({ attendees: [ada, ben] });

  it.each<[string, Partial<EventContent>, string[], number]>([
    ['another subject is news for all', { subject: 'New' }, ['update ada ben'], 2],
    ['a category is none', { categories: ['x'] }, [], 0],
    ['who comes is invited', { attendees: [ada, ben, eva] }, ['invite eva'], 1],
    ['who goes is told so', { attendees: [ada] }, ['cancel ben'], 1],
    ['all three at once', { subject: 'New', attendees: [ada, eva] }, ['invite eva', 'update ada', 'cancel ben'], 3],
  ])('%s', (_what, change, told, count) => {
    expect(sending(meeting, { ...meeting, ...change })).toEqual({ told, count });
    expect(sending(meeting, { ...meeting, ...change }, { isOurs: false })).toEqual({ told: [], count: 0 });
  });

  it('mails once more for each living date of a series that differs', () => {
    const occurrences = { '2026-03-16': own({ subject: 'Other' }), '2026-03-23': { isCancelled: true as const } };
    const series = aSeries({ attendees: [ada, ben], occurrences });
    expect(sending(series, { ...series, showAs: 'oof' })).toEqual({ told: ['update ada ben'], count: 4 });
    expect(sending(series, { ...series, categories: ['x'] })).toEqual({ told: [], count: 0 });
    expect(sending(series, { ...series, attendees: [ada, ben, eva] })).toEqual({ told: ['invite eva'], count: 1 });
  });

  it('mails about its dates whoever was invited to it a moment before', () => {
    const series = aSeries({ attendees: [ada] });
    const occurrences = { '2026-03-16': own({ subject: 'Other' }), '2026-03-23': { isCancelled: true as const } };
    expect(sending(series, { ...series, attendees: [ada, eva], occurrences })).toEqual({
      told: ['invite eva', 'update ada eva', 'cancel ada eva'],
      count: 5,
    });
    expect(sending({ ...series, attendees: [] }, { ...series, occurrences })).toEqual({
      told: ['invite ada', 'update ada', 'cancel ada'],
      count: 3,
    });
  });

  it('mails about a date alone where a date alone is changed, cancelled, or lives again', () => {
    const series = aSeries({ attendees: [ada, ben] });
    const dated = (override?: EventContent['occurrences'][string]) =>
      aSeries({ attendees: [ada, ben], occurrences: override ? { '2026-03-16': override } : {} });
    expect(sending(series, dated(own({ subject: 'Other' })))).toEqual({ told: ['update ada ben'], count: 2 });
    expect(sending(series, dated(own({ categories: ['x'] })))).toEqual({ told: [], count: 0 });
    expect(sending(series, dated({ isCancelled: true }))).toEqual({ told: ['cancel ada ben'], count: 2 });
    expect(sending(dated(own({ attendees: [eva] })), dated({ isCancelled: true }))).toEqual({
      ...{ told: ['cancel eva'], count: 1 },
    });
    expect(sending(dated({ isCancelled: true }), series)).toEqual({ told: ['invite ada ben'], count: 2 });
  });
});
