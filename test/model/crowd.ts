import { sql } from 'kysely';
import { isSyncError } from '../../src/core/errors.ts';
import type { EventId, UserId } from '../../src/core/ids.ts';
import { GraphError, type SimulatedMailbox } from '../../src/simulator/index.ts';
import { inScopeOf } from '../../src/store/row-scope.ts';
import type { Done } from './application-person.ts';
import type { Calendars } from './calendars.ts';
import type { Engine } from './engine.ts';
import type { Ledger, Tracked } from './ledger.ts';
import type { CrowdEvent, Words } from './words.ts';

const FEWEST = 30;
const MOST = 45;
const MANY = 1000;
/** Up to all of them: the brake's own limits lie in between. */
const SHARES = [0.4, 0.7, 1];

/** Calendars with many events, and what befalls many of them at once. */
export class Crowd {
  readonly #engine: Engine;
  readonly #userId: UserId;
  readonly #mailbox: SimulatedMailbox;
  readonly #ledger: Ledger;
  readonly #calendars: Calendars;

  constructor(parts: { api: Engine; userId: UserId; mailbox: SimulatedMailbox; ledger: Ledger; calendars: Calendars }) {
    this.#engine = parts.api;
    this.#userId = parts.userId;
    this.#mailbox = parts.mailbox;
    this.#ledger = parts.ledger;
    this.#calendars = parts.calendars;
  }

  async gather(words: Words): Promise<Done> {
    const isHere = words.chance.isLucky(0.5);
    const events = words.crowd(FEWEST + words.chance.below(MOST - FEWEST));
    if (isHere) {
      const { created } = await inScopeOf(this.#userId, () =>
        this.#engine.services.eventService.importIcs(this.#userId, fileOf(words.step, events)),
      );
      if (created !== events.length) throw new Error(`a file with ${events.length} events made ${created}`);
    } else this.#mailbox.createEvents(events.map(({ subject, start, end }) => ({ subject, start, end })));
    const side = isHere ? 'here' : 'outlook';
    for (const { subject, start, words: own } of events) {
      const event = this.#ledger.newEvent(side);
      const after = [subject, start];
      this.#ledger.wrote({ event, side, step: words.step, words: own, before: new Set(), after });
    }
    return `${events.length} events ${isHere ? 'are imported' : 'are made in Outlook'}`;
  }

