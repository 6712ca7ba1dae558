import { isSyncError } from '../core/errors.ts';
import type { Clock } from '../core/runtime.ts';
import type { Db } from '../store/db.ts';
import { withoutScope } from '../store/row-scope.ts';

export type HealthStatus = 'ok' | 'degraded' | 'down';

export interface HealthCheck {
  readonly status: HealthStatus;
  /** For operators; no secrets, no user data. */
  readonly message?: string;
}

export interface HealthReport {
  readonly status: HealthStatus;
  readonly checks: {
    readonly database: HealthCheck;
    readonly queue: HealthCheck;
    readonly graph: HealthCheck;
    readonly encryption: HealthCheck;
  };
  readonly version: string;
}

/** Of the breaker towards Graph. */
export type GraphState = 'closed' | 'open' | 'half-open';

/** What of Graph is not asked for a while. */
export interface Outages {
  /** Of Graph as a whole. */
  readonly state: GraphState;
  /** How many mailboxes have trouble of their own. */
  readonly mailboxes: number;
}

/** Longer than this and whoever asks has stopped waiting. */
const PATIENCE_MS = 2_000;
/** One user's jobs wait for each other, so some wait is normal; this much says that nobody works. */
const LONGEST_WAIT_MS = 10 * 60_000;
/** Opening every key ring entry anew is of no use to a probe that comes every few seconds. */
const KEYS_STAY_GOOD_MS = 60_000;

/** Whether the service can do its work, told from what it knows: Graph is never asked for it. */
export class HealthService {
  readonly #db: Db;
  readonly #oldestWaitMs: () => Promise<number | undefined>;
  readonly #graphState: () => GraphState;
  readonly #troubledMailboxes: () => number;
  readonly #refusal: () => string | undefined;
  readonly #hasTrouble: () => Promise<boolean>;
  readonly #outagesElsewhere: () => Promise<Outages>;
  readonly #verifyKeys: () => Promise<void>;
  readonly #clock: Clock;
  readonly #version: string;
  #keysGoodUntilMs = 0;

  constructor(parts: {
    db: Db;
    /** How long the job that is due longest has been due, milliseconds; `undefined` when none is. */
    oldestWaitMs: () => Promise<number | undefined>;
    /** The breaker towards Graph. */
    graphState: () => GraphState;
    /** Mailboxes that this process does not ask for a while, because Graph cannot serve them. */
    troubledMailboxes?: () => number;
    /** Why Microsoft refuses the application itself, while it does. */
    refusal?: () => string | undefined;
    /** Whether runs of other processes have lately met such a refusal. */
    hasTrouble?: () => Promise<boolean>;
    /** What runs of all processes were put back for; one that runs nothing itself knows of it from there. */
    outagesElsewhere?: () => Promise<Outages>;
    /** Proves that the key ring opens the database. */
    verifyKeys: () => Promise<void>;
    clock: Clock;
    version: string;
  }) {
    this.#db = parts.db;
    this.#oldestWaitMs = parts.oldestWaitMs;
    this.#graphState = parts.graphState;
    this.#troubledMailboxes = parts.troubledMailboxes ?? (() => 0);
    this.#refusal = parts.refusal ?? (() => undefined);
    this.#hasTrouble = parts.hasTrouble ?? (async () => false);
    this.#outagesElsewhere = parts.outagesElsewhere ?? (async () => ({ state: 'closed', mailboxes: 0 }));
    this.#verifyKeys = parts.verifyKeys;
    this.#clock = parts.clock;
    this.#version = parts.version;
  }

