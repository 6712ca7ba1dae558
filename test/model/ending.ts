import { sql } from 'kysely';
import type { JobId, UserId } from '../../src/core/ids.ts';
import type { GraphSimulator, SimulatedMailbox } from '../../src/simulator/index.ts';
import { inScopeOf } from '../../src/store/row-scope.ts';
import type { Calendars } from './calendars.ts';
import type { Crew } from './crew.ts';
import { Crowd } from './crowd.ts';
import type { Engine } from './engine.ts';
import type { FilePerson } from './file-person.ts';
import type { Ledger } from './ledger.ts';
import type { Mails } from './mails.ts';
import { type Findings, judge, look } from './oracle.ts';
import type { SettingsPerson } from './settings-person.ts';
import type { SignInDesk } from './sign-in-desk.ts';
import type { Story } from './story.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What it may take, once the weather is fine, until both sides are equal. */
const MOST_TIME_MS = 2 * 60 * 60_000;
const MOST_RUNS = 200;
/** One that brings the rest over, one that proves it; what takes more is told of. */
const MOST_SETTLING_RUNS = 4;
/** How long a person waits who is told to come again, and how often. */
const PATIENCE_MS = 30 * 60_000;
const MOST_TRIES = 3;
/** One for each calendar and side, twice. */
const MOST_CONFIRMATIONS = 8;
/** After which whatever Graph broke down on is sent again. */
const LONGEST_PAUSE_MS = 25 * 60 * 60_000;
/** As many requests as Graph lets an application have under way in one mailbox. */
const MOST_REQUESTS = 4;

export interface EndingParts {
  readonly api: Engine;
  readonly userId: UserId;
  readonly mailbox: SimulatedMailbox;
  readonly simulator: GraphSimulator;
  readonly calendars: Calendars;
  readonly crew: Crew;
  readonly ledger: Ledger;
  readonly story: Story;
  readonly time: VirtualTime;
  readonly mails: Mails;
  readonly settings: SettingsPerson;
  readonly desk: SignInDesk;
  readonly files: FilePerson;
}

/** The end of a history: everybody who can still work does, then both sides are judged. */
export class Ending {
  readonly #parts: EndingParts;
  readonly #crowd: Crowd;
  /** With what a person confirms what the last run would have deleted. */
  #toConfirm: string | undefined;

  constructor(parts: EndingParts) {
    this.#parts = parts;
    this.#crowd = new Crowd(parts);
  }

  async play(): Promise<void> {
    const { crew, files, simulator, story, time } = this.#parts;
    story.tell('the weather clears');
    simulator.clearFaults();
    crew.worker.database.clear();
    crew.worker.network.clear();
    await crew.thaw();
    await this.#passing(() => this.#resume());
    const fromMs = time.nowMs;
    let convergedMs = await this.#settle(fromMs);
    // What is still to be sent to an event goes where it is now, and its copy here with the reconciliation after that.
    for (let times = 0; times < 2 && (await this.#areSomeStraying()); times += 1) {
      story.tell('what was moved is not where it was moved to: all is read again');
      await crew.carry(await crew.queued({ forceFull: true }));
      convergedMs = await this.#settle(fromMs);
    }
    if (await this.#passing(async () => (await files.areSomeWaiting()) || (await this.#areSomeParked()))) {
      time.advance(LONGEST_PAUSE_MS);
      convergedMs = await this.#settle(time.nowMs);
    }
    story.counts.convergedAfterMs = convergedMs - fromMs;
    await this.#judge();
  }

  async #areSomeStraying(): Promise<boolean> {
    return this.#parts.calendars.areSeveral && this.#passing(() => this.#hasStragglers());
  }

