import { createHash } from 'node:crypto';
import type { EventId, UserId } from './ids.ts';

/**
 * The `transactionId` under which an event is created at Graph: the same for every retry, so that Exchange discards
 * repetitions, and another one after a deliberate deletion and re-creation (graph contract 6.2).
 *
 * It also marks the created event as ours: the delta stream returns it.
 *
 * @param of.generation  how often the event was re-created on purpose, 0 at first
 * @returns a GUID, the size Microsoft's documentation shows
 */
export function transactionIdFor(of: { userId: UserId; eventId: EventId; generation: number }): string {
  const hex = createHash('sha256').update(`${of.userId}\n${of.eventId}\n${of.generation}`).digest('hex');
  // Marked as a name-based UUID (version 8, RFC 9562), so that strict readers accept it.
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
