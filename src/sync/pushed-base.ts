import { changedUnits, type Unit, unitsOf, withUnit } from '../core/canonical-event.ts';
import { withRounds } from '../core/convergence.ts';
import type { SyncError } from '../core/errors.ts';
import type { EventContent } from '../core/event.ts';
import { eventRetryMs } from '../core/event-retry.ts';
import { isOccurrenceUnit, type OutgoingChange } from '../core/outgoing-change.ts';
import type { RemoteEvent } from '../graph/calendar-graph.ts';
import { isBreakdown } from '../graph/graph-errors.ts';
import type { EventBase } from '../store/base.repository.ts';
import type { StoredEvent } from '../store/event.repository.ts';
import { agreedAfterLostAnswer } from './adoption.ts';
import { FAILURES_ALONE, isWorthRetrying } from './item-trouble.ts';
import type { Outgoing } from './outgoing-event.ts';
import { byOurClock, type RunContext } from './run-context.ts';
import { staleMark } from './stale-edit.ts';

/** What is agreed on with Graph after a write of ours: pure, so that the recorder only has to save it. */

export function emptyBase(event: StoredEvent): EventBase {
  return {
    eventId: event.id,
    userId: event.userId,
    calendarId: event.calendarId,
    agreedRevision: 0n,
    local: null,
    remote: null,
    generation: 0,
    conflictUnits: [],
    heldUnits: [],
  };
}

export function isNewlyHeld(change: OutgoingChange, base: EventBase | undefined): boolean {
  return change.held.some((unit) => !base?.heldUnits.includes(unit));
}

/**
 * How far an event is agreed on after it was looked at for sending. Not up to its revision if somebody meanwhile wants it
 * looked at again: a policy was changed, or a conflict decided whose outcome still has to be sent.
 *
 * @param before  the base the decision to send was made from; `now` as it is to be, its agreed revision still the old one
 */
export function agreedUpTo(event: StoredEvent, before: EventBase | undefined, now: EventBase): bigint {
  const { revision, content } = event;
  const isReopened = now.agreedRevision !== (before?.agreedRevision ?? 0n);
  const settledHere: readonly Unit[] = [...now.heldUnits, ...now.conflictUnits];
  const unsent = now.local ? changedUnits(now.local, content).filter((unit) => !settledHere.includes(unit)) : [];
  if (!isReopened && unsent.length === 0) return revision;
  return now.agreedRevision < revision ? now.agreedRevision : revision - 1n;
}

/** The base after Graph took our write; a series' occurrences are agreed on later, by the step that sends them. */
export function acceptedBase(
  context: RunContext,
  accepted: { target: Outgoing; base: EventBase; remote: RemoteEvent; now: Date },
): EventBase {
  const { target, base, remote, now } = accepted;
  const { event, change, sent, isResent, isRepeated } = target;
  const isCreate = target.operation?.kind === 'create';
  const shared = {
    ...base,
    graphEventId: remote.id,
    iCalUId: remote.facts.iCalUId,
    etag: remote.etag,
    remoteModifiedAt: byOurClock(remote.lastModifiedAt, context),
    heldUnits: [...change.held],
    conflictUnits: isCreate ? [] : base.conflictUnits,
    ...staleMark(change.stale),
    failedRevision: undefined,
    failures: undefined,
    syncedAt: now,
  };
  if (isCreate) {
    const local = { ...sent, occurrences: {} };
    const isDoubtful = isResent || isRepeated === true;
    const answered = isDoubtful ? agreedAfterLostAnswer(local, remote.content).remote : remote.content;
    // A repeated create may have met an event that was edited meanwhile: no tag, so that it is looked at again.
    const isUnread = isResent || changedUnits(answered, remote.content).length > 0;
    const created = { ...shared, etag: isUnread ? undefined : remote.etag, local, remote: answered };
    return { ...created, agreedRevision: isResent ? base.agreedRevision : agreedUpTo(event, target.base, created) };
  }
  let local = base.local ?? sent;
  for (const unit of unitsOf(local, sent)) {
    if (change.units.includes(unit)) local = withUnit(local, unit, sent);
  }
  const answered = { ...remote.content, occurrences: base.remote?.occurrences ?? {} };
  const isSeriesByNow = sent.recurrence === null && !base.remote?.recurrence && answered.recurrence !== null;
  // A rule nobody spoke of was not taken away by what we sent.
  const ours = change.units.filter((unit) => unit !== 'time' || !isSeriesByNow);
  const unseen = unseenUnits(base, answered, ours);
  const known = base.remote ?? answered;
  const agreed = [...unseen, ...base.conflictUnits].reduce((content, unit) => withUnit(content, unit, known), answered);
  const rounds = withRounds(base.rounds, { kind: 'sent', content: sent, units: change.units, at: now });
  const dates = change.units.includes('time') ? datesLaidOpen(event.content, base) : [];
  const updated = {
    ...shared,
    rounds,
    ...(unseen.length > 0 ? { etag: undefined } : {}),
    local: withoutDates(local, dates),
    remote: withoutDates(agreed, dates),
  };
  return { ...updated, agreedRevision: agreedUpTo(event, target.base, updated) };
}

