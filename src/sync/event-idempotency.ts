import { createHash } from 'node:crypto';
import { SyncError } from '../core/errors.ts';
import type { EventId, UserId } from '../core/ids.ts';
import type { Tx } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';
import type { IdempotencyRepository } from '../store/idempotency.repository.ts';

const MAX_KEY_CHARACTERS = 255;

/**
 * Takes a caller's `Idempotency-Key` for the event about to be made, in the transaction that makes it: of several requests
 * at once one goes on, and the others wait until it is through.
 *
 * @returns the event an earlier request made under the same key, as it is now; `undefined` for the first one
 * @throws {SyncError} `conflict-state` for a key that another request used, or whose event is gone; `invalid-input` for
 *   one that cannot be used
 */
export async function takeKey(
  tx: Tx,
  { idempotency, events }: { idempotency: IdempotencyRepository; events: EventRepository },
  request: { userId: UserId; key: string; eventId: EventId; input: unknown; at: Date },
): Promise<StoredEvent | undefined> {
  const { userId, key, eventId, at } = request;
  if (key === '' || key.length > MAX_KEY_CHARACTERS || key.includes('\0')) {
    throw new SyncError('invalid-input', 'the Idempotency-Key cannot be used', {
      problems: [{ path: 'Idempotency-Key', message: `must have 1 to ${MAX_KEY_CHARACTERS} characters` }],
    });
  }
  const requestHash = hashOf(userId, key, request.input);
  if (await idempotency.take(tx, userId, { key, requestHash, eventId, at })) return undefined;
  const taken = await idempotency.find(tx, userId, key);
  if (!taken || taken.requestHash !== requestHash) {
    throw new SyncError(
      'conflict-state',
      'the Idempotency-Key was used for another request: use a new key for a new event',
    );
  }
  const event = await events.find(tx, userId, taken.eventId);
  if (event) return event;
  throw new SyncError(
    'conflict-state',
    `the event this Idempotency-Key made, ${taken.eventId}, has been deleted: use a new key to make it again`,
  );
}

/** Equal for the same request however its members are ordered; says nothing about the content to whoever reads the table. */
function hashOf(userId: UserId, key: string, input: unknown): string {
  const text = JSON.stringify(input, (_name, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return createHash('sha256').update(`${userId}\n${key}\n${text}`).digest('base64url');
}
