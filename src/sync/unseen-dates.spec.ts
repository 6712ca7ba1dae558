import { describe, expect, it } from 'vitest';
import { aSeries } from '../../test/support/events.ts';
import type { GraphEventId } from '../core/ids.ts';
import type { RemoteSeries } from '../graph/calendar-graph.ts';
import { withUnseenDates } from './unseen-dates.ts';

const CANCELLED = { isCancelled: true } as const;
const MARCH = { start: new Date('2026-03-01T00:00:00Z'), end: new Date('2026-04-01T00:00:00Z') };

function seen(occurrences: Record<string, typeof CANCELLED>, seenWithin?: typeof MARCH): RemoteSeries {
  return {
    id: 'AAA' as GraphEventId,
    etag: 'W/"1"',
    type: 'seriesMaster',
    content: aSeries({ occurrences }),
    facts: { isOrganizer: true, isCancelled: false },
    occurrenceIds: {},
    ...(seenWithin ? { seenWithin } : {}),
  };
}

describe('a series seen within a window only', () => {
  const known = aSeries({
    occurrences: { '2026-02-16': CANCELLED, '2026-03-09': CANCELLED, '2026-03-16': CANCELLED, '2026-06-01': CANCELLED },
  });

  it('keeps what is known of the dates before and after it, and says what it saw of those within', () => {
    const { occurrences } = withUnseenDates(seen({ '2026-03-16': CANCELLED }, MARCH), known).content;
    expect(Object.keys(occurrences).sort()).toEqual(['2026-02-16', '2026-03-16', '2026-06-01']);
  });

  it('seen whole, says everything: a date it does not mention is as the rule has it', () => {
    const whole = seen({ '2026-03-16': CANCELLED });
    expect(withUnseenDates(whole, known)).toBe(whole);
  });

  it('known of nothing so far, is as it was seen', () => {
    const first = seen({}, MARCH);
    expect(withUnseenDates(first, undefined)).toBe(first);
  });
});
