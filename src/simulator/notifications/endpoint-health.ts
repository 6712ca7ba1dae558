import type { SimulatorSwitches } from '../switches.ts';

/** How an endpoint's slowness changes what becomes of new notifications. */
export type Treatment = { kind: 'normal' } | { kind: 'slow'; delayMs: number } | { kind: 'drop'; forMs: number };

interface Thresholds {
  slowOverMs: number;
  /** Answers before shares mean anything. */
  atLeast: number;
  slowShare: number;
  dropShare: number;
  delayMs: number;
  isOver(share: number, limit: number): boolean;
  /** Start of the window that counts. */
  since(nowMs: number): number;
}

const WINDOW_MS = 600_000;

/** Two generations of "change-notifications-delivery-webhooks"; which one the service follows is open. */
const THRESHOLDS: Record<SimulatorSwitches['slowEndpointPolicy'], Thresholds> = {
  current: {
    slowOverMs: 10_000,
    atLeast: 1,
    slowShare: 0.1,
    dropShare: 0.15,
    delayMs: 10_000,
    isOver: (share, limit) => share > limit,
    since: (nowMs) => nowMs - WINDOW_MS,
  },
  '2022': {
    slowOverMs: 2_900,
    atLeast: 100,
    slowShare: 0.1,
    dropShare: 0.15,
    delayMs: WINDOW_MS,
    isOver: (share, limit) => share >= limit,
    // Counters are flushed every ten minutes, whenever the answers came.
    since: (nowMs) => Math.floor(nowMs / WINDOW_MS) * WINDOW_MS - 1,
  },
};

export type HealthState = Record<string, [atMs: number, durationMs: number][]>;

/** How long the hosts behind notification URLs took to answer lately. */
export class EndpointHealth {
  readonly #switches: SimulatorSwitches;
  #answers: HealthState = {};

  constructor(switches: SimulatorSwitches) {
    this.#switches = switches;
  }

  /** @param durationMs time to the answer; an answer that never came counts as longer than any limit */
  record(url: string, nowMs: number, durationMs: number): void {
    const host = new URL(url).host;
    const kept = (this.#answers[host] ?? []).filter(([atMs]) => atMs > nowMs - WINDOW_MS);
    this.#answers[host] = [...kept, [nowMs, durationMs]];
  }

  treatmentOf(url: string, nowMs: number): Treatment {
    const thresholds = THRESHOLDS[this.#switches.slowEndpointPolicy];
    const since = thresholds.since(nowMs);
    const answers = (this.#answers[new URL(url).host] ?? []).filter(([atMs]) => atMs > since);
    if (answers.length < thresholds.atLeast) return { kind: 'normal' };
    const slow = answers.filter(([, durationMs]) => durationMs > thresholds.slowOverMs).length;
    const share = slow / answers.length;
    if (thresholds.isOver(share, thresholds.dropShare)) return { kind: 'drop', forMs: WINDOW_MS };
    return thresholds.isOver(share, thresholds.slowShare)
      ? { kind: 'slow', delayMs: thresholds.delayMs }
      : { kind: 'normal' };
  }

  save(): HealthState {
    return this.#answers;
  }

  restore(state: HealthState): void {
    this.#answers = state;
  }
}
