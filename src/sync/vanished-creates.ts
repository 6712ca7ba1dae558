import type { EventId, GraphEventId } from '../core/ids.ts';
import type { WriteOutcome } from '../graph/calendar-graph.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { Tx } from '../store/db.ts';
import type { EventRepository } from '../store/event.repository.ts';
import type { OperationRepository } from '../store/operation.repository.ts';
import type { Outgoing } from './outgoing-event.ts';
import { agreedUpTo } from './pushed-base.ts';
import type { RunContext } from './run-context.ts';
import { isUnanswered } from './unanswered-creates.ts';

/** A repeated create that met its own marker, on an event that is proven not to be there any more. */
export interface VanishedCreate {
  readonly target: Outgoing;
  readonly graphEventId: GraphEventId;
}

/** What a refused write says of an earlier attempt: it was carried out, and somebody deleted the event before we knew its id. */
export function vanishedCreate(target: Outgoing, outcome: WriteOutcome): VanishedCreate | undefined {
  if (outcome.ok || outcome.error.code !== 'duplicate-transaction') return undefined;
  if (!target.isResent && !outcome.isRepeated) return undefined;
  const id = outcome.error.details?.['existingEventId'];
  return typeof id === 'string' ? { target, graphEventId: id as GraphEventId } : undefined;
}

/** What becomes of them. */
export interface VanishedOutcome {
  /** The ids to look at now, by our own. */
  readonly gone: ReadonlyMap<EventId, GraphEventId>;
  /** To be created under another marker: theirs was used up by an earlier event under the same id. */
  readonly reborn: readonly Outgoing[];
}

/**
 * Remembers such events as what they are: agreed on as they were sent, and gone since. From then on they are like any other
 * event that was deleted in Outlook, also when the process dies before anything is done about them. In a run that only sends,
 * what is unchanged here is left to the next one that reads.
 *
 * Each generation of an event has one id at Graph. Where more of them were known here than there were generations, the event
 * had an earlier life, which used the marker up: the create that was never answered did not arrive. Graph may name an event by
 * another kind of id than we know it by, so the ids themselves tell nothing.
 */
export async function linkVanished(
  tx: Tx,
  repositories: { events: EventRepository; bases: BaseRepository; operations: OperationRepository },
  { userId, direction }: Pick<RunContext, 'userId' | 'direction'>,
  { vanished, at }: { readonly vanished: readonly VanishedCreate[]; readonly at: Date },
): Promise<VanishedOutcome> {
  const ids = vanished.map(({ target }) => target.event.id);
  await repositories.events.lockMany(tx, userId, ids);
  const bases = await repositories.bases.lockByEventIds(tx, userId, ids);
  const graphIds = vanished.map(({ graphEventId }) => graphEventId);
  const taken = await repositories.bases.findByGraphIds(tx, userId, graphIds);
  const known = await repositories.operations.countGraphIds(tx, userId, ids);
  const gone = new Map<EventId, GraphEventId>();
  const reborn: Outgoing[] = [];
  const linked: EventBase[] = [];
  for (const { target, graphEventId } of vanished) {
    const { id, revision } = target.event;
    const base = bases.get(id);
    // As another event it was pulled already, and goes as that one first.
    if (!base || !isUnanswered(base) || taken.has(graphEventId)) continue;
    if ((known.get(id) ?? 0) > base.generation) reborn.push(target);
    else {
      const now = goneBase({ target, graphEventId }, base, at);
      linked.push(now);
      if (direction !== 'push' || now.agreedRevision < revision) gone.set(id, graphEventId);
    }
  }
  await repositories.bases.saveMany(tx, userId, linked);
  return { gone, reborn };
}

function goneBase({ target, graphEventId }: VanishedCreate, base: EventBase, at: Date): EventBase {
  const { event, change, sent } = target;
  const linked: EventBase = {
    ...base,
    graphEventId,
    etag: undefined,
    local: sent,
    // Nobody here has seen how Graph spelt it, and nobody ever will.
    remote: sent,
    remoteGoneAt: at,
    heldUnits: [...change.held],
    errorCode: undefined,
    errorMessage: undefined,
    failedRevision: undefined,
    failures: undefined,
    retryAt: undefined,
  };
  return { ...linked, agreedRevision: agreedUpTo(event, target.base, linked) };
}
