import { describe, expect, it } from 'vitest';
import { vtimezone } from './ics-vtimezone.ts';

describe('a VTIMEZONE for times far away', () => {
  it('is no longer and no dearer for an event that ends in the year 9999', () => {
    const began = performance.now();
    const far = String(vtimezone('Europe/Berlin', { from: 2025, to: 9999 }));
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(far).toBe(String(vtimezone('Europe/Berlin', { from: 2025, to: 2040 })));
  });

  it('covers an event that begins there', () => {
    const text = String(vtimezone('Europe/Berlin', { from: 2998, to: 9999 }));
    expect(text).toContain('RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\n');
    expect(text).toContain('DTSTART:29980325T020000');
  });
});
