import { later } from './runtime.ts';

interface Plan {
  dueMs: number;
  order: number;
  action: () => void | Promise<void>;
}

/**
 * What the simulated service does by itself later on: deliveries, retries, expiries.
 *
 * Due times are of the simulator's clock. When that runs by itself, a timer wakes the agenda; when somebody moves it
 * ({@link World.advance}), or gives a clock of their own, {@link runDue} does.
 */
export class Agenda {
  readonly #now: () => number;
  #plans: Plan[] = [];
  #order = 0;
  #cancelTimer: (() => void) | undefined;
  #closed = false;
  readonly #running = new Set<Promise<void>>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Runs `action` once the clock reaches `dueMs` (epoch milliseconds). @returns cancels it */
  at(dueMs: number, action: () => void | Promise<void>): () => void {
    const plan: Plan = { dueMs, order: this.#order++, action };
    this.#plans.push(plan);
    this.#arm();
    return () => {
      this.#plans = this.#plans.filter((each) => each !== plan);
      this.#arm();
    };
  }

  /** When the next thing happens, or undefined. */
  get nextDueMs(): number | undefined {
    return this.#first()?.dueMs;
  }

  /** Runs everything due by now in order of time, what it plans meanwhile included, and waits for all of it. */
  async runDue(): Promise<void> {
    for (let plan = this.#first(); plan !== undefined && plan.dueMs <= this.#now(); plan = this.#first()) {
      await this.#run(plan);
    }
    await Promise.all(this.#running);
  }

  /** Forgets everything that was planned; nothing is planned from now on. */
  close(): void {
    this.#closed = true;
    this.#plans = [];
    this.#cancelTimer?.();
  }

  #first(): Plan | undefined {
    return this.#plans.reduce<Plan | undefined>(
      (first, plan) =>
        first === undefined || plan.dueMs < first.dueMs || (plan.dueMs === first.dueMs && plan.order < first.order)
          ? plan
          : first,
      undefined,
    );
  }

  #run(plan: Plan): Promise<void> {
    this.#plans = this.#plans.filter((each) => each !== plan);
    const running = Promise.resolve()
      .then(plan.action)
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  #arm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const first = this.#first();
    if (first === undefined || this.#closed) return;
    this.#cancelTimer = later(Math.max(0, first.dueMs - this.#now()), () => {
      void this.runDue().finally(() => this.#arm());
    });
  }
}
