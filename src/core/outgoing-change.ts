import { changedUnits, type Unit, unitsOf } from './canonical-event.ts';
import type { EventContent, GraphFacts } from './event.ts';
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
  /** Kept here and shown as held: the policy or the event's organiser forbids sending them. */
  readonly held: readonly Unit[];
  readonly sendAttendees: boolean;
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
  const changed = agreed
    ? changedUnits(agreed.local, content).filter((unit) => !agreed.conflictUnits.includes(unit))
    : unitsOf(content).filter((unit) => unit !== 'attendees' || content.attendees.length > 0);
  const held = changed.filter((unit) => !mayLeave(unit, input));
  const sent = changed.filter((unit) => !held.includes(unit));
  return {
    units: sent.filter((unit) => !isOccurrenceUnit(unit)),
    occurrences: sent.filter(isOccurrenceUnit),
    held,
    sendAttendees: input.policy === 'all',
  };
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
  if (!isOwn(input)) return PERSONAL_UNITS.has(unit);
  if (unit === 'attendees') return input.policy === 'all';
  if (!hasGuests(input) || SILENT_UNITS.has(unit)) return true;
  return input.policy !== 'never';
}

function isOwn({ facts }: Pick<OutgoingInput, 'facts'>): boolean {
  return facts?.isOrganizer ?? true;
}

/** Guests Exchange knows: those in Graph's copy, not those that only stand here. */
function hasGuests({ agreed }: Pick<OutgoingInput, 'agreed'>): boolean {
  if (!agreed) return false;
  return agreed.remote.attendees.length > 0 || Object.values(agreed.remote.occurrences).some(overrideHasGuests);
}

function overrideHasGuests(override: EventContent['occurrences'][string]): boolean {
  return !override.isCancelled && (override.fields.attendees?.length ?? 0) > 0;
}
