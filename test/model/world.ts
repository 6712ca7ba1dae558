import { createHash } from 'node:crypto';
import type { AppConfig } from '../../src/config.ts';
import { DEFAULT_CALENDAR_ID, type UserId } from '../../src/core/ids.ts';
import type { FetchInit } from '../../src/core/runtime.ts';
import { GraphSimulator, type SimulatedMailbox } from '../../src/simulator/index.ts';
import type { Db } from '../../src/store/db.ts';
import { inScopeOf } from '../../src/store/row-scope.ts';
import { Calendars } from './calendars.ts';
import { Chance, seedOf } from './chance.ts';
import { Crew, shortId, type Worker } from './crew.ts';
import { Deeds } from './deeds.ts';
import { Ending } from './ending.ts';
import { type Engine, openEngine } from './engine.ts';
import { FilePerson } from './file-person.ts';
import type { History, Step } from './history.ts';
import { Ledger } from './ledger.ts';
import { Mails } from './mails.ts';
import type { Violation } from './oracle.ts';
import { DatabaseFaults, Delays, modelDb, modelFetch } from './plugs.ts';
import { type InstantKind, isOutside, ModelProcess } from './process.ts';
import { pathsIn, type Sabotage, sabotaged } from './sabotage.ts';
import { SettingsPerson } from './settings-person.ts';
import { SignInDesk } from './sign-in-desk.ts';
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
/** Of a request's path, as much as tells what it is about. */
const TOLD_OF_A_PATH = 120;
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
  readonly #calendars: Calendars;
  readonly #userId: UserId;
  readonly #ledger = new Ledger();
  readonly #silence = new Silence(this.#time);
  readonly #story = new Story(this.#time);
  readonly #crew: Crew;
  readonly #mails: Mails;
  readonly #desk: SignInDesk;
  readonly #isSigningIn: boolean;
  readonly #sabotage: Sabotage | undefined;
  #settings!: SettingsPerson;
  #files!: FilePerson;
  #api!: Engine;
  #deeds!: Deeds;

  private constructor(parts: Stage & { readonly history: History }) {
    this.#db = parts.db;
    this.#sabotage = parts.sabotage;
    this.#config = parts.config;
    this.#chance = new Chance(parts.history.seed);
    this.#simulator = new GraphSimulator({
      now: () => this.#time.nowMs,
      seed: seedOf(parts.history.seed, 1),
      switches: { shuffleBatch: this.#chance.isLucky(0.5) },
    });
    this.#userId = parts.name as UserId;
    const address = `${parts.name}@example.com`;
    this.#mailbox = this.#simulator.addMailbox({ address, name: 'Ada Lemke', timeZone: 'W. Europe Standard Time' });
    this.#mails = new Mails({ simulator: this.#simulator, story: this.#story });
    this.#desk = new SignInDesk({ simulator: this.#simulator, mailbox: this.#mailbox });
    this.#isSigningIn = parts.history.isSignedIn ?? false;
    this.#calendars = new Calendars(this.#mailbox, { areSeveral: parts.history.hasSeveralCalendars ?? false });
    this.#crew = new Crew({
      time: this.#time,
      story: this.#story,
      open: (worker) => this.#engine(worker),
      enqueue: (asked) => this.#enqueue(asked),
    });
  }

  /** Plays a history from beginning to end. */
  static async play(history: History, stage: Stage): Promise<Outcome> {
    const world = new World({ ...stage, history });
    const story = world.#story;
    try {
      await world.#open();
      for (const step of history.steps) await world.#take(step);
      await new Ending(world.#parts()).play();
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
    if (this.#sabotage === 'unrecorded reverts') this.#api.store.operations.append = async () => {};
    await this.#passing(() => this.#connect());
    this.#settings = new SettingsPerson(this.#parts());
    this.#files = new FilePerson(this.#parts());
    if (this.#calendars.areSeveral) {
      await this.#passing(() => this.#calendars.switch(this.#api, userId, 'Private', false));
    }
    this.#deeds = new Deeds({ ...this.#parts(), silence: this.#silence });
    await this.#crew.replace();
    this.#simulator.clearLog();
  }

  async #connect(): Promise<void> {
    const [userId, mailbox] = [this.#userId, this.#mailbox.address];
    if (this.#isSigningIn) {
      await this.#desk.signIn(this.#api, userId);
      return;
    }
    const caller = { userId, roles: ['user'] as const, mailboxes: [mailbox] };
    await inScopeOf(userId, () => this.#api.services.connectionService.connectApplication(caller, { mailbox }));
  }

  #parts() {
    return {
      ...{ api: this.#api, userId: this.#userId, mailbox: this.#mailbox, simulator: this.#simulator },
      ...{ ledger: this.#ledger, story: this.#story, crew: this.#crew, time: this.#time, calendars: this.#calendars },
      ...{ mails: this.#mails, settings: this.#settings, files: this.#files, desk: this.#desk },
    };
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
        signIns: this.#desk.client,
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
    const response =
      this.#desk.refusal(init) ??
      (await this.#simulator.fetch(url, this.#sabotage ? sabotaged(init, this.#sabotage) : init));
    this.#mails.bySomeRequest();
    this.#silence.note(process.name, response);
    const asked = pathsIn(url, init).map((path) =>
      path.replace(/^.*\/(users|v1\.0)\/[^/]+/, '').slice(0, TOLD_OF_A_PATH),
    );
    this.#story.tell(`      ${process.name}: ${init.method ?? 'GET'} ${asked.join(' ')} → ${response.status}`);
    return response;
  }

  async #enqueue(asked: { forceFull?: boolean }): Promise<string> {
    const { db, services } = this.#api;
    const calendarId = this.#calendars.areSeveral ? 'all' : DEFAULT_CALENDAR_ID;
    const { jobId } = await this.#passing(() =>
      db.transaction((tx) =>
        services.queue.enqueue(tx, { userId: this.#userId, calendarId, trigger: 'schedule', ...asked }),
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
    if (!this.#crew.isAtWorkNow) this.#mails.begin();
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

  #passing<T>(work: () => Promise<T>): Promise<T> {
    return this.#time.passing(work);
  }
}
