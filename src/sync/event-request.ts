import { SyncError } from '../core/errors.ts';
import type { EventContent } from '../core/event.ts';
import type { EventInput } from '../core/event-input.ts';
import type { Occurrence } from '../core/recurrence.ts';
import { toInstant } from '../core/time-zones.ts';
import type { StoredEvent } from '../store/event.repository.ts';

/** The rule gives them by original date; one that was moved within the range belongs where it stands now. */
export function inOrderOfStart(occurrences: readonly Occurrence[]): Occurrence[] {
  const startOf = ({ fields }: Occurrence) => toInstant(fields.start)?.getTime() ?? 0;
  return [...occurrences].sort((a, b) => startOf(a) - startOf(b));
}

/**
 * A row written by plain SQL that cannot be read shows defaults, which must not be stored as if somebody had meant them.
 *
 * @throws {SyncError} `impossible-input` unless the patch brings everything that could not be read
 */
export function assertMended(event: StoredEvent, input: EventInput): void {
  const missing = (event.unreadable ?? [])
    .map((field) => MENDED_BY[field] ?? [field as keyof EventInput])
    .filter((fields) => !fields.some((field) => input[field] !== undefined));
  if (missing.length === 0) return;
  throw new SyncError('impossible-input', `event ${event.id} cannot be read as it is stored: ${event.problem}`, {
    problems: missing.map(([path = '']) => ({ path, message: 'must be given too: what is stored cannot be read' })),
  });
}

/** Where a field is not given under its own name. */
const MENDED_BY: Partial<Record<keyof EventContent, readonly (keyof EventInput)[]>> = {
  locations: ['locations', 'location'],
  // With a rule given anew, its exceptions are too.
  occurrences: ['recurrence'],
};

/** @throws {SyncError} `invalid-input` */
export function assertLimit(limit: number, most: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= most) return;
  throw new SyncError('invalid-input', 'the limit is not one this service answers with', {
    problems: [{ path: 'limit', message: `must be a whole number from 1 to ${most}` }],
  });
}

export function rangeMissing(given: { start: Date | undefined; end: Date | undefined }): SyncError {
  const missing = (['start', 'end'] as const).filter((field) => !given[field]);
  return new SyncError('invalid-input', 'expand=occurrences needs start and end: a series may have no end', {
    problems: missing.map((path) => ({
      path,
      message: 'is required with expand=occurrences, e.g. 2026-03-09T00:00:00Z',
    })),
  });
}
