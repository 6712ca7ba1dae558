import type { EventId, GraphEventId } from '../core/ids.ts';
import type { BaseRepository } from '../store/base.repository.ts';
import type { CursorRepository } from '../store/cursor.repository.ts';
import type { Db } from '../store/db.ts';
import type { EventRepository } from '../store/event.repository.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';
import type { AbsenceManager } from './absence.manager.ts';
import type { AdoptionIndex } from './adoption.ts';
import type { PlanApplier } from './plan-applier.ts';
import type { PullRound } from './pull-round.ts';
import type { RemotePlanner } from './remote-planner.ts';
import { assertNotCancelled, type RunContext } from './run-context.ts';
import type { RunRecorder } from './run-recorder.ts';

const EVENTS_PER_STEP = 100;

/**
 * Events that were at Graph once and are not linked now: what a disconnected mailbox left behind. Those a full round has not
 * listed lie outside of its window or were deleted meanwhile. Each is asked for before the push may create it, because
 * creating one that is still there would double it.
 */
export class RelinkManager {
  readonly #db: Db;
  readonly #events: EventRepository;
  readonly #bases: BaseRepository;
  readonly #cursors: CursorRepository;
  readonly #leases: LeaseRepository;
  readonly #planner: RemotePlanner;
  readonly #applier: PlanApplier;
  readonly #absences: AbsenceManager;
  readonly #recorder: RunRecorder;

  constructor(parts: {
    db: Db;
    events: EventRepository;
    bases: BaseRepository;
    cursors: CursorRepository;
    leases: LeaseRepository;
    planner: RemotePlanner;
    applier: PlanApplier;
    absences: AbsenceManager;
    recorder: RunRecorder;
  }) {
    this.#db = parts.db;
    this.#events = parts.events;
    this.#bases = parts.bases;
    this.#cursors = parts.cursors;
    this.#leases = parts.leases;
    this.#planner = parts.planner;
    this.#applier = parts.applier;
    this.#absences = parts.absences;
    this.#recorder = parts.recorder;
  }

  /** Joins what is still there; what is not may be created again, under a marker of its own. Series are marked to be read. */
  async relink(context: RunContext, round: PullRound, adoption: AdoptionIndex): Promise<void> {
    const lost = adoption.lost();
    for (let from = 0; from < lost.length; from += EVENTS_PER_STEP) {
      assertNotCancelled(context);
      const step = lost.slice(from, from + EVENTS_PER_STEP);
      const found = await this.#absences.ask(
        context,
        step.map(({ graphEventId }) => graphEventId),
      );
      const gone = eventsOf(step, found.gone);
      await this.#db.transaction(async (tx) => {
        await this.#leases.assert(tx, context.lease);
        await this.#applier.apply(
          tx,
          context,
          await this.#planner.plan(tx, context, found.singles, adoption, round.mode),
        );
        await this.#cursors.markSeries(tx, context.userId, context.calendarId, round.roundId, [...found.series]);
        await this.#events.forgetGraphIds(tx, context.userId, gone);
        await this.#bases.nextGeneration(tx, context.userId, context.calendarId, gone);
        await this.#recorder.saveProgress(tx, context);
      });
    }
  }
}

function eventsOf(
  lost: readonly { readonly eventId: EventId; readonly graphEventId: GraphEventId }[],
  gone: readonly GraphEventId[],
): EventId[] {
  const ids = new Set(gone);
  return lost.filter(({ graphEventId }) => ids.has(graphEventId)).map(({ eventId }) => eventId);
}
