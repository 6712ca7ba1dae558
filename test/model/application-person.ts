import { sql } from 'kysely';
import { isSyncError } from '../../src/core/errors.ts';
import type { EventId, UserId } from '../../src/core/ids.ts';
import type { Tx } from '../../src/store/db.ts';
import { inScopeOf } from '../../src/store/row-scope.ts';
import type { EventView } from '../../src/sync/event.service.ts';
import type { Calendars } from './calendars.ts';
import type { Engine } from './engine.ts';
import { type Ledger, type Tracked, writtenIn } from './ledger.ts';
import type { Words } from './words.ts';

/** What a person did, for the script; `undefined` when there was nothing to do it to. */
export type Done = string | undefined;

/** Somebody else is faster now and then; a person looks again. */
const MAX_TRIES = 5;
const MONTHS = { start: '2026-02-01T00:00:00Z', end: '2026-12-31T00:00:00Z' };
const RESOLUTIONS = ['PREFER_LOCAL', 'PREFER_REMOTE', 'PREFER_LATEST', 'MERGE', 'MANUAL'];

/** Somebody who works in the application: reads an event, and writes it with the tag of what they read. */
export class ApplicationPerson {
  readonly #engine: Engine;
  readonly #userId: UserId;
  readonly #ledger: Ledger;
  readonly #calendars: Calendars;

  constructor(parts: { api: Engine; userId: UserId; ledger: Ledger; calendars: Calendars }) {
    this.#engine = parts.api;
    this.#userId = parts.userId;
    this.#ledger = parts.ledger;
    this.#calendars = parts.calendars;
  }

