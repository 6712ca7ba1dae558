import { changedUnits, type Unit, unchangedUnit, unitsOf } from './canonical-event.ts';
import type { EventContent, GraphFacts } from './event.ts';
import { withSilencedDates } from './idle-dates.ts';
import { occursOn } from './rule-dates.ts';
import { occurrenceContent } from './series.ts';
import type { NotifyAttendees } from './settings.ts';
import type { AgreedContent } from './three-way-merge.ts';

/**
 * What of a local change may go to Graph, and what stays here.
 *
 * Exchange mails guests whenever an organiser's meeting with guests is created, changed or deleted, and offers no switch
 * against it (graph contract 6.4); so what would make it mail is held back unless the calendar's policy allows it.
 */
export interface OutgoingChange {
  /** Of the event itself, or of a series' master. */
  readonly units: readonly Unit[];
  /** `occurrence:yyyy-MM-dd` units, sent after the master. */
  readonly occurrences: readonly Unit[];
  /** Kept here and shown as held: the policy, the event's organiser or its own rule has no place for them at Graph. */
  readonly held: readonly Unit[];
  readonly sendAttendees: boolean;
  /** Those of `held` that the policy would let go, had they not been changed too long ago. */
  readonly stale?: readonly Unit[];
}

export interface OutgoingInput {
  readonly content: EventContent;
  /** `null`: not at Graph yet. */
  readonly agreed: AgreedContent | null;
  readonly facts: GraphFacts | undefined;
  readonly policy: NotifyAttendees;
}

/** Changing these on a meeting never mails anybody: they belong to one mailbox's copy only. */
const SILENT_UNITS: ReadonlySet<Unit> = new Set<Unit>(['categories', 'reminder']);

/** What an invited person may change on their own copy (graph contract 6.5). */
const PERSONAL_UNITS: ReadonlySet<Unit> = new Set<Unit>(['categories', 'reminder', 'showAs', 'sensitivity']);

export function planOutgoing(input: OutgoingInput): OutgoingChange {
  const { agreed, content } = input;
  // What a date fell silent about because of a change of its series that stays here is no change that could go alone.
  const isStaying = (unit: Unit) => agreed?.conflictUnits.includes(unit) === true || !mayLeave(unit, input);
  const changed = agreed
    ? changedUnits(agreed.local, withSilencedDates(agreed.local, content, isStaying)).filter(
        (unit) => !agreed.conflictUnits.includes(unit),
      )
    : unitsOf(content).filter((unit) => unit !== 'attendees' || content.attendees.length > 0);
  const homeless = unitsOf(content).filter(
    (unit) => isOffRule(content, unit) || isOffStandingRule(unit, input, changed),
  );
  const sent = changed.filter((unit) => !homeless.includes(unit) && mayLeave(unit, input));
  return {
    units: sent.filter((unit) => !isOccurrenceUnit(unit)),
    occurrences: sent.filter(isOccurrenceUnit),
    held: unitsOf(content, ...(agreed ? [agreed.local] : [])).filter(
      (unit) => homeless.includes(unit) || (changed.includes(unit) && !sent.includes(unit)),
    ),
    sendAttendees: input.policy === 'all',
  };
}

/** Something said about a date of a rule that itself stays here: Graph's own event, a single one perhaps, may not have it. */
function isOffStandingRule(unit: Unit, input: OutgoingInput, changed: readonly Unit[]): boolean {
  const { agreed, content } = input;
  if (!agreed || !isOccurrenceUnit(unit) || !changed.includes(unit)) return false;
  if (!changed.includes('time') || mayLeave('time', input)) return false;
  const { recurrence } = agreed.remote;
  const isThere = recurrence !== null && occursOn(recurrence, dateOfUnit(unit));
  return !isThere && !unchangedUnit(content, { ...content, occurrences: {} }, unit);
}

/** Something said, by a row written by hand, about a date its series does not have: there is nowhere to send it. */
function isOffRule(content: EventContent, unit: Unit): boolean {
  const { recurrence } = content;
  if (!recurrence || !isOccurrenceUnit(unit) || occursOn(recurrence, dateOfUnit(unit))) return false;
  return !unchangedUnit(content, { ...content, occurrences: {} }, unit);
}

/**
 * Whether one date of a series may be brought to what stands here, judged by all that would change of what Graph has now:
 * also what nobody changed here, such as an exception that Exchange dropped, or guests somebody invited meanwhile.
 */
export function mayOverwrite(
  unit: `occurrence:${string}`,
  of: { content: EventContent; standing: { content: EventContent; facts: GraphFacts }; policy: NotifyAttendees },
): boolean {
  const { content, standing, policy } = of;
  const agreed = { local: standing.content, remote: standing.content, conflictUnits: [] };
  return mayLeave(unit, { content, agreed, facts: standing.facts, policy });
}

/** Whether deleting the event at Graph would send cancellations the policy does not allow. */
export function mayDelete(input: Omit<OutgoingInput, 'content'>): boolean {
  return input.policy !== 'never' || !hasGuests(input) || !isOwn(input);
}

/** Whether changing this part of a meeting never mails anybody. */
export function isSilent(unit: Unit): boolean {
  return SILENT_UNITS.has(unit);
}

export function isOccurrenceUnit(unit: Unit): unit is `occurrence:${string}` {
  return unit.startsWith('occurrence:');
}

/** @returns `yyyy-MM-dd`, the original date an occurrence unit is about */
export function dateOfUnit(unit: `occurrence:${string}`): string {
  return unit.slice('occurrence:'.length);
}

function mayLeave(unit: Unit, input: OutgoingInput): boolean {
  if (isOccurrenceUnit(unit)) return mayDateLeave(dateOfUnit(unit), input);
  if (!isOwn(input)) return PERSONAL_UNITS.has(unit);
  if (unit === 'attendees') return input.policy === 'all';
  return input.policy !== 'never' || !hasGuests(input) || SILENT_UNITS.has(unit);
}

/** One date of a series may go when everything that was changed about it may. */
function mayDateLeave(date: string, input: OutgoingInput): boolean {
  const { content, agreed } = input;
  const before = agreed?.local.occurrences ?? {};
  if (content.occurrences[date]?.isCancelled) return mayDelete(input);
  if (before[date]?.isCancelled) return mayLeave('time', input);
  const was = occurrenceContent({ ...content, occurrences: before }, date);
  return changedUnits(was, occurrenceContent(content, date)).every((unit) => mayLeave(unit, input));
}

function isOwn({ facts }: Pick<OutgoingInput, 'facts'>): boolean {
  return facts?.isOrganizer ?? true;
}

/**
 * Guests Exchange knows: those in Graph's copy, not those that only stand here. While a conflict about them waits, what was
 * agreed on is not what Graph has: somebody changed the guests there, so that there may well be some.
 */
function hasGuests({ agreed }: Pick<OutgoingInput, 'agreed'>): boolean {
  if (!agreed) return false;
  if (agreed.conflictUnits.includes('attendees')) return true;
  return agreed.remote.attendees.length > 0 || Object.values(agreed.remote.occurrences).some(overrideHasGuests);
}

function overrideHasGuests(override: EventContent['occurrences'][string]): boolean {
  return !override.isCancelled && (override.fields.attendees?.length ?? 0) > 0;
}
