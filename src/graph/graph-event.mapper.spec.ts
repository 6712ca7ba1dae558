import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aGuest,
  anAllDayEvent,
  anEvent,
  arbitraryEvent,
  arbitrarySeries,
  aSeries,
  at,
} from '../../test/support/events.ts';
import { answered, openGraphWorld } from '../../test/support/graph-world.ts';
import { expectMails } from '../../test/support/outbox-watch.ts';
import { canonicalEvent, changedUnits, type Unit } from '../core/canonical-event.ts';
import type { EventContent } from '../core/event.ts';
import { atInstant, toInstant } from '../core/time-zones.ts';
import { toCreateBody, toUpdateBody } from './graph-event.mapper.ts';

const create = (content: EventContent) => toCreateBody(content, { transactionId: 't-1', sendAttendees: true });
const update = (content: EventContent, ...units: Unit[]) => toUpdateBody(content, units, { sendAttendees: true });

describe('the body of a create', () => {
  it('says what there is to say, and what marks it as ours', () => {
    expect(create(anEvent())).toEqual({
      subject: 'Standup',
      start: at('2026-03-09T09:00:00'),
      end: at('2026-03-09T10:00:00'),
      isAllDay: false,
      showAs: 'busy',
      sensitivity: 'normal',
      importance: 'normal',
      isReminderOn: true,
      reminderMinutesBeforeStart: 15,
      transactionId: 't-1',
    });
  });

  it('names guests only when they may be invited', () => {
    const content = anEvent({ attendees: [aGuest('ben@example.com', { status: { response: 'accepted' } })] });
    expect(create(content)['attendees']).toEqual([
      { type: 'required', emailAddress: { address: 'ben@example.com', name: 'ben' } },
    ]);
    expect(toCreateBody(content, { transactionId: 't-1', sendAttendees: false })).not.toHaveProperty('attendees');
  });

  it('asks for Teams, the only provider there is, when the meeting is to be online', () => {
    expect(create(anEvent({ isOnlineMeeting: true }))).toMatchObject({
      isOnlineMeeting: true,
      onlineMeetingProvider: 'teamsForBusiness',
    });
  });

  it('always says on which day a week begins: Graph means Sunday, others Monday', () => {
    const weekly = { type: 'weekly', interval: 2, daysOfWeek: ['monday'] } as const;
    const content = aSeries({ recurrence: { pattern: weekly, range: { type: 'noEnd', startDate: '2026-03-09' } } });
    expect(create(content)['recurrence']).toEqual({
      pattern: { ...weekly, firstDayOfWeek: 'sunday' },
      range: { type: 'noEnd', startDate: '2026-03-09', recurrenceTimeZone: 'Europe/Berlin' },
    });
  });

  it('gives a series the zone and the first day of its event, whatever its range says, and whole minutes', () => {
    const content = aSeries({
      start: at('2026-03-09T09:00:12.8650000'),
      end: at('2026-03-09T10:00:12.8650000'),
      recurrence: {
        pattern: { type: 'daily', interval: 1 },
        range: { type: 'noEnd', startDate: '2026-03-01', recurrenceTimeZone: 'UTC' },
      },
    });
    expect(create(content)).toMatchObject({
      start: at('2026-03-09T09:00:00'),
      end: at('2026-03-09T10:00:00'),
      recurrence: { range: { startDate: '2026-03-09', recurrenceTimeZone: 'Europe/Berlin' } },
    });
  });

  it('puts both ends of whole days into one zone, as Graph demands', () => {
    const content = anAllDayEvent({ end: at('2026-03-10T00:00:00', 'UTC') });
    expect(create(content)).toMatchObject({ start: at('2026-03-09T00:00:00'), end: at('2026-03-10T00:00:00') });
  });
});