  /** By hand, one after the other, or by a program with one statement. */
  async deleteHere({ chance }: Words): Promise<Done> {
    const [share, isPlain] = [chance.pick(SHARES), chance.isLucky(0.5)];
    const { db, store } = this.#engine;
    return db.transaction(async (tx) => {
      const listed = await store.events.listWindow(tx, this.#userId, { limit: MANY });
      const chosen = this.#chosen(listed, share, ({ event }) => event.content.subject).map(({ event }) => event.id);
      const locked = [...(await store.events.lockMany(tx, this.#userId, chosen)).values()];
      if (locked.length === 0) return undefined;
      const ids = locked.map(({ id }) => id);
      if (isPlain) {
        await sql`
          delete from "CalendarEvent" where id = any(${ids}::text[]) and "userId" = ${this.#userId}
        `.execute(tx.kysely);
      } else await store.events.deleteMany(tx, this.#userId, ids as EventId[], this.#engine.process.clock.now());
      for (const { content } of locked) this.#deleted(content, content.subject, 'here');
      return `${locked.length} events are deleted${isPlain ? ' by SQL' : ''}`;
    });
  }

  deleteInOutlook({ chance }: Words): Done {
    const chosen = this.#chosen([...this.#calendars.all()], chance.pick(SHARES), ([, { content }]) => content.subject);
    for (const [id, { content }] of chosen) {
      this.#mailbox.deleteEvent(id);
      this.#deleted(content, content.subject, 'outlook');
    }
    return chosen.length > 0 ? `${chosen.length} events are deleted` : undefined;
  }

  /** A person is asked about a run that was stopped, and means it. */
  async confirmLast(): Promise<Done> {
    const { db, store } = this.#engine;
    const { items } = await store.runs.list(db, { userId: this.#userId, status: 'FAILED', limit: MANY, offset: 0 });
    const last = items
      .filter(({ confirmationToken }) => confirmationToken !== undefined)
      .toSorted((a, b) => (b.completedAt?.getTime() ?? 0) - (a.completedAt?.getTime() ?? 0))[0];
    return last?.confirmationToken === undefined ? undefined : this.confirm(last.confirmationToken);
  }

  async confirm(confirmDeletions: string): Promise<Done> {
    const { runService } = this.#engine.services;
    try {
      await inScopeOf(this.#userId, () => runService.start(this.#userId, { confirmDeletions }));
    } catch (error) {
      if (!isSyncError(error, 'reauth-required')) throw error;
      return 'is told to sign in again';
    }
    return `confirms what run ${confirmDeletions.slice(0, 8)} would have deleted`;
  }

  /** Somebody takes some of what was deleted in Outlook out of Deleted Items again. */
  async putBack({ chance }: Words): Promise<Done> {
    const share = chance.pick(SHARES);
    const { db, store } = this.#engine;
    const here = await store.events.listWindow(db, this.#userId, { limit: MANY });
    const calendarIds = [...(await this.#calendars.idsHere(this.#engine, this.#userId)).values()];
    const gone = await Promise.all(calendarIds.map((calendarId) => store.bases.listGone(db, this.#userId, calendarId)));
    const toBeMade = new Set(gone.flat().flatMap(({ eventId, isChanged }) => (isChanged ? [eventId] : [])));
    const standing = new Set([
      ...[...this.#calendars.all().values()].map(({ content }) => this.#ledger.eventOf(content.subject)),
      // Made there anew in the meantime, or about to be, it would be there twice by the person's own doing.
      ...here
        .filter(({ event }) => event.graphEventId === undefined || toBeMade.has(event.id))
        .map(({ event }) => this.#ledger.eventOf(event.content.subject)),
    ]);
    const deleted = this.#mailbox.deletedEvents().flatMap((wire) => {
      const event = this.#ledger.eventOf(String(wire.subject));
      return event && !standing.has(event) && wire.id ? [{ id: wire.id, subject: String(wire.subject), event }] : [];
    });
    const latest = [...new Map(deleted.map((each) => [each.event, each])).values()];
    const chosen = this.#chosenWith(chance.next(), latest, share);
    const back = chosen.filter(({ id, event }) => {
      try {
        this.#mailbox.restoreEvent(id);
      } catch (error) {
        if (error instanceof GraphError) return false;
        throw error;
      }
      // Deleted here as well, before or after, it goes again or stays, by which of the two a run hears of first.
      const isDeletedHere = event.deletedOn.has('here');
      event.mayReturn = true;
      if (!isDeletedHere) this.#ledger.putBack(event, 'outlook', this.#calendars.all().get(id)?.content);
      return true;
    });
    return back.length > 0 ? `puts ${back.map(({ event }) => event.number).join(', ')} back` : undefined;
  }

  #deleted(content: unknown, subject: string, side: 'here' | 'outlook'): void {
    const event = this.#ledger.eventOf(subject);
    if (event) this.#ledger.deleted(event, side, content);
  }

  /** The first of them by their subjects, those nobody here knows left out. */
  #chosen<T>(all: readonly T[], share: number, subjectOf: (of: T) => string): T[] {
    const known = all.filter((each): boolean => this.#ledger.eventOf(subjectOf(each)) !== undefined);
    const sorted = known.toSorted((a, b) => (subjectOf(a) < subjectOf(b) ? -1 : 1));
    return sorted.slice(0, Math.ceil(sorted.length * share));
  }

  #chosenWith<T extends { readonly event: Tracked }>(place: number, all: readonly T[], share: number): T[] {
    const sorted = all.toSorted((a, b) => a.event.number - b.event.number);
    const from = Math.floor(place * sorted.length * (1 - share));
    return sorted.slice(from, from + Math.ceil(sorted.length * share));
  }
}

function fileOf(step: number, events: readonly CrowdEvent[]): string {
  const stamp = (at: { dateTime: string }) => `${at.dateTime.replace(/[-:]/g, '')}Z`;
  const lines = events.flatMap(({ subject, start, end }, at) => [
    ...['BEGIN:VEVENT', `UID:crowd-${step}-${at}@example.com`, 'DTSTAMP:20260101T000000Z', `SUMMARY:${subject}`],
    ...[`DTSTART:${stamp(start)}`, `DTEND:${stamp(end)}`, 'END:VEVENT'],
  ]);
  return ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//Example//Model//EN', ...lines, 'END:VCALENDAR', ''].join('\r\n');
}
