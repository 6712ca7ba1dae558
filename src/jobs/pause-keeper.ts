import type { Clock, Logger } from '../core/runtime.ts';
import type { ConnectionRepository } from '../store/connection.repository.ts';
import type { Db } from '../store/db.ts';
import { withoutScope } from '../store/row-scope.ts';
import { Ticker } from './ticker.ts';

/** How long another process may go on speaking to a mailbox at which Graph asked one of us for silence. */
const LOOK_EVERY_MS = 1_000;

/** What of the gate to Graph is needed here. */
export interface PausableGate {
  pauseUntil(mailbox: string, until: Date): void;
}

/**
 * Keeps the silence that Graph asked another process for: it stands in the database, and each process looks.
 *
 * A run asks before it claims its mailbox; this is for what is under way already, and for what is no run.
 */
export class PauseKeeper {
  readonly #db: Db;
  readonly #connections: Pick<ConnectionRepository, 'listPauses'>;
  readonly #limiter: PausableGate;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ticker: Ticker;

  constructor(parts: {
    db: Db;
    connections: Pick<ConnectionRepository, 'listPauses'>;
    limiter: PausableGate;
    clock: Clock;
    logger: Logger;
  }) {
    this.#db = parts.db;
    this.#connections = parts.connections;
    this.#limiter = parts.limiter;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    let isAway = false;
    this.#ticker = new Ticker({
      clock: parts.clock,
      pauseMs: LOOK_EVERY_MS,
      pausesFirst: true,
      tick: async () => {
        await this.look();
        isAway = false;
      },
      onError: (err) => {
        // Said once: while the database is away, everybody else says so, too.
        if (!isAway) this.#logger.warn({ err }, 'pauses that Graph asked for could not be looked up');
        isAway = true;
      },
    });
  }

  start(): void {
    this.#ticker.start();
  }

  async stop(): Promise<void> {
    await this.#ticker.stop();
  }

  async look(): Promise<void> {
    const pauses = await withoutScope(() => this.#connections.listPauses(this.#db, this.#clock.now()));
    for (const { mailboxId, until } of pauses) this.#limiter.pauseUntil(mailboxId, until);
  }
}
