import type { UserId } from '../../src/core/ids.ts';
import type { GraphSimulator, SimulatedMailbox } from '../../src/simulator/index.ts';
import { ApplicationPerson, type Done } from './application-person.ts';
import type { Calendars } from './calendars.ts';
import { Chance } from './chance.ts';
import type { Crew } from './crew.ts';
import { Crowd } from './crowd.ts';
import type { DeedKind, StrikeKind } from './deed-kinds.ts';
import type { Engine } from './engine.ts';
import type { FilePerson } from './file-person.ts';
import type { Step } from './history.ts';
import { Invitee } from './invitee.ts';
import type { Ledger } from './ledger.ts';
import type { Mails } from './mails.ts';
import { MovingPerson } from './moving-person.ts';
import { OutlookPerson } from './outlook-person.ts';
import { RevertingPerson } from './reverting-person.ts';
import type { SettingsPerson } from './settings-person.ts';
import type { SignInDesk } from './sign-in-desk.ts';
import type { Silence } from './silence.ts';
import type { Story } from './story.ts';
import type { VirtualTime } from './virtual-time.ts';
import { breakRequest, drawDatabaseFault } from './weather.ts';
import { Words } from './words.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const WAITS_MS = [MINUTE_MS, 20 * MINUTE_MS, HOUR_MS, 26 * HOUR_MS];
/** Enough to roll events out of a window, few enough for all of them to stay within a year. */
const MOST_DAYS = 9;
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
  readonly mails: Mails;
  readonly settings: SettingsPerson;
  readonly desk: SignInDesk;
  readonly files: FilePerson;
}

/** Everything that people do and that befalls the machines, each by the name a history gives it. */
export class Deeds {
  readonly #parts: DeedParts;
  readonly #here: ApplicationPerson;
  readonly #outlook: OutlookPerson;
  readonly #crowd: Crowd;
  readonly #invitee: Invitee;
  readonly #moving: MovingPerson;
  readonly #reverting: RevertingPerson;

  constructor(parts: DeedParts) {
    this.#parts = parts;
    this.#here = new ApplicationPerson(parts);
    this.#outlook = new OutlookPerson(parts);
    this.#crowd = new Crowd(parts);
    this.#invitee = new Invitee(parts);
    this.#moving = new MovingPerson(parts);
    this.#reverting = new RevertingPerson(parts);
  }

  async do(step: Step): Promise<void> {
    const { story } = this.#parts;
    const words = new Words(step.id, new Chance(step.draw));
    const { mails } = this.#parts;
    mails.bySomeRequest();
    const doing = this.#actOf(step.kind)(words);
    // People in Outlook act at once; what comes later in this comes of the service.
    mails.byAPerson();
    const done = await doing;
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
    crowd: (words) => this.#crowd.gather(words),
    'app-delete-many': (words) => this.#crowd.deleteHere(words),
    'outlook-delete-many': (words) => this.#crowd.deleteInOutlook(words),
    'confirm-deletions': () => this.#crowd.confirmLast(),
    'put-back': (words) => this.#crowd.putBack(words),
    'app-invite': (words) => this.#here.invite(words),
    'outlook-invite': (words) => this.#outlook.invite(words),
    'outlook-save-old': (words) => this.#outlook.saveOld(words),
    'app-answer': (words) => this.#invitee.answerHere(words),
    'outlook-answer': (words) => this.#invitee.answerInOutlook(words),
    'app-attach': (words) => this.#parts.files.hangHere(words),
    'app-detach': (words) => this.#parts.files.takeOffHere(words),
    'outlook-attach': (words) => this.#parts.files.hangInOutlook(words),
    'outlook-detach': (words) => this.#parts.files.takeOffInOutlook(words),
    strategy: (words) => this.#parts.settings.chooseStrategy(words),
    window: (words) => this.#parts.settings.chooseWindow(words),
    direction: (words) => this.#parts.settings.chooseDirection(words),
    notify: (words) => this.#parts.settings.choosePolicy(words),
    'sign-in-dies': () => {
      this.#parts.desk.revoke();
      return 'the user is signed out everywhere';
    },
    'sign-in-again': async () => {
      const isIn = await this.#parts.desk.signIn(this.#parts.api, this.#parts.userId);
      return isIn ? 'the user signs in again' : 'the user is told to come again';
    },
    'days-pass': ({ chance }) => {
      const days = 1 + chance.below(MOST_DAYS);
      this.#parts.time.advance(days * 24 * HOUR_MS);
      return `${days} days`;
    },
    'expire-tokens': () => {
      this.#parts.simulator.expireDeltaTokens();
      return 'every delta link is dead';
    },
    'restore-mailbox': () => {
      const { calendars, crew, ledger } = this.#parts;
      for (const { calendar, content } of calendars.all().values()) {
        const event = ledger.eventOf(content.subject);
        // A run that is past its pull sends a deletion to the old id, meets a 404, and takes it for done.
        if (crew.hasBegun && event?.deletedOn.has('here')) event.mayReturn = true;
        // Under a new id, in a calendar nobody reads, an event cannot be told from one that is gone.
        if (calendar === 'Private' && event) event.mayBeSeveral = true;
      }
      ledger.hasOldWord = true;
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
      if (kind === 'stale-read') this.#parts.ledger.hasOldWord = true;
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
}
