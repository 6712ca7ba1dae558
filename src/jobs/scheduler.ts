import type { CalendarId, UserId } from '../core/ids.ts';
import type { Clock, Logger, Random } from '../core/runtime.ts';
import type { SyncSettings } from '../core/settings.ts';
import type { CalendarRepository } from '../store/calendar.repository.ts';
import type { Db } from '../store/db.ts';
import type { RunQueue } from '../sync/run-queue.ts';
import { Ticker } from './ticker.ts';

/** What the scheduler needs of `SettingsService`. */
export interface SettingsResolver {
  resolve(userId: UserId, calendarId: CalendarId): Promise<SyncSettings>;
}

/** Something that is done every tick, in every process that has a scheduler. */
export interface Chore {
  readonly name: string;
  run(): Promise<unknown>;
}

const MINUTE_MS = 60_000;
const TICK_MS = 15_000;
const CALENDARS_A_TICK = 500;
/** Spreads calendars that were connected together over the interval, by up to this share of it. */
const JITTER = 0.1;
/** A calendar that is switched off is looked at again this often; changing its settings brings it forward. */
const SWITCHED_OFF_RECHECK_MS = 60 * MINUTE_MS;

/** Background syncs: queues a run for every calendar whose interval has passed. Several processes may each have one. */
export class Scheduler {
  readonly #db: Db;
  readonly #calendars: CalendarRepository;
  readonly #settings: SettingsResolver;
  readonly #queue: RunQueue;
  readonly #recover: () => Promise<number>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #isOn: boolean;
  readonly #chores: readonly Chore[];
  readonly #ticker: Ticker;

  constructor(parts: {
    db: Db;
    calendars: CalendarRepository;
    settings: SettingsResolver;
    queue: RunQueue;
    /** Picks up runs whose worker died; done every tick, background syncs or not. */
    recover: () => Promise<number>;
    clock: Clock;
    random: Random;
    logger: Logger;
    /** `CALENDAR_SYNC_INTERVAL` is not 0. */
    isOn: boolean;
    /** What else is to be looked after every tick, background syncs or not; one that fails does not hold up the rest. */
    chores?: readonly Chore[];
  }) {
    this.#db = parts.db;
    this.#calendars = parts.calendars;
    this.#settings = parts.settings;
    this.#queue = parts.queue;
    this.#recover = parts.recover;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#logger = parts.logger;
    this.#isOn = parts.isOn;
    this.#chores = parts.chores ?? [];
    this.#ticker = new Ticker({
      clock: parts.clock,
      pauseMs: TICK_MS,
      tick: () => this.tick(),
      onError: (err) => this.#logger.error({ err }, 'the scheduler met an error'),
    });
  }

  start(): void {
    this.#ticker.start();
  }

  async stop(): Promise<void> {
    await this.#ticker.stop();
  }

  /** @returns how many runs were queued */
  async tick(): Promise<number> {
    const recovered = await this.#recover();
    if (recovered > 0) this.#logger.warn({ runs: recovered }, 'interrupted runs were picked up');
    await this.#doChores();
    if (!this.#isOn) return 0;
    const due = await this.#calendars.listDue(this.#db, this.#clock.now(), CALENDARS_A_TICK);
    let queued = 0;
    for (const { userId, id } of due) {
      if (this.#ticker.signal.aborted) break;
      const settings = await this.#settings.resolve(userId, id);
      const isWanted = settings.enabled && settings.syncIntervalMinutes > 0;
      const now = this.#clock.now();
      await this.#db.transaction(async (tx) => {
        const waitMs = isWanted ? this.#waitMs(settings.syncIntervalMinutes) : SWITCHED_OFF_RECHECK_MS;
        // Gone since it was listed, with its user.
        if (!(await this.#calendars.saveNextSync(tx, userId, id, new Date(now.getTime() + waitMs)))) return;
        if (isWanted) {
          const { status } = await this.#queue.enqueue(tx, { userId, calendarId: id, trigger: 'schedule' });
          if (status === 'started') queued += 1;
        }
      });
    }
    return queued;
  }

  async #doChores(): Promise<void> {
    for (const { name, run } of this.#chores) {
      if (this.#ticker.signal.aborted) return;
      try {
        await run();
      } catch (error) {
        this.#logger.error({ err: error, chore: name }, 'a chore of the scheduler met an error');
      }
    }
  }

  #waitMs(intervalMinutes: number): number {
    const jitter = 1 + JITTER * (2 * this.#random.next() - 1);
    return Math.round(intervalMinutes * MINUTE_MS * jitter);
  }
}
