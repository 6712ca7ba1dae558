import type { DateTimeTimeZone, PatternedRecurrence } from '../../src/core/event.ts';
import type { EventInput } from '../../src/core/event-input.ts';
import type { Chance } from './chance.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const FIRST_DAY_MS = Date.parse('2026-03-03T00:00:00Z');
const DAYS = 50;
const FIRST_HOUR = 6;
/** Where the starts of moved occurrences are, so that they are no start of a whole event. */
const OCCURRENCE_HOUR = 14;
/** Starts are in the first half of an hour, ends in the second. */
const STARTS_OF_AN_HOUR = 30;
/** Words one step may draw. */
const WORDS_OF_A_STEP = 8;

/** Of a crowd's events, all later in their day than any others. */
const CROWD_HOUR = 18;
const MOST_OF_A_CROWD = 60;

export interface Times {
  readonly start: DateTimeTimeZone;
  readonly end: DateTimeTimeZone;
}

export interface CrowdEvent extends Times {
  readonly subject: string;
  /** Its own among those of the step. */
  readonly words: readonly string[];
}

/** Words and times of one step: the same whatever else happens in the history. */
export class Words {
  readonly step: number;
  readonly chance: Chance;
  readonly drawn: string[] = [];
  #count = 0;

  constructor(step: number, chance: Chance) {
    this.step = step;
    this.chance = chance;
  }

  word(): string {
    const word = `w${this.step}x${this.#next()}`;
    this.drawn.push(word);
    return word;
  }

  subject(): { subject: string } {
    return { subject: `Subject ${this.word()}` };
  }

  /** A start no other event has, and an end half an hour later. */
  times(): Times {
    const slot = this.step * WORDS_OF_A_STEP + this.#next();
    const [day, nth] = [slot % DAYS, Math.floor(slot / DAYS)];
    const hour = FIRST_HOUR + Math.floor(nth / STARTS_OF_AN_HOUR);
    return this.#timesAt(FIRST_DAY_MS + day * DAY_MS + (hour * 60 + (nth % STARTS_OF_AN_HOUR)) * MINUTE_MS);
  }

  /** Many events at once, told apart by subject and start. */
  crowd(count: number): CrowdEvent[] {
    if (count > MOST_OF_A_CROWD) throw new RangeError('so many events have no starts of their own');
    return Array.from({ length: count }, (_, at) => {
      const slot = this.step * MOST_OF_A_CROWD + at;
      const [day, nth] = [slot % DAYS, Math.floor(slot / DAYS)];
      const minute = (CROWD_HOUR + Math.floor(nth / STARTS_OF_AN_HOUR)) * 60 + (nth % STARTS_OF_AN_HOUR);
      const times = this.#timesAt(FIRST_DAY_MS + day * DAY_MS + minute * MINUTE_MS);
      const word = `w${this.step}x${WORDS_OF_A_STEP + at}`;
      return { ...times, subject: `Subject ${word}`, words: [word, times.start.dateTime.slice(0, 16)] };
    });
  }

  /** Another time of the same day. */
  timesOn(date: string): Times {
    const hour = OCCURRENCE_HOUR + Math.floor(this.step / STARTS_OF_AN_HOUR);
    return this.#timesAt(Date.parse(`${date}T00:00:00Z`) + (hour * 60 + (this.step % STARTS_OF_AN_HOUR)) * MINUTE_MS);
  }

  /** A rule for an event that starts then. */
  rule(start: DateTimeTimeZone): PatternedRecurrence {
    const startDate = start.dateTime.slice(0, 10);
    const numberOfOccurrences = 3 + this.chance.below(4);
    const range = this.chance.isLucky(0.7)
      ? { type: 'numbered' as const, startDate, numberOfOccurrences }
      : { type: 'endDate' as const, startDate, endDate: dayAfter(startDate, numberOfOccurrences) };
    return { pattern: { type: 'daily', interval: 1 + this.chance.below(2) }, range };
  }

  /** Fields of a new event, each with a word of its own. */
  fields(): EventInput & Times {
    return {
      ...this.subject(),
      location: { displayName: `Room ${this.word()}` },
      body: { contentType: 'html', content: `<p>Notes ${this.word()}</p>` },
      ...this.times(),
      categories: [this.word()],
    };
  }

  /** Some of the fields of an event that is there. */
  changes(before: { readonly categories: readonly string[] }, o: { isSeries?: boolean } = {}): EventInput {
    const { chance } = this;
    const fields: EventInput = {
      ...(chance.isLucky(0.5) ? this.subject() : {}),
      ...(chance.isLucky(0.3) ? { location: { displayName: `Room ${this.word()}` } } : {}),
      ...(chance.isLucky(0.3) ? { body: { contentType: 'html', content: `<p>Notes ${this.word()}</p>` } } : {}),
      ...(!o.isSeries && chance.isLucky(0.4) ? this.times() : {}),
      ...(chance.isLucky(0.3) ? { categories: this.#categories(before.categories) } : {}),
      ...(chance.isLucky(0.1) ? { sensitivity: chance.pick(['normal', 'private', 'confidential'] as const) } : {}),
      ...(chance.isLucky(0.1) ? { importance: chance.pick(['low', 'normal', 'high'] as const) } : {}),
      ...(chance.isLucky(0.15) ? { isReminderOn: true, reminderMinutesBeforeStart: chance.pick([5, 30, 60]) } : {}),
      ...(chance.isLucky(0.2) ? { showAs: chance.pick(['free', 'busy', 'tentative', 'oof'] as const) } : {}),
    };
    return Object.keys(fields).length === 0 ? this.subject() : fields;
  }

  guest(): { emailAddress: { name: string; address: string } } {
    const word = this.word();
    return { emailAddress: { name: word, address: `${word}@guests.example` } };
  }

  #categories(before: readonly string[]): string[] {
    const kept = before.filter(() => !this.chance.isLucky(0.3));
    return kept.length < before.length && this.chance.isLucky(0.5) ? kept : [...kept, this.word()];
  }

  #timesAt(startMs: number): Times {
    const at = (ms: number) => ({ dateTime: new Date(ms).toISOString().slice(0, 19), timeZone: 'UTC' });
    this.drawn.push(at(startMs).dateTime.slice(0, 16));
    return { start: at(startMs), end: at(startMs + STARTS_OF_AN_HOUR * MINUTE_MS) };
  }

  #next(): number {
    this.#count += 1;
    if (this.#count >= WORDS_OF_A_STEP) throw new RangeError('a step draws few words');
    return this.#count;
  }
}

export function dayAfter(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}
