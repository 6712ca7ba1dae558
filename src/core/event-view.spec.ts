import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryLocation } from '../../test/support/events.ts';
import { joinedLocation, occurrenceId, parseOccurrenceId } from './event-view.ts';

describe('the single location', () => {
  it('is the place itself when there is one, and none when there is none', () => {
    const yard = { displayName: 'Yard', address: { city: 'Oslo' } };
    expect(joinedLocation([yard])).toBe(yard);
    expect(joinedLocation([])).toBeNull();
  });

  it('joins the names of several as Graph does, and says nothing else of them', () => {
    fc.assert(
      fc.property(fc.array(arbitraryLocation(), { minLength: 2, maxLength: 4 }), (locations) => {
        expect(joinedLocation(locations)).toEqual({
          displayName: locations.map(({ displayName }) => displayName).join('; '),
        });
      }),
    );
  });
});

describe('the id of an occurrence', () => {
  it('is its series and its original date, and is read back', () => {
    const id = fc.oneof(fc.uuid(), fc.constantFrom('a_b', 'a_2026-03-09', '_', 'ümläut'));
    fc.assert(
      fc.property(id, (masterId) => {
        expect(parseOccurrenceId(occurrenceId(masterId, '2026-03-16'))).toEqual({
          masterId,
          originalDate: '2026-03-16',
        });
      }),
    );
    expect(occurrenceId('abc', '2026-03-16')).toBe('abc_2026-03-16');
  });

  it.each(['', 'abc', '2026-03-16', '_2026-03-16', 'abc_2026-3-16', 'abc_2026-03-16x', 'abc-2026-03-16'])(
    'is not "%s"',
    (id) => {
      expect(parseOccurrenceId(id)).toBeUndefined();
    },
  );
});
