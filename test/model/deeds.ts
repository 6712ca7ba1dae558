import type { UserId } from '../../src/core/ids.ts';
import { CONFLICT_STRATEGIES } from '../../src/core/settings.ts';
import type { GraphSimulator, SimulatedMailbox } from '../../src/simulator/index.ts';
import { inScopeOf } from '../../src/store/row-scope.ts';
import { ApplicationPerson, type Done } from './application-person.ts';
import type { Calendars } from './calendars.ts';
import { Chance } from './chance.ts';
import type { Crew } from './crew.ts';
import type { DeedKind, StrikeKind } from './deed-kinds.ts';
import type { Engine } from './engine.ts';
import type { Step } from './history.ts';
import type { Ledger } from './ledger.ts';
import { MovingPerson } from './moving-person.ts';
import { OutlookPerson } from './outlook-person.ts';
import { RevertingPerson } from './reverting-person.ts';
import type { Silence } from './silence.ts';
import type { Story } from './story.ts';
import type { VirtualTime } from './virtual-time.ts';
import { breakRequest, drawDatabaseFault } from './weather.ts';
import { Words } from './words.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const WAITS_MS = [MINUTE_MS, 20 * MINUTE_MS, HOUR_MS, 26 * HOUR_MS];
const JUMPS_MS = [-HOUR_MS, -MINUTE_MS, MINUTE_MS, HOUR_MS, 26 * HOUR_MS];

export interface DeedParts {
  readonly api: Engine;
  readonly userId: UserId;
  readonly mailbox: SimulatedMailbox;
  readonly calendars: Calendars;
  readonly simulator: GraphSimulator;
  readonly ledger: Ledger;
  readonly story: Story;
  readonly crew: Crew;
  readonly time: VirtualTime;
  readonly silence: Silence;
}

/** Everything that people do and that befalls the machines, each by the name a history gives it. */
export class Deeds {
  readonly #parts: DeedParts;
  readonly #here: ApplicationPerson;
  readonly #outlook: OutlookPerson;
  readonly #moving: MovingPerson;
  readonly #reverting: RevertingPerson;

  constructor(parts: DeedParts) {
    this.#parts = parts;
    this.#here = new ApplicationPerson(parts);
    this.#outlook = new OutlookPerson(parts);
    this.#moving = new MovingPerson(parts);
    this.#reverting = new RevertingPerson(parts);
  }

  async do(step: Step): Promise<void> {
    const { story } = this.#parts;
    const words = new Words(step.id, new Chance(step.draw));
    const done = await this.#actOf(step.kind)(words);
    if (done !== undefined) story.counts.operations += 1;
    story.tell(`${step.id} ${step.kind}: ${done ?? 'nothing to do'}`);
  }

  #actOf(kind: Step['kind']): (words: Words) => Promise<Done> | Done {
    if (kind === 'run' || kind === 'thaw') throw new Error(`${kind} is no deed`);
    return this.#acts[kind];
  }

  readonly #acts: Readonly<Record<DeedKind | StrikeKind, (words: Words) => Promise<Done> | Done>> = {
    'app-create': (words) => this.#here.create(words),
    'app-create-series': (words) => this.#here.create(words, { isSeries: true }),
    'app-edit': (words) => this.#here.edit(words),
    'app-rule': (words) => this.#here.changeRule(words),
    'app-delete': (words) => this.#here.delete(words),
    'app-edit-date': (words) => this.#here.editOccurrence(words),
    'app-delete-date': (words) => this.#here.deleteOccurrence(words),
    'app-import': (words) => this.#here.importFile(words),
    'plain-sql': (words) => this.#here.writePlainly(words),
    'outlook-create': (words) => this.#outlook.create(words),
    'outlook-create-series': (words) => this.#outlook.create(words, { isSeries: true }),
    'outlook-edit': (words) => this.#outlook.edit(words),
    'outlook-rule': (words) => this.#outlook.changeRule(words),
    'outlook-delete': (words) => this.#outlook.delete(words),
    'outlook-edit-date': (words) => this.#outlook.editOccurrence(words),
    'outlook-delete-date': (words) => this.#outlook.deleteOccurrence(words),
    'outlook-split': (words) => this.#outlook.split(words),
    'outlook-invited': (words) => this.#outlook.beInvited(words),
    'outlook-organizer': (words) => this.#outlook.hearFromOrganizer(words),
    resolve: (words) => this.#here.resolve(words),
    revert: (words) => this.#reverting.takeBack(words),
    'outlook-move': (words) => this.#moving.move(words),
    'switch-calendar': () => this.#moving.switchTeam(),
    strategy: (words) => this.#chooseStrategy(words),
    'expire-tokens': () => {
      this.#parts.simulator.expireDeltaTokens();
      return 'every delta link is dead';
    },
    'restore-mailbox': () => {
      const { crew, ledger } = this.#parts;
      // A deletion that a run is about to send meets a 404 then, and is taken for done.
      if (crew.isAtWork) for (const event of ledger.events) event.mayReturn ||= event.deletedOn.has('here');
      this.#parts.mailbox.misfortunes.restoreFromBackup();
      return 'the mailbox comes back with new ids';
    },
    wait: ({ chance }) => {
      const ms = chance.pick(WAITS_MS);
      this.#parts.time.advance(ms);
      return `${ms / MINUTE_MS} min`;
    },
    'clock-jump': ({ chance }) => {
      const ms = chance.pick(JUMPS_MS);
      this.#parts.time.jump(ms);
      this.#parts.silence.forget();
      return `by ${ms / MINUTE_MS} min`;
    },
    kill: () => {
      const { process } = this.#parts.crew.worker;
      this.#parts.story.counts.crashes += 1;
      process.kill();
      return process.name;
    },
    stall: () => {
      const { process } = this.#parts.crew.worker;
      this.#parts.story.counts.stalls += 1;
      process.freeze();
      return process.name;
    },
    'second-worker': async () => {
      await this.#parts.crew.startSecond();
      return 'at the same time';
    },
    fault: ({ chance }) => {
      const { kind, text } = breakRequest(this.#parts.simulator, chance);
      this.#parts.story.countFault(kind);
      return text;
    },
    'database-fault': ({ chance }) => {
      const fault = drawDatabaseFault(chance);
      this.#parts.crew.worker.database.add(fault);
      this.#parts.story.countFault(fault);
      return fault;
    },
    delay: ({ chance }) => {
      const what = chance.pick(['request', 'answer'] as const);
      this.#parts.crew.worker.network.add(what);
      this.#parts.story.countFault(`late ${what}`);
      return `the next ${what} is late`;
    },
  };

  async #chooseStrategy({ chance }: Words): Promise<Done> {
    const { api, userId } = this.#parts;
    const conflictResolution = chance.pick(CONFLICT_STRATEGIES);
    await inScopeOf(userId, () => api.services.settings.put(userId, { conflictResolution }));
    return conflictResolution;
  }
}
