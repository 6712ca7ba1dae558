import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryContent, arbitraryEdit, edited } from '../../test/support/event-edits.ts';
import { aGuest, anEvent, aSeries, at } from '../../test/support/events.ts';
import { changedUnits, type Unit, unchangedUnit, unitsOf } from './canonical-event.ts';
import type { EventContent, GraphFacts } from './event.ts';
import { withSilencedDates } from './idle-dates.ts';
import {
  dateOfUnit,
  isOccurrenceUnit,
  isSilent,
  mayDelete,
  mayOverwrite,
  type OutgoingChange,
  planOutgoing,
} from './outgoing-change.ts';
import { NOTIFY_POLICIES, type NotifyAttendees } from './settings.ts';

const own: GraphFacts = { isOrganizer: true, isCancelled: false };
const foreign: GraphFacts = { isOrganizer: false, isCancelled: false };
const ada = aGuest('ada@example.com');
const meeting = anEvent({ attendees: [ada] });
const appointment = anEvent();

interface Change {
  readonly from: EventContent;
  readonly to: EventContent;
  readonly policy?: NotifyAttendees;
  readonly facts?: GraphFacts;
  readonly waiting?: readonly Unit[];
}

/** What of a change made here to an event both sides agreed on may go to Graph. */
function outgoing({ from, to, policy = 'never', facts = own, waiting = [] }: Change): OutgoingChange {
  const agreed = { local: from, remote: from, conflictUnits: waiting };
  return planOutgoing({ content: to, agreed, facts, policy });
}

const sentOf = ({ units, occurrences }: OutgoingChange) => [...units, ...occurrences];

describe('an event without guests', () => {
  it('goes as it was changed, whatever the policy, and nothing else of it', () => {
    const to = anEvent({ subject: 'Retro', showAs: 'oof', categories: ['Travel'] });
    for (const policy of NOTIFY_POLICIES) {
      expect(outgoing({ from: appointment, to, policy })).toEqual({
        units: ['subject', 'showAs', 'categories'],
        occurrences: [],
        held: [],
        sendAttendees: policy === 'all',
      });
    }
  });

  it('waits with what is in conflict', () => {
    const to = anEvent({ subject: 'Retro', showAs: 'oof' });
    expect(sentOf(outgoing({ from: appointment, to, waiting: ['subject'] }))).toEqual(['showAs']);
  });

  it('when new, goes whole', () => {
    const content = aSeries({ occurrences: { '2026-03-16': { isCancelled: true } } });
    const change = planOutgoing({ content, agreed: null, facts: undefined, policy: 'never' });
    expect(change.units).toEqual(unitsOf(anEvent()).filter((unit) => unit !== 'attendees'));
    expect(change.occurrences).toEqual(['occurrence:2026-03-16']);
    expect(change.held).toEqual([]);
  });
});

describe('guests are added only under "all"', () => {
  it.each<[NotifyAttendees, boolean]>([
    ['never', false],
    ['changes', false],
    ['all', true],
  ])('%s', (policy, isSent) => {
    const added = outgoing({ from: appointment, to: meeting, policy });
    expect(sentOf(added)).toEqual(isSent ? ['attendees'] : []);
    expect(added.held).toEqual(isSent ? [] : ['attendees']);
    const created = planOutgoing({ content: meeting, agreed: null, facts: undefined, policy });
    expect([sentOf(created).includes('attendees'), created.held.includes('attendees')]).toEqual([isSent, !isSent]);
  });
});

describe('a change of our own meeting with guests', () => {
  const change = {
    from: meeting,
    to: { ...meeting, subject: 'Retro', showAs: 'oof' as const, categories: ['Travel'], isReminderOn: false },
  };

  it('under "never" is held, but for what belongs to our copy alone', () => {
    expect(outgoing(change)).toMatchObject({ units: ['categories', 'reminder'], held: ['subject', 'showAs'] });
  });

  it.each(['changes', 'all'] as const)('under "%s" goes', (policy) => {
    expect(outgoing({ ...change, policy }).held).toEqual([]);
  });

  it('is one as soon as a single date of the series has guests', () => {
    const series = aSeries({ occurrences: { '2026-03-16': { isCancelled: false, fields: { attendees: [ada] } } } });
    expect(outgoing({ from: series, to: { ...series, subject: 'Retro' } }).held).toEqual(['subject']);
  });

  it('is none for dates that are cancelled or differ in something else', () => {
    const occurrences = {
      '2026-03-16': { isCancelled: true as const },
      '2026-03-23': { isCancelled: false as const, fields: { subject: 'Other', attendees: [] } },
      '2026-03-30': { isCancelled: false as const, fields: { showAs: 'oof' as const } },
    };
    const series = aSeries({ occurrences });
    expect(outgoing({ from: series, to: { ...series, subject: 'Retro' } })).toMatchObject({
      units: ['subject'],
      held: [],
    });
  });

  it('is none while the guests stand only here', () => {
    const agreed = { local: appointment, remote: appointment, conflictUnits: [] };
    const to = { ...meeting, subject: 'Retro' };
    const change = planOutgoing({ content: to, agreed, facts: own, policy: 'never' });
    expect(change).toMatchObject({ units: ['subject'], held: ['attendees'] });
  });

  it('says which parts mail nobody', () => {
    expect((['categories', 'reminder', 'subject', 'time'] as const).filter(isSilent)).toEqual([
      'categories',
      'reminder',
    ]);
  });
});

