import type { EventId, GraphEventId } from '../core/ids.ts';
import { isLeftAlone, ruleAllows } from '../core/rules.ts';
import type { Random } from '../core/runtime.ts';
import { type EventPlan, type LocalStep, planEvent, type SideState } from '../core/sync-plan.ts';
import type { AgreedContent } from '../core/three-way-merge.ts';
import type { RemoteEvent, RemoteSeries } from '../graph/calendar-graph.ts';
import type { AttachmentRepository } from '../store/attachment.repository.ts';
import type { BaseRepository, EventBase } from '../store/base.repository.ts';
import type { Tx } from '../store/db.ts';
import type { EventRepository, StoredEvent } from '../store/event.repository.ts';
import type { Tombstone, TombstoneRepository } from '../store/tombstone.repository.ts';
import { type AdoptionIndex, agreedAfterLostAnswer, type Match } from './adoption.ts';
import type { PlannedEvent } from './planned-event.ts';
import type { PullMode } from './pull-round.ts';
import type { RunContext } from './run-context.ts';
import { withUnseenDates } from './unseen-dates.ts';

/** What Graph says of one event now. */
export type RemoteState = { readonly id: GraphEventId; readonly event: RemoteEvent | RemoteSeries | 'gone' };

/**
 * Loads, inside the caller's transaction and locked, the local and base rows of events Graph spoke of, and plans each.
 * Nothing is written here.
 */
export class RemotePlanner {
  readonly #events: EventRepository;
  readonly #tombstones: TombstoneRepository;
  readonly #bases: BaseRepository;
  readonly #attachments: AttachmentRepository;
  readonly #random: Random;

  constructor(parts: {
    events: EventRepository;
    tombstones: TombstoneRepository;
    bases: BaseRepository;
    attachments: AttachmentRepository;
    random: Random;
  }) {
    this.#events = parts.events;
    this.#tombstones = parts.tombstones;
    this.#bases = parts.bases;
    this.#attachments = parts.attachments;
    this.#random = parts.random;
  }

  /** @returns plans in the order of `states`; echoes and events our rules exclude are left out */
  async plan(
    tx: Tx,
    context: RunContext,
    states: readonly RemoteState[],
    adoption: AdoptionIndex | undefined,
    mode: PullMode = 'apply',
  ): Promise<PlannedEvent[]> {
    const bases = await this.#bases.findByGraphIds(
      tx,
      context.userId,
      states.map(({ id }) => id),
    );
    const matches = matchUnknown(states, bases, adoption);
    const strangers = states.filter(({ id, event }) => event !== 'gone' && !bases.has(id) && !matches.has(id));
    const former = await this.#tombstones.findFormer(
      tx,
      context.userId,
      strangers.map(({ id }) => id),
    );
    const known = [...bases.values(), ...matches.values()].map(({ eventId }) => eventId);
    const ids = [...new Set([...known, ...former.values()])];
    const stored = await this.#events.lockMany(tx, context.userId, ids);
    // Read again under the lock: a person's decision may have come in between.
    const locked = await this.#bases.lockByEventIds(tx, context.userId, ids);
    const tombstones = await this.#tombstones.findMany(tx, context.userId, ids);

    const gone = states.flatMap(({ id, event }) => (event === 'gone' ? (bases.get(id)?.eventId ?? []) : []));
    const unsent = await this.#attachments.findUnsent(tx, context.userId, gone);

    const planned: PlannedEvent[] = [];
    for (const state of states) {
      const match = matches.get(state.id);
      const eventId = bases.get(state.id)?.eventId ?? match?.eventId;
      const base = eventId ? locked.get(eventId) : undefined;
      const plan = this.#planOne(context, state, {
        base,
        match,
        stored: eventId ? stored.get(eventId) : undefined,
        tombstone: eventId ? tombstones.get(eventId) : undefined,
        former: eventId ? undefined : freeId(former.get(state.id), { stored, bases: locked }),
        hasUnsentFiles: eventId !== undefined && unsent.has(eventId),
        mode,
      });
      if (plan) planned.push(plan);
      if (plan && match) adoption?.take(match.eventId);
    }
    return planned;
  }

  #planOne(
    context: RunContext,
    { id, event: read }: RemoteState,
    known: {
      base: EventBase | undefined;
      match: Match | undefined;
      stored: StoredEvent | undefined;
      tombstone: Tombstone | undefined;
      /** The event it was before it left; it is the same one again. */
      former: EventId | undefined;
      hasUnsentFiles: boolean;
      mode: PullMode;
    },
  ): PlannedEvent | undefined {
    const { base, match, stored, tombstone, hasUnsentFiles, mode } = known;
    if (mode === 'adopt' && !match) return undefined;
    const event = read === 'gone' ? read : withUnseenDates(read, base?.remote);
    // What a row means that nobody can read is unknown: it is neither overwritten nor compared until it is written again.
    if (stored?.problem !== undefined) return undefined;
    if (!base && !match && (event === 'gone' || !ruleAllows(context.rules, event.content))) return undefined;
    if (isExcluded(context, event, known)) {
      if (!base || (stored && event !== 'gone')) return undefined;
      // What left one of the sides becomes, on the other, an event like any other that is left out.
      if (stored || event !== 'gone') {
        return {
          eventId: base.eventId,
          graphEventId: id,
          plan: UNLINK,
          stored,
          base,
          remote: undefined,
          reason: EXCLUDED,
        };
      }
    }
    const plan = planEvent({
      base: agreedOf(base, match, event),
      local: localState(stored, tombstone, base),
      remote: remoteState(event, context.clockOffsetMs()),
      ...(stored && base && stored.revision <= base.agreedRevision ? { heldUnits: base.heldUnits } : {}),
      hasUnsentFiles,
      // A run that only pushes leaves the local side as it is.
      strategy: mode === 'adopt' ? 'prefer_local' : context.strategy,
    });
    const isMoved = mode === 'apply' && event !== 'gone' && stored && stored.calendarId !== context.calendarId;
    return {
      eventId: base?.eventId ?? match?.eventId ?? known.former ?? (this.#random.id() as EventId),
      graphEventId: id,
      plan: isMoved && plan.local.kind === 'keep' ? { ...plan, local: writtenAsItIs(stored) } : plan,
      stored,
      base,
      remote: event === 'gone' ? undefined : event,
      isRemoteGone: event === 'gone',
      reason: isMoved
        ? 'moved to another calendar in Outlook'
        : known.former
          ? 'back in a calendar that is synced'
          : reasonFor(event, base, match),
    };
  }
}

