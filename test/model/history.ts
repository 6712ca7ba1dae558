import { Chance } from './chance.ts';

/** What people do, and what befalls their mailbox and its calendars. */
export type DeedKind =
  | 'app-create'
  | 'app-create-series'
  | 'app-edit'
  | 'app-rule'
  | 'app-delete'
  | 'app-edit-date'
  | 'app-delete-date'
  | 'app-import'
  | 'plain-sql'
  | 'outlook-create'
  | 'outlook-create-series'
  | 'outlook-edit'
  | 'outlook-rule'
  | 'outlook-delete'
  | 'outlook-edit-date'
  | 'outlook-delete-date'
  | 'outlook-split'
  | 'outlook-invited'
  | 'outlook-organizer'
  | 'resolve'
  | 'strategy'
  | 'expire-tokens'
  | 'restore-mailbox'
  | 'clock-jump'
  | 'wait';

/** What happens to the process that works, or to what it asks for. */
export type StrikeKind = 'kill' | 'stall' | 'second-worker' | 'fault' | 'database-fault' | 'delay';

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
}

const SINGLES: Readonly<Partial<Record<DeedKind, number>>> = {
  'app-create': 6,
  'app-edit': 8,
  'app-delete': 2,
  'app-import': 1,
  'outlook-create': 6,
  'outlook-edit': 8,
  'outlook-delete': 2,
  resolve: 2,
  strategy: 1,
  'expire-tokens': 1,
  wait: 1,
};
const SERIES: Readonly<Partial<Record<DeedKind, number>>> = {
  'app-create-series': 5,
  'app-rule': 3,
  'app-edit-date': 5,
  'app-delete-date': 3,
  'outlook-create-series': 5,
  'outlook-rule': 3,
  'outlook-edit-date': 5,
  'outlook-delete-date': 3,
  'outlook-split': 1,
};
const ODDITIES: Readonly<Partial<Record<DeedKind, number>>> = {
  'plain-sql': 6,
  'outlook-invited': 3,
  'outlook-organizer': 3,
  'restore-mailbox': 2,
  'clock-jump': 2,
};
const STRIKES: Readonly<Record<StrikeKind, number>> = {
  kill: 3,
  stall: 2,
  'second-worker': 1,
  fault: 8,
  'database-fault': 3,
  delay: 1,
};
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
  const deeds = {
    ...SINGLES,
    ...(chance.isLucky(0.5) ? SERIES : {}),
    ...(chance.isLucky(0.4) ? ODDITIES : {}),
  } as Record<DeedKind, number>;
  const steps: Step[] = [];
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
  return { seed: chance.seed(), steps };
}

/** How many steps there are, those within runs included. */
export function sizeOf({ steps }: History): number {
  return steps.reduce((size, { during }) => size + 1 + (during?.length ?? 0), 0);
}
