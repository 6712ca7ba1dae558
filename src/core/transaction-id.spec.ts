import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventId, UserId } from './ids.ts';
import { transactionIdFor } from './transaction-id.ts';

const idFor = (userId: string, eventId: string, generation: number) =>
  transactionIdFor({ userId: userId as UserId, eventId: eventId as EventId, generation });

describe('the transaction id of an event', () => {
  it('is the same for every retry, in every release', () => {
    // An event whose creation was never answered must be recognised after an upgrade as well.
    expect(idFor('ada', '7f6c1e9a-0b0e-4c55-9b62-3f1f6f3a2a10', 0)).toBe('c19b1a90-c61b-865c-93e4-d548bcc40637');
  });

  it('is a GUID that strict readers accept', () => {
    fc.assert(
      fc.property(fc.string(), fc.uuid(), fc.nat(), (user, event, generation) => {
        expect(idFor(user, event, generation)).toMatch(
          /^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
        );
      }),
    );
  });

  it('differs between users, events and generations', () => {
    const key = fc.tuple(fc.string(), fc.uuid(), fc.nat({ max: 20 }));
    fc.assert(
      fc.property(fc.uniqueArray(key, { selector: (parts) => JSON.stringify(parts), maxLength: 20 }), (keys) => {
        expect(new Set(keys.map((parts) => idFor(...parts))).size).toBe(keys.length);
      }),
    );
  });
});
