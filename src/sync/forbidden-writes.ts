import type { SyncError } from '../core/errors.ts';
import type { EventId } from '../core/ids.ts';
import type { WriteOutcome } from '../graph/calendar-graph.ts';
import type { EventBase } from '../store/base.repository.ts';
import { FAILURES_ALONE, wentThrough } from './item-trouble.ts';

/** So many steps of writes, all of them forbidden, tell that it is the mailbox: the rest of them is not sent. */
const MOST_STEPS = 3;

/** Writes of one step that Graph forbade, and what parks their events. */
export interface ForbiddenStep {
  readonly error: SyncError;
  readonly bases: readonly EventBase[];
  readonly park: () => Promise<void>;
}

/**
 * Writes of a run that Graph forbade while nothing went through. Whether that says something of their events or of the
 * mailbox is told by the others: once one of them goes through these are parked, and where none does the run fails.
 */
export class ForbiddenWrites {
  readonly #steps: ForbiddenStep[] = [];
  #isServed = false;

  /** Something was written in this run: what is forbidden beside it is the event's own trouble. */
  get isServed(): boolean {
    return this.#isServed;
  }

  get isOpen(): boolean {
    return this.#steps.length > 0;
  }

  /** One more try is left. */
  get isAlmostSure(): boolean {
    return this.#steps.length >= MOST_STEPS - 1;
  }

  holds(id: EventId): boolean {
    return this.#steps.some(({ bases }) => bases.some(({ eventId }) => eventId === id));
  }

  /** Once anything went through, what is held is known to be those events' own trouble. */
  async note(outcomes: readonly WriteOutcome[]): Promise<void> {
    this.#isServed ||= outcomes.some(wentThrough);
    if (!this.#isServed) return;
    for (const { park } of this.#steps.splice(0)) await park();
  }

  hold(step: ForbiddenStep): void {
    this.#steps.push(step);
  }

  /**
   * Nothing more is written in this run.
   *
   * @param count  remembers that an event was forbidden alone: at the third time in a row it is the event's own trouble
   * @throws {SyncError} `forbidden` when nothing of all that was written went through
   */
  async close(count: (bases: readonly EventBase[]) => Promise<void>): Promise<void> {
    const steps = this.#steps.splice(0);
    const [first] = steps;
    if (!first) return;
    const [only, ...others] = steps.flatMap(({ bases }) => bases);
    const isAlone = only !== undefined && others.length === 0;
    if (isAlone && (only.failures ?? 0) >= FAILURES_ALONE - 1) return first.park();
    if (isAlone) await count([only]);
    throw first.error;
  }
}
