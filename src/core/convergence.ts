import { createHash } from 'node:crypto';
import { canonicalEvent, type Unit } from './canonical-event.ts';
import type { EventContent } from './event.ts';

/** One step of what an event went through lately: sent to Graph, or changed there by somebody else. */
export interface Round {
  readonly kind: 'sent' | 'pulled';
  readonly unit: Unit;
  /** Of the unit's value in canonical form. */
  readonly hash: string;
  /** ISO 8601. */
  readonly at: string;
}

/** Sent this often and undone each time, something else writes the event, and sending it again would go on for ever. */
const IDENTICAL_ROUNDS = 3;
/** What is written once in a while may be written again. */
const MEMORY_MS = 24 * 60 * 60_000;
/** Steps remembered for one event: enough for every unit of it to go round and round. */
const MOST_REMEMBERED = 100;

/** @returns what is remembered of an event after another step, oldest first */
export function withRounds(
  before: readonly Round[] | undefined,
  step: {
    readonly kind: Round['kind'];
    readonly content: EventContent;
    readonly units: readonly Unit[];
    readonly at: Date;
  },
): Round[] {
  const recent = (before ?? []).filter(({ at }) => step.at.getTime() - Date.parse(at) < MEMORY_MS);
  const canonical = canonicalEvent(step.content);
  const added = step.units.map((unit): Round => {
    return { kind: step.kind, unit, hash: hashOf(canonical[unit]), at: step.at.toISOString() };
  });
  return [...recent, ...added].slice(-MOST_REMEMBERED);
}

/**
 * The units of an event that will not settle: what is to be sent now was sent before and changed back at Graph, as often as
 * it takes to be sure. A person who changes their mind is none of this: nobody undoes what they wrote in between.
 */
export function restlessUnits(
  rounds: readonly Round[] | undefined,
  next: { readonly content: EventContent; readonly units: readonly Unit[]; readonly now: Date },
): Unit[] {
  if (!rounds || rounds.length === 0) return [];
  const canonical = canonicalEvent(next.content);
  const since = next.now.getTime() - MEMORY_MS;
  return next.units.filter((unit) => {
    const steps = rounds.filter((round) => round.unit === unit && Date.parse(round.at) > since);
    const hash = hashOf(canonical[unit]);
    const undone = steps.filter(
      ({ kind, hash: sent }, index) => kind === 'sent' && sent === hash && steps[index + 1]?.kind === 'pulled',
    );
    return undone.length >= IDENTICAL_ROUNDS;
  });
}

function hashOf(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(value) ?? 'nothing')
    .digest('base64url')
    .slice(0, 16);
}