  check(): Promise<HealthReport> {
    // About the service, not about whoever asks.
    return withoutScope(() => this.#check());
  }

  async #check(): Promise<HealthReport> {
    const database = await this.#database();
    const isReachable = database.status === 'ok';
    const [queue, encryption, graph] = isReachable
      ? await Promise.all([this.#queue(), this.#encryption(), this.#graph()])
      : [NOT_LOOKED_AT, NOT_LOOKED_AT, this.#graphAsTold(this.#ownOutages())];
    const checks = { database, queue, graph, encryption };
    return { status: worst(Object.values(checks)), checks, version: this.#version };
  }

  async #database(): Promise<HealthCheck> {
    return this.#inTime('the database', async () => {
      await this.#db.ping();
      return { status: 'ok' };
    });
  }

  async #queue(): Promise<HealthCheck> {
    return this.#inTime('the job queue', async () => {
      const waitMs = (await this.#oldestWaitMs()) ?? 0;
      if (waitMs <= LONGEST_WAIT_MS) return { status: 'ok' };
      const seconds = Math.round(waitMs / 1000);
      return { status: 'degraded', message: `a job has been due for ${seconds} seconds: no worker runs, or too few` };
    });
  }

  async #encryption(): Promise<HealthCheck> {
    const nowMs = this.#clock.now().getTime();
    if (nowMs < this.#keysGoodUntilMs) return { status: 'ok' };
    return this.#inTime('the key ring', async () => {
      await this.#verifyKeys();
      this.#keysGoodUntilMs = nowMs + KEYS_STAY_GOOD_MS;
      return { status: 'ok' };
    });
  }

  async #graph(): Promise<HealthCheck> {
    const own = this.#ownOutages();
    const known = this.#graphAsTold(own);
    const told = await this.#inTime('the connections', async () => {
      const graph = this.#graphAsTold(together(own, await this.#outagesElsewhere()));
      if (graph.status !== 'ok' || !(await this.#hasTrouble())) return graph;
      const message = 'Microsoft refused the application in runs of the last hour; see the log of the workers';
      return { status: 'degraded', message };
    });
    return told.status === 'down' && known.status !== 'ok' ? known : told;
  }

  #ownOutages(): Outages {
    return { state: this.#graphState(), mailboxes: this.#troubledMailboxes() };
  }

  #graphAsTold({ state, mailboxes }: Outages): HealthCheck {
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      const message = `Microsoft refuses the application itself (${refusal}): its secret or certificate may have expired`;
      return { status: 'degraded', message };
    }
    if (state === 'closed') {
      if (mailboxes === 0) return { status: 'ok' };
      const which = mailboxes === 1 ? '1 mailbox' : `${mailboxes} mailboxes`;
      return { status: 'degraded', message: `Graph does not serve ${which} for now; all others are synced` };
    }
    const next = state === 'open' ? 'nothing is sent for a while' : 'the next request tries whether it is back';
    return { status: 'degraded', message: `Microsoft Graph does not answer; ${next}` };
  }

  /** A probe that fails or takes too long is down; why is said without what only logs may hold. */
  async #inTime(what: string, probe: () => Promise<HealthCheck>): Promise<HealthCheck> {
    const answered = new AbortController();
    const late = this.#clock
      .sleep(PATIENCE_MS, answered.signal)
      .then(
        (): HealthCheck => ({ status: 'down', message: `${what} did not answer in ${PATIENCE_MS / 1000} seconds` }),
      );
    late.catch(() => {});
    const asked = probe().catch((error): HealthCheck => {
      const reason = isSyncError(error) ? error.message : 'it could not be reached';
      return { status: 'down', message: `${what}: ${reason}` };
    });
    try {
      return await Promise.race([asked, late]);
    } finally {
      answered.abort();
    }
  }
}

const NOT_LOOKED_AT: HealthCheck = { status: 'down', message: 'not looked at: the database does not answer' };

/** A mailbox may be in trouble at this process and at another one; it is not counted twice. */
function together(own: Outages, elsewhere: Outages): Outages {
  return {
    state: own.state === 'closed' ? elsewhere.state : own.state,
    mailboxes: Math.max(own.mailboxes, elsewhere.mailboxes),
  };
}

function worst(checks: readonly HealthCheck[]): HealthStatus {
  if (checks.some(({ status }) => status === 'down')) return 'down';
  return checks.some(({ status }) => status === 'degraded') ? 'degraded' : 'ok';
}
