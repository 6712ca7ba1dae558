import type { GraphFacts } from '../core/event.ts';
import type { GraphEventId } from '../core/ids.ts';
import { isSilent, mayDelete, type OutgoingChange, type OutgoingInput, planOutgoing } from '../core/outgoing-change.ts';
import { isLeftAlone, ruleAllows } from '../core/rules.ts';
import { overlaps } from '../core/series.ts';
import type { NotifyAttendees } from '../core/settings.ts';
import { isStaleChange } from '../core/stale-change.ts';
import { transactionIdFor } from '../core/transaction-id.ts';
import type { WriteOperation } from '../graph/calendar-graph.ts';
import type { EventBase } from '../store/base.repository.ts';
import type { StoredEvent } from '../store/event.repository.ts';
import type { Outgoing, OutgoingDeletion } from './outgoing-event.ts';
import { agreedContent } from './remote-planner.ts';
import type { RunContext } from './run-context.ts';
import { endOf, isStaleEdit } from './stale-edit.ts';
import { isAskedSafely, isUnanswered } from './unanswered-creates.ts';

/** What of a run the decisions in here depend on: a preview has it as well. */
export type OutgoingContext = Pick<RunContext, 'graphCalendarId' | 'rules' | 'notifyAttendees' | 'dateRange' | 'now'>;

export type UndecidedEvent = { readonly event: StoredEvent; readonly base: EventBase };

/** Decides what of one pending event is to be sent now, and how. */
export function prepare(context: OutgoingContext, event: StoredEvent, base: EventBase | undefined): Outgoing {
  const agreed = agreedContent(base);
  const isAtGraph = agreed !== null && base?.graphEventId !== undefined;
  if (!isAtGraph) return prepareCreate(context, event, base);
  const input = { agreed, facts: event.facts, content: event.content };
  const change = planPolitely(context, event, base, input);
  const shared = { event, base, sent: event.content, isResent: false };
  if (isLeftAlone(context.rules, { local: event.content, agreed })) {
    return { ...shared, change: heldBack(change), operation: undefined };
  }
  const operation: WriteOperation | undefined =
    change.units.length === 0
      ? undefined
      : {
          kind: 'update',
          key: event.id,
          id: base.graphEventId as GraphEventId,
          ...(base.etag ? { etag: base.etag } : {}),
          content: event.content,
          units: [...change.units],
          sendAttendees: change.sendAttendees,
          isSingle: agreed.remote.recurrence === null,
        };
  return { ...shared, change, operation };
}

function prepareCreate(context: OutgoingContext, event: StoredEvent, base: EventBase | undefined): Outgoing {
  const { facts, content } = event;
  const change = planPolitely(context, event, base, { agreed: null, facts, content });
  // An earlier attempt whose answer never came is repeated word for word: Graph then knows it for the same one.
  const again = isBrokenOver(event, base) ? undefined : base?.local;
  const sent = again ?? (change.sendAttendees ? content : { ...content, attendees: [] });
  // Somebody else's meeting, left over here from a mailbox that was disconnected: as ours it would be another meeting.
  const isForeign = facts?.isOrganizer === false;
  if (isForeign || !ruleAllows(context.rules, content)) {
    return { event, base, change: heldBack(change), operation: undefined, sent, isResent: false };
  }
  const operation: WriteOperation = {
    kind: 'create',
    key: event.id,
    calendarId: context.graphCalendarId,
    content: { ...sent, occurrences: {} },
    transactionId: transactionIdFor({ ...event, eventId: event.id, generation: base?.generation ?? 0 }),
    sendAttendees: change.sendAttendees,
  };
  return { event, base, change, operation, sent, isResent: again !== undefined && again !== null };
}

/** Graph failed on its words, and somebody has changed them since: the same ones would fail for ever. */
function isBrokenOver({ revision }: StoredEvent, base: EventBase | undefined): boolean {
  return base?.retryAt !== undefined && base.failedRevision !== undefined && base.failedRevision < revision;
}

/** Kept here until the rules change, and shown as held. */
function heldBack(change: OutgoingChange): OutgoingChange {
  return {
    ...change,
    units: [],
    occurrences: [],
    stale: [],
    held: [...change.units, ...change.occurrences, ...change.held],
  };
}

