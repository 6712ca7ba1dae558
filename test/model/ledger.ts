import type { EventView } from '../../src/sync/event.service.ts';

export type Side = 'here' | 'outlook';

/** A value a person wrote, told apart from every other by a word that stands nowhere else. */
export interface Written {
  readonly word: string;
  readonly event: number;
  readonly side: Side;
  readonly step: number;
  /** Somebody who saw it wrote something else in its place, or took it away. */
  isOverwritten: boolean;
  /** The side on which it went with its event, and not because anybody wrote something else. */
  wentOn?: Side | undefined;
}

/** One event as people see it, however many copies of it there are. */
export interface Tracked {
  readonly number: number;
  readonly bornOn: Side;
  /** Sides on which a person deleted it. */
  readonly deletedOn: Set<Side>;
  /** Once, by a person, whether it came back or not. */
  wasDeleted: boolean;
  /** Somebody else's, declined here: it leaves the calendar with whatever stands in it by then. */
  isDeclined: boolean;
  /** From one calendar to another, in Outlook. */
  wasMoved: boolean;
  /** A person made several of it: a series was split. */
  mayBeSeveral: boolean;
  /** Somebody else organizes it: an edit made here may be held. */
  isForeign: boolean;
  /**
   * Its mailbox came back from a backup, with the event in it, while a run was about to delete it there; or it was deleted
   * here, and put back in Outlook.
   */
  mayReturn: boolean;
}

/** Words, and starts by the minute: ends are later in their hour than any start. */
const WORDS = /\bw\d+x\d+\b|\b\d{4}-\d\d-\d\dT\d\d:\d\d/g;

/** Everything any person wrote, and whether it may be gone by now. */
export class Ledger {
  readonly #written = new Map<string, Written>();
  readonly events: Tracked[] = [];
  /** A late server, or a mailbox that came back with other ids, may have told of what is not so any more. */
  hasOldWord = false;

  newEvent(bornOn: Side): Tracked {
    const event = {
      number: this.events.length,
      bornOn,
      deletedOn: new Set<Side>(),
      ...{ wasDeleted: false, isDeclined: false, wasMoved: false },
      mayBeSeveral: false,
      mayReturn: false,
      isForeign: false,
    };
    this.events.push(event);
    return event;
  }

  get written(): readonly Written[] {
    return [...this.#written.values()];
  }

  /** The words among all those ever written that stand in a text. */
  wordsIn(value: unknown): Set<string> {
    const found = JSON.stringify(value)?.match(WORDS) ?? [];
    return new Set(found.filter((word) => this.#written.has(word)));
  }

  /** A person wrote: what stood there before and does not any more was overwritten by somebody who saw it. */
  wrote(by: {
    event: Tracked;
    side: Side;
    step: number;
    words: readonly string[];
    before: ReadonlySet<string>;
    after: unknown;
  }): void {
    for (const word of by.words) {
      if (this.#written.has(word)) throw new Error(`${word} was written twice`);
      this.#written.set(word, { word, event: by.event.number, side: by.side, step: by.step, isOverwritten: false });
    }
    this.saw(by.before, by.after);
  }

  /** A person acted knowing `before`, and `after` is what came of it. */
  saw(before: ReadonlySet<string>, after: unknown): void {
    const left = this.wordsIn(after);
    for (const word of before) {
      const written = this.#written.get(word);
      if (!written || left.has(word)) continue;
      written.isOverwritten = true;
      written.wentOn = undefined;
    }
  }

  /** A person deleted the event, knowing what stood in it. */
  deleted(event: Tracked, side: Side, content: unknown): void {
    event.deletedOn.add(side);
    event.wasDeleted = true;
    for (const word of this.wordsIn(content)) {
      const written = this.#written.get(word);
      if (!written || written.isOverwritten) continue;
      written.isOverwritten = true;
      written.wentOn = side;
    }
  }

  /** What went with the event stands again, but for what somebody has replaced since. */
  putBack(event: Tracked, side: Side, content: unknown): void {
    event.deletedOn.delete(side);
    for (const word of this.wordsIn(content)) {
      const written = this.#written.get(word);
      if (written?.wentOn !== side) continue;
      written.isOverwritten = false;
      written.wentOn = undefined;
    }
  }

  /** A person knowing `before` brought back what stood there earlier: that stands for them now, whoever replaced it. */
  broughtBack(before: ReadonlySet<string>, after: unknown): void {
    this.saw(before, after);
    for (const word of this.wordsIn(after)) {
      const written = this.#written.get(word);
      if (written && !before.has(word)) written.isOverwritten = false;
    }
  }

  /** Which event a content is a copy of; by its subject, which always carries a word. */
  eventOf(subject: string): Tracked | undefined {
    const [word] = this.wordsIn(subject);
    const written = word === undefined ? undefined : this.#written.get(word);
    return written && this.events[written.event];
  }
}

/** What of an event's view a person writes: the service's own instants are no words. */
export function writtenIn(view: EventView): unknown {
  const { subject, body, start, end, locations, attendees, categories, recurrence } = view;
  const exceptions = view.exceptionOccurrences?.map(writtenIn);
  return [subject, body, start, end, locations, attendees, categories, recurrence, exceptions];
}