describe("somebody else's meeting", () => {
  it.each(NOTIFY_POLICIES)('takes only personal changes, under "%s" too', (policy) => {
    const to = {
      ...meeting,
      subject: 'Retro',
      end: at('2026-03-09T12:00:00'),
      attendees: [],
      showAs: 'oof' as const,
      sensitivity: 'private' as const,
      categories: ['Travel'],
      isReminderOn: false,
    };
    expect(outgoing({ from: meeting, to, policy, facts: foreign })).toMatchObject({
      units: ['showAs', 'sensitivity', 'categories', 'reminder'],
      held: ['subject', 'time', 'attendees'],
    });
  });
});

describe('one date of a series', () => {
  const unit: Unit = 'occurrence:2026-03-16';
  type Override = EventContent['occurrences'][string];
  const dated = (override?: Override, attendees = [ada]) =>
    aSeries({ attendees, occurrences: override ? { '2026-03-16': override } : {} });
  const says = (fields: Partial<EventContent>): Override => ({ isCancelled: false, fields });
  const cancelled: Override = { isCancelled: true };

  it.each<[string, Override | undefined, Override | undefined, Record<NotifyAttendees, boolean>, boolean]>([
    // what was said, what is said now, whether it goes (our own meeting) by policy, whether it goes (somebody else's)
    ['another subject', undefined, says({ subject: 'x' }), { never: false, changes: true, all: true }, false],
    [
      'the subject of the series again',
      says({ subject: 'x' }),
      undefined,
      { never: false, changes: true, all: true },
      false,
    ],
    ['a category', undefined, says({ categories: ['x'] }), { never: true, changes: true, all: true }, true],
    ['availability', undefined, says({ showAs: 'oof' }), { never: false, changes: true, all: true }, true],
    [
      'a category beside a subject that stays',
      says({ subject: 'x' }),
      says({ subject: 'x', categories: ['x'] }),
      { never: true, changes: true, all: true },
      true,
    ],
    [
      'a category and another subject at once',
      undefined,
      says({ subject: 'x', categories: ['x'] }),
      { never: false, changes: true, all: true },
      false,
    ],
    [
      'another subject and another guest at once',
      undefined,
      says({ subject: 'x', attendees: [aGuest('ben@example.com')] }),
      { never: false, changes: false, all: true },
      false,
    ],
    [
      'another guest',
      undefined,
      says({ attendees: [aGuest('ben@example.com')] }),
      { never: false, changes: false, all: true },
      false,
    ],
    ['a cancellation', undefined, cancelled, { never: false, changes: true, all: true }, true],
    ['no cancellation any more', cancelled, undefined, { never: false, changes: true, all: true }, false],
  ])('%s', (_what, before, after, goes, goesForeign) => {
    const change = { from: dated(before), to: dated(after) };
    for (const policy of NOTIFY_POLICIES) {
      expect(sentOf(outgoing({ ...change, policy })), policy).toEqual(goes[policy] ? [unit] : []);
      expect(sentOf(outgoing({ ...change, policy, facts: foreign })), policy).toEqual(goesForeign ? [unit] : []);
    }
  });

  it('may be brought to what stands here only where all that Graph has otherwise may change', () => {
    const standing = dated(says({ subject: 'there', attendees: [ada, aGuest('ben@example.com')] }));
    const may = (content: EventContent, facts = own) =>
      NOTIFY_POLICIES.filter((policy) =>
        mayOverwrite(unit as 'occurrence:2026-03-16', { content, standing: { content: standing, facts }, policy }),
      );
    // Nobody here changed its guests; bringing it back would uninvite one all the same.
    expect(may(dated())).toEqual(['all']);
    expect(may(dated(says({ attendees: [ada, aGuest('ben@example.com')] })))).toEqual(['changes', 'all']);
    const standingNow = { subject: 'there', attendees: [ada, aGuest('ben@example.com')] };
    expect(may(dated(says({ ...standingNow, categories: ['x'] })))).toEqual(NOTIFY_POLICIES);
    expect(may(dated(says({ ...standingNow, categories: ['x'] })), foreign)).toEqual(NOTIFY_POLICIES);
    expect(may(dated(), foreign)).toEqual([]);
  });

  it('with guests of its own in a series without any, is held as well', () => {
    const change = outgoing({ from: dated(undefined, []), to: dated(says({ attendees: [ada] }), []) });
    expect(change).toMatchObject({ occurrences: [], held: [unit] });
  });

  it('that the series does not have has nowhere to go', () => {
    const stray = { '2026-03-17': { isCancelled: true as const } };
    const from = aSeries();
    expect(outgoing({ from, to: { ...from, occurrences: stray }, policy: 'all' })).toMatchObject({
      occurrences: [],
      held: ['occurrence:2026-03-17'],
    });
    const agreedStray = { ...from, occurrences: stray };
    expect(outgoing({ from: agreedStray, to: agreedStray }).held).toEqual(['occurrence:2026-03-17']);
  });

  it('is named by its unit', () => {
    expect(isOccurrenceUnit(unit) && dateOfUnit(unit)).toBe('2026-03-16');
    expect(isOccurrenceUnit('subject')).toBe(false);
  });
});

