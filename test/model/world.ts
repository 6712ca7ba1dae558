import { createHash } from 'node:crypto';
import type { AppConfig } from '../../src/config.ts';
import { DEFAULT_CALENDAR_ID, type JobId, type UserId } from '../../src/core/ids.ts';
import type { FetchInit } from '../../src/core/runtime.ts';
import { GraphSimulator, type SimulatedMailbox } from '../../src/simulator/index.ts';
import type { Db } from '../../src/store/db.ts';
import { inScopeOf } from '../../src/store/row-scope.ts';
import { Chance, seedOf } from './chance.ts';
import { Crew, shortId, type Worker } from './crew.ts';
import { Deeds } from './deeds.ts';
import { type Engine, openEngine } from './engine.ts';
import type { History, Step } from './history.ts';
import { Ledger } from './ledger.ts';
import { judge, look, type Violation } from './oracle.ts';
import { DatabaseFaults, Delays, modelDb, modelFetch } from './plugs.ts';
import { type InstantKind, isOutside, ModelProcess } from './process.ts';
import { pathsIn, type Sabotage, sabotaged } from './sabotage.ts';
import { Silence } from './silence.ts';
import { type Counts, Story } from './story.ts';
import { HungError, VirtualTime } from './virtual-time.ts';

/** What one history came to. */
export interface Outcome {
  readonly violations: readonly Violation[];
  /** What happened, line by line. */
  readonly script: readonly string[];
  /** Of everything that happened: equal for equal histories. */
  readonly hash: string;
  readonly counts: Counts;
}

const START = '2026-03-02T08:00:00Z';
/** What it may take, once the weather is fine, until both sides are equal. */
const MOST_TIME_MS = 2 * 60 * 60_000;
const MOST_RUNS = 200;
/** One that brings the rest over, one that proves it; what takes more is told of. */
const MOST_SETTLING_RUNS = 4;
/** Of a request's path, as much as tells what it is about. */
const TOLD_OF_A_PATH = 120;
/** As many requests as Graph lets an application have under way in one mailbox. */
const MOST_REQUESTS = 4;

export interface Stage {
  readonly db: Db;
  readonly config: AppConfig;
  /** The user's, and their mailbox's. */
  readonly name: string;
  readonly sabotage?: Sabotage | undefined;
}

/** One user, one mailbox, the service between them, and everything that can happen to the three. */
export class World {
  readonly #db: Db;
  readonly #config: AppConfig;
  readonly #time = new VirtualTime(START);
  readonly #chance: Chance;
  readonly #simulator: GraphSimulator;
  readonly #mailbox: SimulatedMailbox;
  readonly #userId: UserId;
  readonly #ledger = new Ledger();
  readonly #silence = new Silence(this.#time);
  readonly #story = new Story(this.#time);
  readonly #crew: Crew;
  readonly #sabotage: Sabotage | undefined;
  #api!: Engine;
  #deeds!: Deeds;