  /** Graph broke down over an event of its own, or refused it: it is sent again after a pause. */
  #areSomeParked(): Promise<boolean> {
    const { api, time, userId } = this.#parts;
    return inScopeOf(userId, async () => {
      const { rows } = await sql<{ areSome: boolean }>`
        select exists (
          select 1 from "EventBase" where "userId" = ${userId} and "retryAt" > ${new Date(time.nowMs).toISOString()}::timestamptz
        ) as "areSome"
      `.execute(api.db.kysely);
      return rows[0]?.areSome === true;
    });
  }

  /** What people have closed is opened: nothing is promised behind a closed door. */
  async #resume(): Promise<void> {
    const { api, calendars, desk, settings, time, userId } = this.#parts;
    for (let tries = 0; desk.isRevoked && !(await desk.signIn(api, userId)) && tries < MOST_TRIES; tries += 1) {
      time.advance(PATIENCE_MS);
    }
    await settings.liftLimits();
    if (calendars.areSeveral) await calendars.switch(api, userId, 'Team', true);
  }

  /** @returns when the last run ended that had something to do */
  async #settle(fromMs: number): Promise<number> {
    const { story, time } = this.#parts;
    await this.#workOff(fromMs);
    let convergedMs = time.nowMs;
    for (let run = 1; !(await this.#isQuiet()); run += 1) {
      await this.#workOff(fromMs);
      convergedMs = time.nowMs;
      // A person looks at what was stopped, and means it.
      const token = this.#toConfirm;
      if (token !== undefined && run < MOST_CONFIRMATIONS) {
        await this.#passing(() => this.#crowd.confirm(token));
        await this.#workOff(fromMs);
        continue;
      }
      if (run < MOST_SETTLING_RUNS) continue;
      story.blame('unsettled', `${run} runs after the weather have not been enough`);
      break;
    }
    return convergedMs;
  }

  /**
   * Moves are told in two streams, each of which may have been read at another time: what was moved, and moved on, deleted
   * or written to on its way, is certain to be known for what it is by the next reconciliation, within a day. Only what was
   * moved has that long.
   */
  async #hasStragglers(): Promise<boolean> {
    const { local, remote, calendarsHere } = await this.#look();
    return local.some(({ content, calendarId, graphEventId }) => {
      if (graphEventId === undefined || !this.#parts.ledger.eventOf(content.subject)?.wasMoved) return false;
      return remote.get(graphEventId)?.calendar !== calendarsHere.get(calendarId);
    });
  }

  /** One run. @returns whether it found nothing to do and asked one question for that, of each calendar */
  async #isQuiet(): Promise<boolean> {
    const { api, calendars, crew, mailbox, simulator, story, userId } = this.#parts;
    const before = simulator.concurrencyHighWater(mailbox.address);
    story.counts.mostRequests = Math.max(story.counts.mostRequests, before);
    simulator.clearRequests();
    const runId = await crew.queued();
    await crew.carry(runId);
    const row = await api.store.runs.find(api.db, userId, runId as JobId);
    const [requests, writes] = [simulator.requests.length, simulator.writes().length];
    this.#toConfirm = row?.confirmationToken;
    const isQuiet = row?.status === 'COMPLETED' && writes === 0 && requests === calendars.synced.length;
    if (!isQuiet) story.tell(`${row?.status} ${row?.errorCode ?? ''}, ${requests} requests, ${writes} writes`);
    return isQuiet;
  }

  async #workOff(fromMs: number): Promise<void> {
    const { crew, story, time } = this.#parts;
    for (let runs = 0; ; runs += 1) {
      const nextMs = crew.nextBellMs;
      if (nextMs === undefined) return;
      if (runs > MOST_RUNS || time.nowMs - fromMs > MOST_TIME_MS) {
        story.blame('unsettled', `runs are queued again and again, ${runs} by now`);
        crew.silence();
        return;
      }
      if (nextMs > time.nowMs) await time.passUntil(() => false, { untilMs: nextMs });
      const due = crew.takeDue();
      if (due !== undefined) await crew.carry(due);
    }
  }

  async #judge(): Promise<void> {
    const { files, ledger, mails, simulator, story } = this.#parts;
    const { counts } = story;
    const wasQuiet = await this.#isQuiet();
    const writes = simulator.writes().length;
    const findings = await this.#passing(() => this.#look());
    counts.needlessWrites += writes;
    counts.echoes += findings.remote.size;
    if (!wasQuiet) story.blame('needless', `${simulator.requests.length} requests, ${writes} writes in a quiet run`);
    mails.bySomeRequest();
    if (counts.mostRequests > MOST_REQUESTS) {
      story.blame('too many requests', `${counts.mostRequests} at a time`);
    }
    const ofFiles = await this.#passing(() => files.judge());
    for (const { kind, what } of [...judge(ledger, findings), ...ofFiles]) story.blame(kind, what);
    if (story.violations.length > 0) tellAll(story, findings);
  }

  #look(): Promise<Findings> {
    const { api, userId, calendars } = this.#parts;
    return look(api, userId, calendars);
  }

  async #passing<T>(work: () => Promise<T>): Promise<T> {
    return this.#parts.time.passing(work);
  }
}

function tellAll(story: Story, { local, remote, apart, conflicts }: Findings): void {
  for (const { id, content } of local) story.tell(`here ${id}: ${JSON.stringify(content)}`);
  for (const [id, { calendar, content }] of [...remote, ...apart]) {
    story.tell(`in Outlook’s ${calendar} ${id}: ${JSON.stringify(content)}`);
  }
  for (const { conflictType, data } of conflicts) story.tell(`conflict ${conflictType}: ${JSON.stringify(data)}`);
}
