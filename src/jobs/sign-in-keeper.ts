import { isSyncError } from '../core/errors.ts';
import type { Clock, Logger, Random } from '../core/runtime.ts';
import type { SignInRef } from '../core/sign-in.ts';
import type { ConnectionRepository } from '../store/connection.repository.ts';
import type { Db } from '../store/db.ts';
import { inScopeOf } from '../store/row-scope.ts';
import { type ConnectionState, isPersonsTrouble } from '../sync/connection-state.ts';
import { Ticker } from './ticker.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const TICK_MS = MINUTE_MS;
/** Microsoft forgets after 90 days; a week leaves twelve chances, and tells the person about a dead sign-in soon. */
const UNUSED_MS = 5 * DAY_MS;
/** People who were connected on the same morning are spread over a day. */
const JITTER_MS = DAY_MS;
/** What could not be refreshed, because Microsoft did not answer, is tried again after this long. */
const RETRY_MS = 60 * MINUTE_MS;
const SIGN_INS_A_TICK = 40;
const AT_A_TIME = 4;

/**
 * Uses every sign-in at least once a week, whether its calendars are synced or not: one that is not used dies silently.
 * Several processes may each have a keeper; none takes what another has taken.
 */
export class SignInKeeper {
  readonly #db: Db;
  readonly #connections: ConnectionRepository;
  readonly #connectionState: ConnectionState;
  readonly #keepAlive: (signIn: SignInRef) => Promise<void>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #ticker: Ticker;

  constructor(parts: {
    db: Db;
    connections: ConnectionRepository;
    connectionState: ConnectionState;
    /** Fetches a token with the sign-in. */
    keepAlive: (signIn: SignInRef) => Promise<void>;
    clock: Clock;
    random: Random;
    logger: Logger;
  }) {
    this.#db = parts.db;
    this.#connections = parts.connections;
    this.#connectionState = parts.connectionState;
    this.#keepAlive = parts.keepAlive;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#logger = parts.logger;
    this.#ticker = new Ticker({
      clock: parts.clock,
      pauseMs: TICK_MS,
      tick: () => this.tick(),
      onError: (err) => this.#logger.error({ err }, 'sign-ins could not be looked after; the next minute tries again'),
    });
  }

  start(): void {
    this.#ticker.start();
  }

  async stop(): Promise<void> {
    await this.#ticker.stop();
  }

  /** @returns how many sign-ins were used */
  async tick(): Promise<number> {
    const now = this.#clock.now().getTime();
    const due = await this.#db.transaction((tx) =>
      this.#connections.claimUnusedSignIns(tx, {
        before: new Date(now - UNUSED_MS - this.#random.next() * JITTER_MS),
        claimedAs: new Date(now - UNUSED_MS + RETRY_MS),
        limit: SIGN_INS_A_TICK,
      }),
    );
    let used = 0;
    const work = async (): Promise<void> => {
      for (let signIn = due.shift(); signIn && !this.#ticker.signal.aborted; signIn = due.shift()) {
        const outcome = await this.#use(signIn);
        if (outcome === 'used') used += 1;
        // Every other one would meet the same refusal.
        if (outcome === 'operator') due.length = 0;
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
    return used;
  }

  async #use(signIn: SignInRef): Promise<'used' | 'person' | 'operator' | 'later'> {
    const { userId, accountId } = signIn;
    try {
      await this.#keepAlive(signIn);
      return 'used';
    } catch (error) {
      if (!isSyncError(error, 'unauthenticated')) {
        this.#logger.warn({ err: error, userId }, 'a sign-in could not be refreshed; it is tried again later');
        return 'later';
      }
      if (!isPersonsTrouble(error)) return 'operator';
      const connection = await inScopeOf(userId, () => this.#connections.find(this.#db, userId));
      if (connection?.accountId === accountId) await this.#connectionState.noteTrouble(connection, error);
      return 'person';
    }
  }
}