/** An id an event had once, if it is nobody's now. */
function freeId(
  id: EventId | undefined,
  { stored, bases }: { stored: ReadonlyMap<EventId, StoredEvent>; bases: ReadonlyMap<EventId, EventBase> },
): EventId | undefined {
  return id && !stored.has(id) && !bases.has(id) ? id : undefined;
}

/** Into the calendar of the run: an event follows where it is moved to in Outlook, which changes nothing else of it. */
function writtenAsItIs({ content }: StoredEvent): LocalStep {
  return { kind: 'write', content, units: [] };
}

/** Why an event is deleted here, in the audit trail. */
export const DELETED_THERE = 'deleted in Outlook';
const UNLINK: EventPlan = { action: 'none', local: { kind: 'keep' }, base: { kind: 'drop' }, isPushNeeded: false };
const EXCLUDED = 'the rules exclude it';

function isExcluded(
  { rules }: RunContext,
  event: RemoteState['event'],
  { base, stored }: { base: EventBase | undefined; stored: StoredEvent | undefined },
): boolean {
  if (!base && !stored) return false;
  const remote = event === 'gone' ? undefined : event.content;
  return isLeftAlone(rules, { local: stored?.content, remote, agreed: agreedContent(base) });
}

function matchUnknown(
  states: readonly RemoteState[],
  bases: ReadonlyMap<GraphEventId, EventBase>,
  adoption: AdoptionIndex | undefined,
): Map<GraphEventId, Match> {
  const matches = new Map<GraphEventId, Match>();
  const given = new Set<EventId>();
  for (const { id, event } of states) {
    if (event === 'gone' || bases.has(id)) continue;
    const match = adoption?.find(event);
    if (!match || given.has(match.eventId)) continue;
    given.add(match.eventId);
    matches.set(id, match);
  }
  return matches;
}

/** The contents a base row holds, if anything was agreed on yet. */
export function agreedContent(base: EventBase | undefined): AgreedContent | null {
  if (!base?.local || !base.remote) return null;
  return { local: base.local, remote: base.remote, conflictUnits: base.conflictUnits };
}

function agreedOf(
  base: EventBase | undefined,
  match: Match | undefined,
  event: RemoteState['event'],
): AgreedContent | null {
  const agreed = agreedContent(base);
  if (agreed || event === 'gone') return agreed;
  return match?.kind === 'own' && base?.local ? agreedAfterLostAnswer(base.local, event.content) : null;
}

export function localState(
  stored: StoredEvent | undefined,
  tombstone: Tombstone | undefined,
  base: EventBase | undefined,
): SideState {
  if (stored) return { state: 'present', content: stored.content, modifiedAt: stored.lastModifiedAt };
  return base ? { state: 'deleted', deletedAt: tombstone?.deletedAt } : { state: 'absent' };
}

/** Graph's instants are brought to our clock, so that both sides' can be compared. */
function remoteState(event: RemoteState['event'], clockOffsetMs: number): SideState {
  if (event === 'gone') return { state: 'deleted' };
  const modifiedAt = event.lastModifiedAt ? new Date(event.lastModifiedAt.getTime() - clockOffsetMs) : undefined;
  return { state: 'present', content: event.content, modifiedAt };
}

function reasonFor(event: RemoteState['event'], base: EventBase | undefined, match: Match | undefined): string {
  if (event === 'gone') return DELETED_THERE;
  if (match?.kind === 'own') return 'our own event, whose creation was never confirmed';
  if (match) return 'the same event exists on both sides';
  return base ? 'changed in Outlook' : 'new in Outlook';
}