/**
 * Dates of a series about which nothing is agreed on any more once its rule or time was sent: Exchange drops what was said
 * about them (graph contract 3.2), and until it is sent again it stands here alone. Were it to count as agreed on, a run
 * killed in between would leave it so, and the next one would take the drop for somebody's wish. What was taken back here
 * stays agreed on as it was, so that it is taken back there wherever Exchange has kept it.
 */
function datesLaidOpen(content: EventContent, base: EventBase): Unit[] {
  return unitsOf(content).filter((unit) => isOccurrenceUnit(unit) && !base.conflictUnits.includes(unit));
}

function withoutDates(content: EventContent, dates: readonly Unit[]): EventContent {
  if (dates.length === 0) return content;
  const bare = { ...content, occurrences: {} };
  return dates.reduce((rest, unit) => withUnit(rest, unit, bare), content);
}

/**
 * What Graph's answer shows besides our write and nobody here has seen yet: somebody else's change. It is not agreed on by
 * standing in the same answer, and without the tag the next pull does not take it for an echo.
 */
function unseenUnits(base: EventBase, answered: EventContent, sent: readonly Unit[]): Unit[] {
  if (!base.remote) return [];
  return changedUnits(base.remote, answered).filter(
    (unit) => !sent.includes(unit) && !base.conflictUnits.includes(unit),
  );
}

/**
 * Refused for good: the event keeps its error and is tried again only when somebody changes it. What may pass by itself is
 * tried again after a pause as well, as it was: it may have been created.
 */
export function parkedBase({ event, operation }: Outgoing, known: EventBase, error: SyncError, now: Date): EventBase {
  const isLost = operation?.kind === 'create' && !isBreakdown(error);
  return {
    ...known,
    local: isLost ? null : known.local,
    ...parkedWith(known, error, now),
    failedRevision: event.revision,
  };
}

/** The error to show, and when to try again; without a time only once the event changes. */
export function parkedWith(
  known: EventBase,
  error: SyncError,
  now: Date,
): Pick<EventBase, 'errorCode' | 'errorMessage' | 'failures' | 'retryAt'> {
  const shown = { errorCode: error.graphCode || error.code, errorMessage: error.message };
  if (!isWorthRetrying(error)) return { ...shown, failures: undefined, retryAt: undefined };
  // What was counted before it was known to be the event's own trouble makes no pause longer.
  const before = known.retryAt || (known.failures ?? 0) >= FAILURES_ALONE ? (known.failures ?? 0) : 0;
  const failures = before + 1;
  return { ...shown, failures, retryAt: new Date(now.getTime() + eventRetryMs(failures)) };
}