/** What may go when: as the policy has it, unless the change was made too long ago to mail anybody about it now. */
function planPolitely(
  context: OutgoingContext,
  event: StoredEvent,
  base: EventBase | undefined,
  input: Omit<OutgoingInput, 'policy'>,
): OutgoingChange {
  const policy = policyFor(context, event, base);
  const change = planOutgoing({ ...input, policy });
  if (policy === context.notifyAttendees) return change;
  const { held } = planOutgoing({ ...input, policy: context.notifyAttendees });
  return { ...change, stale: change.held.filter((unit) => !held.includes(unit)) };
}

/** A change that is too old mails nobody, whatever the policy. */
export function policyFor(
  { notifyAttendees, now }: Pick<OutgoingContext, 'notifyAttendees' | 'now'>,
  event: StoredEvent,
  base: EventBase | undefined,
): NotifyAttendees {
  return notifyAttendees !== 'never' && isStaleEdit(event, base, now) ? 'never' : notifyAttendees;
}

/**
 * What becomes of events deleted here.
 *
 * @returns `due` to be deleted in Outlook; `held` because that would mail guests; `left` there because the rules exclude them
 */
export function sortDeletions<Deletion extends OutgoingDeletion>(
  context: OutgoingContext,
  pending: readonly Deletion[],
): { due: Deletion[]; held: Deletion[]; left: Deletion[] } {
  const waiting = pending.filter(
    ({ base }) => base.conflictUnits.length === 0 && isInRange(context, base) && !isWaitingToBeFound(base),
  );
  const left = waiting.filter(({ base }) => {
    const agreed = agreedContent(base);
    return agreed !== null && isLeftAlone(context.rules, { agreed });
  });
  const held = waiting.filter((deletion) => !left.includes(deletion) && !isDeletable(context, deletion));
  return { due: waiting.filter((deletion) => !left.includes(deletion) && !held.includes(deletion)), held, left };
}

/** Created with guests, and nobody knows whether it is there: asking might invite them. A pull tells once it is seen. */
function isWaitingToBeFound(base: EventBase): boolean {
  return isUnanswered(base) && !isAskedSafely(base);
}

function isDeletable(context: OutgoingContext, { base, facts, tombstone }: OutgoingDeletion): boolean {
  const agreed = agreedContent(base);
  const isStale = isStaleChange({
    madeAt: tombstone.deletedAt,
    endsAt: agreed && endOf(agreed.remote),
    now: context.now,
  });
  return mayDelete({ agreed, facts, policy: isStale ? 'never' : context.notifyAttendees });
}

function isInRange(context: OutgoingContext, base: EventBase): boolean {
  return context.dateRange === undefined || (base.local !== null && overlaps(base.local, context.dateRange));
}

export function isUndecided(item: {
  readonly event: StoredEvent;
  readonly base: EventBase | undefined;
}): item is UndecidedEvent {
  return item.base !== undefined && item.base.conflictUnits.length > 0;
}

/** Exchange drops the exceptions of a series whose time or rule changes (graph contract 3.2): they are sent again. */
export function hasOccurrencesToPush({ change, event, base, operation }: Outgoing): boolean {
  if (change.occurrences.length > 0) return true;
  if (operation?.kind !== 'update' || !change.units.includes('time')) return false;
  const overrides = [event.content, ...(base?.remote ? [base.remote] : [])];
  return overrides.some((content) => Object.keys(content.occurrences).length > 0);
}

/** Whether Exchange would mail somebody if this were sent (graph contract 6.4). */
export function wouldMailGuests({ operation, sent, base, event, change }: Outgoing): boolean {
  if (operation?.kind === 'create') return operation.sendAttendees && sent.attendees.length > 0;
  const units = [...change.units, ...change.occurrences];
  if (units.includes('attendees')) return true;
  return isMeetingOfOurs(base, event.facts) && units.some((unit) => !isSilent(unit));
}

export function deletionWouldMailGuests({ base, facts }: OutgoingDeletion): boolean {
  return isMeetingOfOurs(base, facts);
}

function isMeetingOfOurs(base: EventBase | undefined, facts: GraphFacts | undefined): boolean {
  return !mayDelete({ agreed: agreedContent(base), facts, policy: 'never' });
}
