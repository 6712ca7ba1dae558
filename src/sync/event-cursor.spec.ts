import { describe, expect, it } from 'vitest';
import { readInstant } from './event-cursor.ts';

describe('an instant of a query', () => {
  it.each(['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', '2026-03-09'])('may be %s', (text) => {
    expect(readInstant(text, 'from').toISOString()).toContain(text.slice(0, 10));
  });

  it.each(['0000-01-01T00:00:00Z', '0000-12-31', '0001-01-01T00:00:00+01:00', '9999-12-31T23:59:59-01:00'])(
    'is refused as %s: the database knows no such year',
    (text) => {
      expect(() => readInstant(text, 'from')).toThrow(expect.objectContaining({ code: 'invalid-input' }));
    },
  );
});
