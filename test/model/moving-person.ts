import type { UserId } from '../../src/core/ids.ts';
import type { SimulatedMailbox } from '../../src/simulator/index.ts';
import { type Done, pickBySubject } from './application-person.ts';
import type { CalendarName, Calendars } from './calendars.ts';
import type { Engine } from './engine.ts';
import type { Ledger } from './ledger.ts';
import type { Words } from './words.ts';

/** Somebody in Outlook who drags events from one calendar into another; the application knows no such move. */
export class MovingPerson {
  readonly #engine: Engine;
  readonly #userId: UserId;
  readonly #mailbox: SimulatedMailbox;
  readonly #ledger: Ledger;
  readonly #calendars: Calendars;
  #isTeamOn = true;

  constructor(parts: {
    api: Engine;
    userId: UserId;
    mailbox: SimulatedMailbox;
    ledger: Ledger;
    calendars: Calendars;
  }) {
    this.#engine = parts.api;
    this.#userId = parts.userId;
    this.#mailbox = parts.mailbox;
    this.#ledger = parts.ledger;
    this.#calendars = parts.calendars;
  }

  move({ chance }: Words): Done {
    const [place, isComingBack] = [chance.next(), chance.isLucky(0.15)];
    const found = pickBySubject([...this.#calendars.all()], place, ([, { content }]) => content.subject);
    const event = found && this.#ledger.eventOf(found[1].content.subject);
    if (!found || !event) return undefined;
    const [id, { calendar }] = found;
    const target = chance.pick(this.#calendars.names.filter((name) => name !== calendar));
    event.wasMoved = true;
    this.#moveTo(id, target);
    if (isComingBack) this.#moveTo(id, calendar);
    return `moves event ${event.number} from ${calendar} to ${target}${isComingBack ? ' and back' : ''}`;
  }

  /** The user has the second calendar synced no longer, or again. */
  async switchTeam(): Promise<Done> {
    this.#isTeamOn = !this.#isTeamOn;
    await this.#calendars.switch(this.#engine, this.#userId, 'Team', this.#isTeamOn);
    return this.#isTeamOn ? 'Team is synced again' : 'Team is synced no longer';
  }

  #moveTo(id: string, name: CalendarName): void {
    this.#mailbox.moveEvent(id, this.#calendars.idThere(name));
  }
}