describe('the body of an update', () => {
  it('holds the changed fields and no others', () => {
    const content = anEvent({ location: 'x' } as Partial<EventContent>);
    expect(update(content, 'subject')).toEqual({ subject: 'Standup' });
    expect(update(content, 'reminder', 'categories')).toEqual({
      categories: [],
      isReminderOn: true,
      reminderMinutesBeforeStart: 15,
    });
    expect(update(content)).toEqual({});
  });

  it('keeps what belongs to the time together', () => {
    expect(Object.keys(update(anEvent(), 'time'))).toEqual(['start', 'end', 'isAllDay']);
    expect(Object.keys(update(aSeries(), 'time'))).toEqual(['start', 'end', 'isAllDay', 'recurrence']);
  });

  it('ends a series only by saying that it recurs no more', () => {
    const how = { sendAttendees: false, endsSeries: true };
    expect(toUpdateBody(anEvent(), ['time'], how)).toMatchObject({ recurrence: null });
    expect(toUpdateBody(anEvent(), ['subject'], how)).not.toHaveProperty('recurrence');
    expect(toUpdateBody(aSeries(), ['time'], how)['recurrence']).not.toBeNull();
  });

  it('clears what was cleared', () => {
    expect(update(anEvent(), 'body', 'locations', 'categories', 'attendees', 'isOnlineMeeting')).toEqual({
      body: { contentType: 'text', content: '' },
      location: { displayName: '' },
      categories: [],
      attendees: [],
      isOnlineMeeting: false,
    });
  });

  it('writes one place as `location`, which replaces them all, and several as `locations`', () => {
    const [yard, cafe] = [{ displayName: 'Yard' }, { displayName: 'Café' }];
    expect(update(anEvent({ locations: [yard] }), 'locations')).toEqual({ location: yard });
    expect(update(anEvent({ locations: [yard, cafe] }), 'locations')).toEqual({ locations: [yard, cafe] });
  });

  it('leaves the dates of a series to their own requests', () => {
    const content = aSeries({ occurrences: { '2026-03-16': { isCancelled: true } } });
    expect(update(content, 'occurrence:2026-03-16')).toEqual({});
  });
});

describe('what Graph hands back', () => {
  /** A wall clock that exists: in the hour that is skipped, Exchange keeps the later one. */
  const exists = ({ start, end }: EventContent) =>
    [start, end].every((time) => atInstant(toInstant(time)!, time.timeZone)?.dateTime === time.dateTime);
  // An online meeting comes back with its join block in the body, and the dates of a series are written one by one.
  const plain = (content: EventContent): EventContent => ({ ...content, isOnlineMeeting: false, occurrences: {} });
  const arbitraryContent = () => fc.oneof(arbitraryEvent(), arbitrarySeries()).map(plain).filter(exists);

  it.each(['as-sent', 'windows'] as const)('is what was written, with zone names %s', async (storedZoneNames) => {
    expectMails();
    await fc.assert(
      fc.asyncProperty(arbitraryContent(), async (content) => {
        const { graph, session, calendarId, mailbox } = openGraphWorld({ switches: { storedZoneNames } });
        mailbox.listEvents();
        const { made } = answered(
          await graph.write(session, [
            { kind: 'create', key: 'made', calendarId, content, transactionId: 't-1', sendAttendees: true },
          ]),
        );
        const read = (await graph.readEvents(session, [made!.id])).get(made!.id);
        if (!read || read === 'gone') throw new Error('the event just made is not there');
        expect(canonicalEvent(made!.content)).toEqual(canonicalEvent(content));
        expect(canonicalEvent(read.content)).toEqual(canonicalEvent(content));
        expect(changedUnits(made!.content, read.content)).toEqual([]);
        expect(read.transactionId).toBe('t-1');
      }),
      { numRuns: 150 },
    );
  });

  it('is one event after it was changed into another, by the changed units alone', async () => {
    expectMails();
    await fc.assert(
      fc.asyncProperty(arbitraryContent(), arbitraryContent(), async (before, after) => {
        const { graph, session, calendarId } = openGraphWorld();
        const { made } = answered(
          await graph.write(session, [
            { kind: 'create', key: 'made', calendarId, content: before, transactionId: 't-1', sendAttendees: true },
          ]),
        );
        const units = changedUnits(before, after);
        const { changed } = answered(
          await graph.write(session, [
            {
              kind: 'update',
              key: 'changed',
              id: made!.id,
              etag: made!.etag,
              content: after,
              units,
              sendAttendees: true,
            },
          ]),
        );
        expect(canonicalEvent(changed!.content)).toEqual(canonicalEvent(after));
        expect(changed!.type).toBe(after.recurrence ? 'seriesMaster' : 'singleInstance');
      }),
      { numRuns: 150 },
    );
  });
});