describe('deleting', () => {
  it.each<[string, EventContent | null, GraphFacts, Record<NotifyAttendees, boolean>]>([
    ['our own meeting', meeting, own, { never: false, changes: true, all: true }],
    ['our own event without guests', appointment, own, { never: true, changes: true, all: true }],
    ["somebody else's meeting", meeting, foreign, { never: true, changes: true, all: true }],
    ['what is not at Graph', null, own, { never: true, changes: true, all: true }],
  ])('%s', (_what, content, facts, expected) => {
    const agreed = content && { local: content, remote: content, conflictUnits: [] };
    const found = NOTIFY_POLICIES.map((policy) => [policy, mayDelete({ agreed, facts, policy })]);
    expect(Object.fromEntries(found)).toEqual(expected);
  });
});

describe('laws', () => {
  it('everything that was changed is either sent, held or waiting, and nothing that was not is sent', () => {
    const facts = fc.constantFrom(own, foreign, undefined);
    const policy = fc.constantFrom(...NOTIFY_POLICIES);
    fc.assert(
      fc.property(arbitraryContent(), arbitraryEdit(), facts, policy, (from, edit, who, how) => {
        const to = edited(from, edit, { dropsDates: false });
        const waiting = edit.units.slice(0, 1);
        const change = planOutgoing({
          content: to,
          agreed: { local: from, remote: from, conflictUnits: waiting },
          facts: who,
          policy: how,
        });
        const sent = sentOf(change);
        const changed = changedUnits(from, to).filter((unit) => !waiting.includes(unit as never));
        // A date that fell silent because its series came to say the same was not changed: it goes with the series, or stays.
        const said = changed.filter((unit) => !unchangedUnit(from, withSilencedDates(from, to), unit));
        expect(changed).toEqual(expect.arrayContaining([...sent, ...change.held]));
        expect([...sent, ...change.held]).toEqual(expect.arrayContaining(said));
        // Nobody is mailed unasked.
        if (how !== 'all') expect(sent).not.toContain('attendees');
        if (how === 'never' && who?.isOrganizer !== false && from.attendees.length > 0) {
          expect(change.units.filter((unit) => !isSilent(unit))).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a date of a rule that stays here', () => {
  const rule = aSeries().recurrence;
  const cancelled = { '2026-03-16': { isCancelled: true as const } };

  it('stays with it where Graph has no such date', () => {
    const single = aSeries({ recurrence: null });
    const given = outgoing({
      from: single,
      to: { ...single, recurrence: rule, occurrences: cancelled },
      facts: foreign,
    });
    expect(given).toMatchObject({
      units: [],
      occurrences: [],
      held: expect.arrayContaining(['occurrence:2026-03-16']),
    });
  });

  it('goes when the rule goes, or when Graph has the date as well', () => {
    const single = aSeries({ recurrence: null });
    const own = outgoing({ from: single, to: { ...single, recurrence: rule, occurrences: cancelled } });
    expect(own.occurrences).toEqual(['occurrence:2026-03-16']);
    const series = aSeries({ attendees: [ada] });
    const later = { ...series, end: at('2026-03-09T12:00:00'), occurrences: cancelled };
    const { held, occurrences } = outgoing({ from: series, to: later, policy: 'changes' });
    expect([held, occurrences]).toEqual([[], ['occurrence:2026-03-16']]);
  });
});
