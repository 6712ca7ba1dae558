import { Chance } from './chance.ts';
import { CROWDS, type DeedKind, MOVES, SIGN_INS, STRIKES, type StrikeKind, THEMES } from './deed-kinds.ts';

/** A step draws its details from `draw` alone, so that taking others away changes nothing about it. */
export interface Step {
  readonly id: number;
  readonly kind: DeedKind | StrikeKind | 'run' | 'thaw';
  readonly draw: number;
  /** Of a run: what happens at which of its instants. */
  readonly during?: readonly Strike[];
}

export interface Strike {
  readonly at: number;
  readonly step: Step;
}

export interface History {
  /** Draws everything that no step draws: ids, filler bytes, jitter. */
  readonly seed: number;
  readonly steps: readonly Step[];
  /** Two more: one that is synced, and one that is not. */
  readonly hasSeveralCalendars?: boolean;
  /** The mailbox is opened by the user's own sign-in, which may end. */
  readonly isSignedIn?: boolean;
}

/** Instants of a run that are likely to come, and those of its beginning. */
const INSTANTS = 60;
const EARLY_INSTANTS = 14;
const FEWEST_STEPS = 6;
const MOST_STEPS = 18;
const MOST_DURING = 4;

/** Draws a history: deeds and runs in turn, most runs with deeds and strikes of their own. */
export function drawHistory(seed: number): History {
  const chance = new Chance(seed);
  let id = 0;
  const step = (kind: Step['kind'], during: readonly Strike[] = []): Step => {
    id += 1;
    return { id, kind, draw: chance.seed(), ...(during.length > 0 ? { during } : {}) };
  };
  const isStormy = chance.isLucky(0.8);
  const hasSeveralCalendars = chance.isLucky(0.3);
  const isCrowded = chance.isLucky(0.1);
  const isSignedIn = chance.isLucky(0.15);
  const themes = THEMES.filter(({ share }) => chance.isLucky(share));
  const deeds = Object.assign(
    {},
    ...themes.map((theme) => theme.deeds),
    ...[hasSeveralCalendars ? MOVES : {}, isCrowded ? CROWDS : {}, isSignedIn ? SIGN_INS : {}],
  ) as Record<DeedKind, number>;
  const steps: Step[] = isCrowded ? [step('crowd'), step('run')] : [];
  const wanted = FEWEST_STEPS + chance.below(MOST_STEPS - FEWEST_STEPS);
  while (steps.length < wanted) {
    if (!chance.isLucky(0.35)) {
      steps.push(step(chance.weighted(deeds)));
      continue;
    }
    const during = Array.from({ length: chance.below(MOST_DURING) }, () => ({
      at: 1 + chance.below(chance.isLucky(0.5) ? EARLY_INSTANTS : INSTANTS),
      step: step(isStormy && chance.isLucky(0.6) ? chance.weighted(STRIKES) : chance.weighted(deeds)),
    }));
    steps.push(
      step(
        'run',
        during.toSorted((a, b) => a.at - b.at),
      ),
    );
    if (chance.isLucky(0.15)) steps.push(step('thaw'));
  }
  return { seed: chance.seed(), steps, hasSeveralCalendars, isSignedIn };
}

/** How many steps there are, those within runs included. */
export function sizeOf({ steps }: History): number {
  return steps.reduce((size, { during }) => size + 1 + (during?.length ?? 0), 0);
}

export function kindsIn({ steps }: History): ReadonlySet<string> {
  return new Set(steps.flatMap(({ kind, during = [] }) => [kind, ...during.map(({ step }) => step.kind)]));
}
