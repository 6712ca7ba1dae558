import { restlessUnits } from '../core/convergence.ts';
import { SyncError } from '../core/errors.ts';
import type { WriteOutcome } from '../graph/calendar-graph.ts';
import type { Outgoing } from './outgoing-event.ts';

/** The code an event carries whose two sides will not come to rest. */
export const NOT_SETTLING = 'NOT_SETTLING';

export interface Refusal {
  readonly target: Outgoing;
  readonly outcome: WriteOutcome;
}

/**
 * Convergence breaker: what was sent three times within a day and changed back each time is not sent a fourth time. Some
 * other program writes the event too, and each round would cost requests, and mails where the policy allows them.
 */
export function restlessOf(outgoing: readonly Outgoing[], now: Date): Refusal[] {
  return outgoing.flatMap((target) => {
    const { event, base, change } = target;
    const units = restlessUnits(base?.rounds, {
      content: event.content,
      units: [...change.units, ...change.occurrences],
      now,
    });
    if (units.length === 0) return [];
    const message =
      `${units.join(', ')}: sent to Outlook three times within a day and changed back there each time; ` +
      'something else keeps writing this event. Write another value, or end what changes it back';
    const error = new SyncError('rejected', message, { graphCode: NOT_SETTLING });
    return [{ target, outcome: { key: event.id, ok: false, error } }];
  });
}
