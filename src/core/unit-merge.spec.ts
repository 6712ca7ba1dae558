import { describe, expect, it } from 'vitest';
import { aGuest, anEvent, aSeries } from '../../test/support/events.ts';
import type { EventContent, OccurrenceOverride } from './event.ts';
import type { AgreedContent } from './three-way-merge.ts';
import { uniteUnit } from './unit-merge.ts';

const agreedOn = (content: EventContent, conflictUnits: AgreedContent['conflictUnits'] = []): AgreedContent => ({
  local: content,
  remote: content,
  conflictUnits,
});

describe('sets', () => {
  const categories = (base: AgreedContent | null, local: string[], remote: string[]) =>
    uniteUnit({ base, local: anEvent({ categories: local }), remote: anEvent({ categories: remote }) }, 'categories')
      ?.categories;

  it('unite what both sides added, and lose what either removed', () => {
    const base = agreedOn(anEvent({ categories: ['a', 'b'] }));
    expect(categories(base, ['a', 'b', 'here'], ['b', 'there'])).toEqual(['b', 'here', 'there']);
  });

  it('of an event made on both sides hold everything of both', () => {
    expect(categories(null, ['here', 'both'], ['both', 'there'])).toEqual(['here', 'both', 'there']);
  });

  it('that wait and were never agreed on do not count what either side lacks as removed', () => {
    const base: AgreedContent = {
      local: anEvent({ categories: ['here'] }),
      remote: anEvent({ categories: ['there'] }),
      conflictUnits: ['categories'],
    };
    expect(categories(base, ['here'], ['there'])).toEqual(['here', 'there']);
  });

  it('of guests exclude each other when one guest is changed on both sides differently', () => {
    const was = anEvent({ attendees: [aGuest('bob@example.com')] });
    const as = (type: 'optional' | 'resource') => anEvent({ attendees: [aGuest('bob@example.com', { type })] });
    const unite = (local: EventContent, remote: EventContent) =>
      uniteUnit({ base: agreedOn(was), local, remote }, 'attendees')?.attendees;
    expect(unite(as('optional'), as('resource'))).toBeUndefined();
    expect(unite(as('optional'), was)).toMatchObject([{ type: 'optional' }]);
    expect(unite(as('optional'), anEvent({ attendees: [] }))).toMatchObject([{ type: 'optional' }]);
    expect(unite(was, anEvent({ attendees: [] }))).toEqual([]);
  });
});

describe('two changes of one date', () => {
  const date = '2026-03-16';
  const gone: OccurrenceOverride = { isCancelled: true };
  const edited = (subject: string): OccurrenceOverride => ({ isCancelled: false, fields: { subject } });
  const on = (override: OccurrenceOverride | undefined) =>
    aSeries({ occurrences: override ? { [date]: override } : {} });
  const unite = (here: OccurrenceOverride | undefined, there: OccurrenceOverride | undefined) =>
    uniteUnit({ base: agreedOn(on(undefined)), local: on(here), remote: on(there) }, `occurrence:${date}`)?.occurrences[
      date
    ];

  it('keep the edit against the cancellation, whichever side it is on', () => {
    expect(unite(edited('here'), gone)).toEqual(edited('here'));
    expect(unite(gone, edited('there'))).toEqual(edited('there'));
    expect(unite(gone, gone)).toEqual(gone);
  });

  it('unite when they are about different fields, and else exclude each other', () => {
    const important: OccurrenceOverride = { isCancelled: false, fields: { importance: 'high' } };
    expect(unite(edited('here'), important)).toEqual({
      isCancelled: false,
      fields: { subject: 'here', importance: 'high' },
    });
    expect(unite(edited('here'), edited('there'))).toBeUndefined();
  });
});

it('nothing else is united', () => {
  const sides = { base: null, local: anEvent({ subject: 'here' }), remote: anEvent({ subject: 'there' }) };
  for (const unit of ['subject', 'time', 'body', 'locations', 'reminder'] as const) {
    expect(uniteUnit(sides, unit)).toBeUndefined();
  }
});