  get #events() {
    return this.#engine.services.eventService;
  }

  async create(words: Words, o: { isSeries?: boolean } = {}): Promise<Done> {
    const fields = words.fields();
    const input = o.isSeries ? { ...fields, recurrence: words.rule(fields.start) } : fields;
    const where = await this.#where(words);
    const { event: view } = await this.#asUser(() => this.#events.create(this.#userId, { ...input, ...where }));
    const event = this.#ledger.newEvent('here');
    this.#wrote(event, words, new Set(), view);
    return `creates event ${event.number} ${JSON.stringify(input)}`;
  }

  async #where({ chance }: Words): Promise<{ calendarId?: string }> {
    if (!this.#calendars.areSeveral) return {};
    const calendarId = (await this.#calendars.idsHere(this.#engine, this.#userId)).get(
      this.#calendars.pick(chance, this.#calendars.synced),
    );
    return calendarId === undefined ? {} : { calendarId };
  }

  async edit(words: Words): Promise<Done> {
    let input: object | undefined;
    return this.#onOne(words, undefined, async (view, event) => {
      input ??= words.changes(view, { isSeries: view.recurrence !== null && words.chance.isLucky(0.7) });
      return this.#update(words, view, event, input);
    });
  }

  /** Asks somebody else to come. */
  async invite(words: Words): Promise<Done> {
    const guest = words.guest();
    return this.#onOne(
      words,
      ({ subject }) => this.#ledger.eventOf(subject)?.isForeign === false,
      (view, event) => this.#update(words, view, event, { attendees: [...view.attendees, guest] }),
    );
  }

  /** Makes a series of an event, another of a series, or a single event of it. */
  async changeRule(words: Words): Promise<Done> {
    const isEnding = words.chance.isLucky(0.25);
    return this.#onOne(words, undefined, async (view, event) => {
      const recurrence = view.recurrence && isEnding ? null : words.rule(view.start);
      return this.#update(words, view, event, { recurrence });
    });
  }

  async delete(words: Words): Promise<Done> {
    return this.#onOne(words, undefined, async (view, event) => {
      await this.#events.delete(this.#userId, view.id, { ifMatch: view.etag });
      this.#ledger.deleted(event, 'here', writtenIn(view));
      return `deletes event ${event.number}`;
    });
  }

  async editOccurrence(words: Words): Promise<Done> {
    const isMoving = words.chance.isLucky(0.3);
    let input: object | undefined;
    return this.#onOneDate(words, async (view, event, master) => {
      input ??= isMoving ? words.timesOn(dateIn(view)) : words.subject();
      const before = this.#ledger.wordsIn(writtenIn(master));
      await this.#events.update(this.#userId, view.id, input, { ifMatch: view.etag });
      const after = await this.#events.get(this.#userId, master.id).catch(() => master);
      this.#wrote(event, words, before, after);
      return `edits ${dateIn(view)} of event ${event.number} ${JSON.stringify(input)}`;
    });
  }

  async deleteOccurrence(words: Words): Promise<Done> {
    return this.#onOneDate(words, async (view, event, master) => {
      const gone = this.#ledger.wordsIn(writtenIn(view));
      const kept = this.#ledger.wordsIn(writtenIn({ ...master, exceptionOccurrences: [] }));
      await this.#events.delete(this.#userId, view.id, { ifMatch: view.etag });
      this.#ledger.saw(gone, [...kept]);
      return `cancels ${dateIn(view)} of event ${event.number}`;
    });
  }

  /** Decides a conflict that waits. */
  async resolve(words: Words): Promise<Done> {
    const { conflicts } = this.#engine.services;
    const { items } = await this.#asUser(() =>
      conflicts.list(this.#userId, { status: 'pending', limit: 100, offset: 0 }),
    );
    const sorted = items.toSorted(byText(({ id }) => id));
    const [place, resolution] = [words.chance.next(), words.chance.pick(RESOLUTIONS)];
    const conflict = sorted[Math.floor(place * sorted.length)];
    const content = conflict?.local ?? conflict?.remote;
    const event = content && this.#ledger.eventOf(content.subject);
    if (!conflict || !event) return undefined;
    const isManual = resolution === 'MANUAL';
    try {
      const resolvedData = isManual ? { event: words.subject() } : undefined;
      await this.#asUser(() => conflicts.resolve(this.#userId, conflict.id, { resolution, resolvedData }));
    } catch (error) {
      if (!isSyncError(error, 'conflict-state')) throw error;
      return 'decides a conflict that was decided already';
    }
    // Both sides' own subjects are in the record; the person's is to stand on both.
    if (isManual) this.#ledger.wrote({ ...this.#by(event, words), before: new Set(), after: undefined });
    const fields = conflict.fields.map(({ field }) => field).join(', ');
    return `decides ${conflict.conflictType} of event ${event.number} (${fields}) as ${resolution}`;
  }

  /** The file of another program, with one event. */
  async importFile(words: Words): Promise<Done> {
    const { subject, start, end } = { ...words.subject(), ...words.times() };
    const stamp = (at: { dateTime: string }) => `${at.dateTime.replace(/[-:]/g, '')}Z`;
    const lines = [
      ...['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//Example//Model//EN', 'BEGIN:VEVENT'],
      ...[`UID:file-${words.step}@example.com`, 'DTSTAMP:20260101T000000Z', `SUMMARY:${subject}`],
      ...[`DTSTART:${stamp(start)}`, `DTEND:${stamp(end)}`, 'END:VEVENT', 'END:VCALENDAR', ''],
    ];
    const file = lines.join('\r\n');
    const { created } = await this.#asUser(() => this.#events.importIcs(this.#userId, file));
    if (created !== 1) throw new Error(`a file with one new event made ${created}`);
    const event = this.#ledger.newEvent('here');
    this.#ledger.wrote({ ...this.#by(event, words), before: new Set(), after: [subject, start] });
    // The same file again is nothing new.
    await this.#asUser(() => this.#events.importIcs(this.#userId, file));
    return `imports event ${event.number} “${subject}”`;
  }

  /** Another program on the same database, which knows nothing of us. */
  async writePlainly(words: Words): Promise<Done> {
    const place = words.chance.next();
    const isDeleting = words.chance.isLucky(0.2);
    const { db, store } = this.#engine;
    return db.transaction(async (tx: Tx) => {
      const listed = await store.events.listWindow(tx, this.#userId, { limit: 200 });
      const found = pickBySubject(listed, place, ({ event }) => event.content.subject)?.event;
      if (!found) return undefined;
      const stored = (await store.events.lockMany(tx, this.#userId, [found.id as EventId])).get(found.id);
      const event = stored && this.#ledger.eventOf(stored.content.subject);
      if (!stored || !event) return undefined;
      const before = this.#ledger.wordsIn(stored.content);
      if (isDeleting) {
        await sql`delete from "CalendarEvent" where id = ${stored.id} and "userId" = ${this.#userId}`.execute(
          tx.kysely,
        );
        this.#ledger.deleted(event, 'here', stored.content);
        return `deletes event ${event.number} by SQL`;
      }
      const { subject } = words.subject();
      await sql`
        update "CalendarEvent" set subject = ${subject} where id = ${stored.id} and "userId" = ${this.#userId}
      `.execute(tx.kysely);
      this.#ledger.wrote({ ...this.#by(event, words), before, after: { ...stored.content, subject } });
      return `renames event ${event.number} “${subject}” by SQL`;
    });
  }

  async #update(words: Words, view: EventView, event: Tracked, input: object): Promise<string> {
    const before = this.#ledger.wordsIn(writtenIn(view));
    const after = await this.#events.update(this.#userId, view.id, input, { ifMatch: view.etag });
    this.#wrote(event, words, before, after);
    return `edits event ${event.number} ${JSON.stringify(input)}`;
  }

  #wrote(event: Tracked, words: Words, before: ReadonlySet<string>, after: EventView): void {
    this.#ledger.wrote({ ...this.#by(event, words), before, after: writtenIn(after) });
  }

  #by(event: Tracked, words: Words): { event: Tracked; side: 'here'; step: number; words: readonly string[] } {
    return { event, side: 'here', step: words.step, words: words.drawn };
  }

  async #onOne(
    { chance }: Words,
    wanted: ((view: EventView) => boolean) | undefined,
    act: (view: EventView, event: Tracked) => Promise<Done>,
  ): Promise<Done> {
    const place = chance.next();
    for (let attempt = 1; ; attempt += 1) {
      const { items } = await this.#asUser(() => this.#events.list(this.#userId, { limit: 200 }));
      const view = pickBySubject(wanted ? items.filter(wanted) : items, place, ({ subject }) => subject);
      const event = view && this.#ledger.eventOf(view.subject);
      if (!view || !event) return undefined;
      try {
        return await this.#asUser(() => act(view, event));
      } catch (error) {
        if (isSyncError(error, 'impossible-input')) return `is told that it is impossible: ${error.message}`;
        const isLate = isSyncError(error, 'version-mismatch') || isSyncError(error, 'not-found');
        if (!isLate || attempt >= MAX_TRIES) throw error;
      }
    }
  }

  #onOneDate(
    words: Words,
    act: (view: EventView, event: Tracked, master: EventView) => Promise<string>,
  ): Promise<Done> {
    const nth = words.chance.next();
    return this.#onOne(
      words,
      ({ type }) => type === 'seriesMaster',
      async (master, event) => {
        const { items } = await this.#events.instances(this.#userId, master.id, MONTHS);
        const view = items[Math.floor(nth * items.length)];
        return view && act(view, event, master);
      },
    );
  }

  #asUser<T>(work: () => Promise<T>): Promise<T> {
    return inScopeOf(this.#userId, work);
  }
}

function dateIn({ id }: EventView): string {
  return id.slice(id.lastIndexOf('_') + 1);
}

/** Whoever comes after the same share of the list, in an order that does not hang on ids. */
export function pickBySubject<T>(all: readonly T[], place: number, subjectOf: (of: T) => string): T | undefined {
  return all.toSorted(byText(subjectOf))[Math.floor(place * all.length)];
}

function byText<T>(text: (of: T) => string): (a: T, b: T) => number {
  return (a, b) => (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0);
}