  private constructor(parts: Stage & { readonly seed: number }) {
    this.#db = parts.db;
    this.#sabotage = parts.sabotage;
    this.#config = parts.config;
    this.#chance = new Chance(parts.seed);
    this.#simulator = new GraphSimulator({
      now: () => this.#time.nowMs,
      seed: seedOf(parts.seed, 1),
      switches: { shuffleBatch: this.#chance.isLucky(0.5) },
    });
    this.#userId = parts.name as UserId;
    const address = `${parts.name}@example.com`;
    this.#mailbox = this.#simulator.addMailbox({ address, name: 'Ada Lemke', timeZone: 'W. Europe Standard Time' });
    this.#crew = new Crew({
      time: this.#time,
      story: this.#story,
      open: (worker) => this.#engine(worker),
      enqueue: () => this.#enqueue(),
    });
  }

  /** Plays a history from beginning to end. */
  static async play(history: History, stage: Stage): Promise<Outcome> {
    const world = new World({ ...stage, seed: history.seed });
    const story = world.#story;
    try {
      await world.#open();
      for (const step of history.steps) await world.#take(step);
      await world.#end();
    } catch (error) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      story.blame(error instanceof HungError ? 'unsettled' : 'failed', what);
    }
    const hash = createHash('sha256').update(story.lines.join('\n')).update(world.#simulator.snapshot());
    for (const { kind, what } of story.violations) hash.update(`${kind} ${what}`);
    const { violations, lines: script, counts } = story;
    return { violations, script, hash: hash.digest('hex').slice(0, 16), counts };
  }

  async #open(): Promise<void> {
    const userId = this.#userId;
    const process = new ModelProcess('api', this.#time);
    this.#api = await this.#engine({ process, database: new DatabaseFaults(), network: new Delays() });
    await this.#passing(() =>
      inScopeOf(userId, () =>
        this.#api.services.connectionService.connectApplication(
          { userId, roles: ['user'], mailboxes: [this.#mailbox.address] },
          { mailbox: this.#mailbox.address },
        ),
      ),
    );
    this.#deeds = new Deeds({
      ...{ api: this.#api, userId, mailbox: this.#mailbox, simulator: this.#simulator, ledger: this.#ledger },
      ...{ story: this.#story, crew: this.#crew, time: this.#time, silence: this.#silence },
    });
    await this.#crew.replace();
    this.#simulator.clearLog();
  }

  #engine({ process, database: faults, network: delays }: Omit<Worker, 'engine'>): Promise<Engine> {
    const time = this.#time;
    return this.#passing(() =>
      openEngine({
        process,
        config: this.#config,
        db: modelDb(this.#db, { process, faults, time }),
        fetch: modelFetch((url, init) => this.#send(process, url, init), { process, delays, time }),
        random: this.#chance,
        logger: this.#story.logger(process.name),
        token: () => this.#simulator.accessToken(),
        ring: (runId, delayMs) => this.#crew.ring(runId, delayMs),
      }),
    );
  }

  async #send(process: ModelProcess, url: string, init: FetchInit): Promise<Response> {
    const undercut = this.#silence.check(process.name);
    if (undercut) this.#story.blame('undercut', undercut);
    for (const path of pathsIn(url, init)) {
      if (!path.includes(this.#mailbox.id) && !path.includes(this.#mailbox.address)) {
        this.#story.blame('touched another', `${init.method ?? 'GET'} ${path}`);
      }
    }
    const response = await this.#simulator.fetch(url, this.#sabotage ? sabotaged(init, this.#sabotage) : init);
    this.#silence.note(process.name, response);
    const asked = pathsIn(url, init).map((path) =>
      path.replace(/^.*\/(users|v1\.0)\/[^/]+/, '').slice(0, TOLD_OF_A_PATH),
    );
    this.#story.tell(`      ${process.name}: ${init.method ?? 'GET'} ${asked.join(' ')} → ${response.status}`);
    return response;
  }

  async #enqueue(): Promise<string> {
    const { db, services } = this.#api;
    const { jobId } = await this.#passing(() =>
      db.transaction((tx) =>
        services.queue.enqueue(tx, { userId: this.#userId, calendarId: DEFAULT_CALENDAR_ID, trigger: 'schedule' }),
      ),
    );
    return jobId;
  }

  async #take(step: Step): Promise<void> {
    if (step.kind === 'run') await this.#run(step);
    else if (step.kind === 'thaw') await this.#crew.thaw();
    else await this.#passing(() => this.#deeds.do(step));
  }

  /** The worker takes a run, and things happen at its instants. */
  async #run({ id, during = [] }: Step): Promise<void> {
    const runId = await this.#crew.nextRun();
    const { process } = this.#crew.worker;
    const coming = [...during];
    let instant = 0;
    process.onInstant = async (kind: InstantKind) => {
      instant += 1;
      for (let next = coming[0]; next && next.at <= instant; next = coming[0]) {
        if (!isOutside(kind) && next.step.kind !== 'kill') return;
        coming.shift();
        this.#story.tell(`  at instant ${instant} (${kind}) of ${process.name}:`);
        await this.#deeds.do(next.step);
        if (process.isKilled || process.isFrozen) return;
      }
    };
    this.#story.tell(`${id} run: ${process.name} takes run ${shortId(runId)}`);
    await this.#crew.carry(runId);
    process.onInstant = undefined;
  }

  /** The weather clears, and everybody who can still work does; then both sides are judged. */
  async #end(): Promise<void> {
    this.#story.tell('the weather clears');
    this.#simulator.clearFaults();
    this.#crew.worker.database.clear();
    this.#crew.worker.network.clear();
    await this.#crew.thaw();
    const fromMs = this.#time.nowMs;
    await this.#workOff(fromMs);
    let convergedMs = this.#time.nowMs;
    for (let run = 1; !(await this.#isQuiet()); run += 1) {
      await this.#workOff(fromMs);
      convergedMs = this.#time.nowMs;
      if (run < MOST_SETTLING_RUNS) continue;
      this.#story.blame('unsettled', `${run} runs after the weather have not been enough`);
      break;
    }
    this.#story.counts.convergedAfterMs = convergedMs - fromMs;
    await this.#judge();
  }

  /** One run. @returns whether it found nothing to do and asked one question for that */
  async #isQuiet(): Promise<boolean> {
    const before = this.#simulator.concurrencyHighWater(this.#mailbox.address);
    this.#story.counts.mostRequests = Math.max(this.#story.counts.mostRequests, before);
    this.#simulator.clearRequests();
    const runId = await this.#crew.queued();
    await this.#crew.carry(runId);
    const row = await this.#api.store.runs.find(this.#api.db, this.#userId, runId as JobId);
    const [requests, writes] = [this.#simulator.requests.length, this.#simulator.writes().length];
    const isQuiet = row?.status === 'COMPLETED' && writes === 0 && requests === 1;
    if (!isQuiet) this.#story.tell(`${row?.status} ${row?.errorCode ?? ''}, ${requests} requests, ${writes} writes`);
    return isQuiet;
  }

  async #workOff(fromMs: number): Promise<void> {
    for (let runs = 0; ; runs += 1) {
      const nextMs = this.#crew.nextBellMs;
      if (nextMs === undefined) return;
      if (runs > MOST_RUNS || this.#time.nowMs - fromMs > MOST_TIME_MS) {
        this.#story.blame('unsettled', `runs are queued again and again, ${runs} by now`);
        this.#crew.silence();
        return;
      }
      if (nextMs > this.#time.nowMs) await this.#time.passUntil(() => false, { untilMs: nextMs });
      const due = this.#crew.takeDue();
      if (due !== undefined) await this.#crew.carry(due);
    }
  }

  async #judge(): Promise<void> {
    const { counts } = this.#story;
    const wasQuiet = await this.#isQuiet();
    const writes = this.#simulator.writes().length;
    const findings = await this.#passing(() => look(this.#api, this.#userId, this.#mailbox));
    counts.needlessWrites += writes;
    counts.echoes += findings.remote.size;
    if (!wasQuiet) {
      this.#story.blame('needless', `${this.#simulator.requests.length} requests, ${writes} writes in a quiet run`);
    }
    counts.mails = this.#simulator.outbox.length;
    if (counts.mails > 0) this.#story.blame('mailed', `${counts.mails} mails`);
    if (counts.mostRequests > MOST_REQUESTS) {
      this.#story.blame('too many requests', `${counts.mostRequests} at a time`);
    }
    for (const { kind, what } of judge(this.#ledger, findings)) this.#story.blame(kind, what);
    if (this.#story.violations.length === 0) return;
    for (const { id, content } of findings.local) this.#story.tell(`here ${id}: ${JSON.stringify(content)}`);
    for (const [id, content] of findings.remote) this.#story.tell(`in Outlook ${id}: ${JSON.stringify(content)}`);
    for (const { conflictType, data } of findings.conflicts) {
      this.#story.tell(`conflict ${conflictType}: ${JSON.stringify(data)}`);
    }
  }

  async #passing<T>(work: () => Promise<T>): Promise<T> {
    let isDone = false;
    const result = work().finally(() => {
      isDone = true;
    });
    result.catch(() => {});
    // Within a run's instant somebody else watches the time already.
    await this.#time.passUntil(() => isDone);
    return result;
  }
}
