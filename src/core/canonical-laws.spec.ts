import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryContent } from '../../test/support/event-edits.ts';
import { aGuest, arbitraryAttendee } from '../../test/support/events.ts';
import { asGraphSays } from '../../test/support/graph-spelling.ts';
import { changedUnits, equalContent, sameUnit, type Unit, unchangedUnit, unitsOf } from './canonical-event.ts';
import type { EventContent } from './event.ts';
import { joinedLocation } from './event-view.ts';
import { onLaterDay } from './occurrence-fields.ts';

/** Ways of saying the same, each as some server, client or protocol does it. */
const RESPELLINGS: Record<string, (content: EventContent) => EventContent> = {
  'as Graph says it': (content) => asGraphSays(content),
  'as Graph says it, twice': (content) => asGraphSays(asGraphSays(content)),
  'with what is the same for everybody left to the exceptions': (content) => asGraphSays(content, 'own fields'),
  'with Windows line ends': (content) => ({
    ...content,
    body: content.body && { ...content.body, content: content.body.content.replaceAll('\n', '\r\n') },
  }),
  'with white space around the subject': (content) => ({ ...content, subject: ` ${content.subject}\t` }),
  'with guests who answered': (content) => ({
    ...content,
    attendees: content.attendees.map((attendee) => ({ ...attendee, status: { response: 'accepted' } })),
  }),
  'with a guest and a category listed twice': (content) => ({
    ...content,
    attendees: [...content.attendees, ...content.attendees.slice(0, 1)],
    categories: [...content.categories, ...content.categories.slice(0, 1)],
  }),
  'with members nobody knows': (content) => ({
    ...content,
    locations: content.locations.map((place) => ({ ...place, uniqueId: 'x', locationType: 'default' })),
  }),
  'through JSON': (content) => JSON.parse(JSON.stringify(content)) as EventContent,
  'with an idle exception': (content) => {
    const { recurrence } = content;
    if (!recurrence || content.occurrences[recurrence.range.startDate]) return content;
    const idle = { isCancelled: false as const, fields: { subject: content.subject, showAs: content.showAs } };
    return { ...content, occurrences: { ...content.occurrences, [recurrence.range.startDate]: idle } };
  },
};

/** Of an all-day event its zone is only a label. */
const floating = (content: EventContent): EventContent =>
  content.isAllDay && !content.recurrence
    ? { ...content, start: { ...content.start, timeZone: 'UTC' }, end: { ...content.end, timeZone: 'UTC' } }
    : content;

describe('saying the same in other words', () => {
  it.each(Object.entries(RESPELLINGS))('is no change: %s', (_how, respell) => {
    fc.assert(
      fc.property(arbitraryContent(), (content) => {
        const other = respell(content);
        expect(changedUnits(content, other)).toEqual([]);
        expect(changedUnits(other, content)).toEqual([]);
        expect(equalContent(content, other)).toBe(true);
      }),
    );
  });

  it('is no change for a whole day labelled with another zone', () => {
    fc.assert(
      fc.property(arbitraryContent(), (content) => {
        expect(changedUnits(content, floating(content))).toEqual([]);
      }),
    );
  });

  it('is the same across sides with the names of all places joined in one', () => {
    fc.assert(
      fc.property(arbitraryContent(), (content) => {
        const joined = joinedLocation(content.locations);
        expect(equalContent(content, { ...content, locations: joined ? [joined] : [] })).toBe(true);
      }),
    );
  });

  it('can be mixed: what is the same in two spellings is the same in all', () => {
    const how = fc.constantFrom(...Object.values(RESPELLINGS));
    fc.assert(
      fc.property(arbitraryContent(), how, how, (content, one, another) => {
        expect(equalContent(one(content), another(content))).toBe(true);
      }),
    );
  });
});

/** Changes that nobody could call a matter of spelling. */
const EDITS: readonly [Unit, (content: EventContent) => EventContent][] = [
  ['subject', (content) => ({ ...content, subject: `${content.subject} (new)` })],
  [
    'body',
    (content) => ({ ...content, body: { contentType: 'text', content: `${content.body?.content ?? ''}\nnew` } }),
  ],
  ['time', (content) => ({ ...content, end: onLaterDay(content.end, 1) })],
  ['time', (content) => ({ ...content, isAllDay: !content.isAllDay })],
  ['locations', (content) => ({ ...content, locations: [...content.locations, { displayName: 'New' }] })],
  ['attendees', (content) => ({ ...content, attendees: [...content.attendees, aGuest('new@example.com')] })],
  ['showAs', (content) => ({ ...content, showAs: content.showAs === 'oof' ? 'free' : 'oof' })],
  ['sensitivity', (content) => ({ ...content, sensitivity: content.sensitivity === 'private' ? 'normal' : 'private' })],
  ['importance', (content) => ({ ...content, importance: content.importance === 'high' ? 'low' : 'high' })],
  ['categories', (content) => ({ ...content, categories: [...content.categories, 'New'] })],
  ['reminder', (content) => ({ ...content, isReminderOn: !content.isReminderOn })],
  ['isOnlineMeeting', (content) => ({ ...content, isOnlineMeeting: !content.isOnlineMeeting })],
];

describe('saying something else', () => {
  it.each(EDITS)('always counts, in that unit and, but for what dates inherit, in no other: %s', (unit, edit) => {
    fc.assert(
      fc.property(arbitraryContent(), fc.boolean(), fc.boolean(), (content, isRespelledBefore, isRespelledAfter) => {
        const respell = (is: boolean, what: EventContent) => (is ? asGraphSays(what, 'own fields') : what);
        const before = respell(isRespelledBefore, content);
        const after = respell(isRespelledAfter, edit(content));
        expect(unchangedUnit(before, after, unit)).toBe(false);
        expect(sameUnit(before, after, unit)).toBe(false);
        const others = changedUnits(before, after).filter(
          (other) => other !== unit && !other.startsWith('occurrence:'),
        );
        expect(others).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('counts for the type of a guest, and for who it is', () => {
    fc.assert(
      fc.property(arbitraryAttendee(), arbitraryAttendee(), (one, another) => {
        const isSame = one.type === another.type && one.emailAddress.address === another.emailAddress.address;
        const withGuest = (attendee: typeof one): EventContent => ({ ...EMPTY, attendees: [attendee] });
        expect(unchangedUnit(withGuest(one), withGuest(another), 'attendees')).toBe(isSame);
      }),
    );
  });

  it('counts for a single date as well', () => {
    fc.assert(
      fc.property(arbitraryContent(), (content) => {
        const date = content.recurrence?.range.startDate;
        if (date === undefined) return;
        const said = { ...content, occurrences: { ...content.occurrences, [date]: { isCancelled: true as const } } };
        const wasCancelled = content.occurrences[date]?.isCancelled === true;
        expect(changedUnits(content, said)).toEqual(wasCancelled ? [] : [`occurrence:${date}`]);
        expect(unitsOf(said)).toContain(`occurrence:${date}`);
      }),
    );
  });
});

const EMPTY: EventContent = fc.sample(arbitraryContent(), { numRuns: 1, seed: 7 })[0]!;
