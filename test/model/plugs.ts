import type {
  KyselyPlugin,
  PluginTransformQueryArgs,
  PluginTransformResultArgs,
  QueryResult,
  RootOperationNode,
  UnknownRow,
} from 'kysely';
import type { Fetch, FetchInit } from '../../src/core/runtime.ts';
import { type Db, databaseError, type Tx } from '../../src/store/db.ts';
import { Killed, type ModelProcess } from './process.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What goes wrong with the database next, for one process. */
export type DatabaseFault =
  | 'statement-fails'
  | 'transactions-meet'
  | 'commit-fails'
  | 'commit-answer-lost'
  | 'slow-commit';

/** A script of faults, each for the next place it fits. */
export class DatabaseFaults {
  readonly #waiting: DatabaseFault[] = [];

  add(fault: DatabaseFault): void {
    this.#waiting.push(fault);
  }

  clear(): void {
    this.#waiting.length = 0;
  }

  take(...fitting: readonly DatabaseFault[]): DatabaseFault | undefined {
    const at = this.#waiting.findIndex((fault) => fitting.includes(fault));
    return at === -1 ? undefined : this.#waiting.splice(at, 1)[0];
  }
}

/** How long a slow commit takes: past a lease's life. */
const SLOW_COMMIT_MS = 45_000;

const broken = (): unknown => databaseError(Object.assign(new Error('connection reset'), { code: 'ECONNRESET' }));
const met = (): unknown => databaseError(Object.assign(new Error('could not serialize access'), { code: '40001' }));

/** The database as one process reaches it: every call is an instant, and may fail by the script. */
export function modelDb(real: Db, parts: { process: ModelProcess; faults: DatabaseFaults; time: VirtualTime }): Db {
  const { process, faults, time } = parts;
  const standalone = real.kysely.withPlugin(new StatementInstants(process, faults));
  return {
    ...real,
    kysely: standalone,
    transaction: async (work) => {
      await process.at('begin');
      try {
        const result = await time.during(() => attempt(real, process, faults, work));
        if (faults.take('slow-commit')) await process.clock.sleep(SLOW_COMMIT_MS);
        await process.at('committed');
        if (faults.take('commit-answer-lost')) throw broken();
        return result;
      } catch (error) {
        await process.alive('committed');
        throw error;
      }
    },
  };
}

async function attempt<T>(
  real: Db,
  process: ModelProcess,
  faults: DatabaseFaults,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  return real.transaction(async (tx) => {
    const statements = new StatementInstants(process, faults, { isInTransaction: true });
    const result = await work({ ...tx, kysely: tx.kysely.withPlugin(statements) });
    await process.at('commit');
    statements.assertSound();
    if (faults.take('commit-fails')) throw broken();
    return result;
  });
}

class StatementInstants implements KyselyPlugin {
  readonly #process: ModelProcess;
  readonly #faults: DatabaseFaults;
  readonly #isInTransaction: boolean;
  #isAborted = false;

  constructor(process: ModelProcess, faults: DatabaseFaults, { isInTransaction = false } = {}) {
    this.#process = process;
    this.#faults = faults;
    this.#isInTransaction = isInTransaction;
  }

  transformQuery({ node }: PluginTransformQueryArgs): RootOperationNode {
    this.assertSound();
    if (this.#process.isKilled) throw new Killed('killed');
    const fault = this.#faults.take('statement-fails', 'transactions-meet');
    if (fault === undefined) return node;
    this.#isAborted = this.#isInTransaction;
    throw fault === 'transactions-meet' ? met() : broken();
  }

  async transformResult({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    await this.#process.at('statement');
    return result;
  }

  /** PostgreSQL takes nothing more in a transaction in which a statement failed. */
  assertSound(): void {
    if (!this.#isAborted) return;
    throw Object.assign(new Error('current transaction is aborted, commands ignored until end of transaction block'), {
      code: '25P02',
    });
  }
}

/** How late a slow request comes, or its answer: not long enough to be given up, longer than a lease's life. */
const LATE_MS = 50_000;

/** What of the network is slow next, for one process. */
export class Delays {
  readonly #waiting: ('request' | 'answer')[] = [];

  add(what: 'request' | 'answer'): void {
    this.#waiting.push(what);
  }

  clear(): void {
    this.#waiting.length = 0;
  }

  takeMs(what: 'request' | 'answer'): number {
    if (this.#waiting[0] !== what) return 0;
    this.#waiting.shift();
    return LATE_MS;
  }
}

/** The network as one process reaches it. */
export function modelFetch(
  send: (url: string, init: FetchInit) => Promise<Response>,
  parts: { process: ModelProcess; delays: Delays; time: VirtualTime },
): Fetch {
  const { process, delays, time } = parts;
  const late = async (what: 'request' | 'answer', signal: AbortSignal | undefined) => {
    const ms = delays.takeMs(what);
    if (ms > 0) await process.clock.sleep(ms, signal);
  };
  return async (url, init = {}) => {
    await process.at('request');
    await late('request', init.signal);
    const answered = time
      .during(() => send(url, init))
      .then(
        (response) => ({ response }),
        (error: unknown) => ({ error }),
      );
    const outcome = await answered;
    await late('answer', init.signal);
    await process.at('answer');
    if ('error' in outcome) throw outcome.error;
    return outcome.response;
  };
}
