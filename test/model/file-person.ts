import { sql } from 'kysely';
import { isSyncError } from '../../src/core/errors.ts';
import type { UserId } from '../../src/core/ids.ts';
import type { SimulatedMailbox } from '../../src/simulator/index.ts';
import { inScopeOf } from '../../src/store/row-scope.ts';
import { type Done, pickBySubject } from './application-person.ts';
import type { Calendars } from './calendars.ts';
import type { Engine } from './engine.ts';
import type { Ledger, Tracked } from './ledger.ts';
import type { Violation } from './oracle.ts';
import type { Words } from './words.ts';

interface HungFile {
  readonly name: string;
  readonly event: Tracked;
  /** Somebody took it off. */
  isGone: boolean;
}

const sorted = (names: readonly string[]): string => names.toSorted().join(', ');

/** Somebody who hangs files on events, here and in Outlook, and takes them off; each file has a name of its own. */
export class FilePerson {
  readonly #engine: Engine;
  readonly #userId: UserId;
  readonly #mailbox: SimulatedMailbox;
  readonly #ledger: Ledger;
  readonly #calendars: Calendars;
  readonly #files = new Map<string, HungFile>();

  constructor(parts: { api: Engine; userId: UserId; mailbox: SimulatedMailbox; ledger: Ledger; calendars: Calendars }) {
    this.#engine = parts.api;
    this.#userId = parts.userId;
    this.#mailbox = parts.mailbox;
    this.#ledger = parts.ledger;
    this.#calendars = parts.calendars;
  }

  async hangHere(words: Words): Promise<Done> {
    const name = `${words.word()}.txt`;
    const content = new TextEncoder().encode(`content of ${name}`);
    return this.#onOneHere(words, async (id, event) => {
      const { attachmentService } = this.#engine.services;
      await attachmentService.add(this.#userId, id, { name, contentType: 'text/plain', content });
      this.#files.set(name, { name, event, isGone: false });
      return `hangs ${name} on event ${event.number}`;
    });
  }

  async takeOffHere(words: Words): Promise<Done> {
    const nth = words.chance.next();
    return this.#onOneHere(words, async (id, event) => {
      const { attachmentService } = this.#engine.services;
      const { items } = await attachmentService.list(this.#userId, id);
      const file = pickBySubject(items, nth, ({ name }) => name);
      if (!file) return undefined;
      await attachmentService.remove(this.#userId, id, file.id);
      this.#tookOff(file.name);
      return `takes ${file.name} off event ${event.number}`;
    });
  }

  hangInOutlook(words: Words): Done {
    const name = `${words.word()}.txt`;
    const found = this.#oneThere(words);
    if (!found) return undefined;
    this.#mailbox.attachFile(found.id, { name, content: `content of ${name}`, contentType: 'text/plain' });
    this.#files.set(name, { name, event: found.event, isGone: false });
    return `hangs ${name} on event ${found.event.number}`;
  }

  takeOffInOutlook(words: Words): Done {
    const nth = words.chance.next();
    const found = this.#oneThere(words);
    const file = found && pickBySubject(this.#mailbox.attachments(found.id), nth, ({ name }) => name);
    if (!found || !file) return undefined;
    this.#mailbox.detachFile(found.id, file.name);
    this.#tookOff(file.name);
    return `takes ${file.name} off event ${found.event.number}`;
  }

  /** Graph broke down over one of them, or a list of one of its servers was not believed: what waits is looked at again later. */
  async areSomeWaiting(): Promise<boolean> {
    if (this.#files.size === 0) return false;
    const { db, store } = this.#engine;
    const events = await store.events.listWindow(db, this.#userId, { limit: 1000 });
    const ids = events.map(({ event }) => event.id);
    const listed = await store.attachments.listOf(db, this.#userId, ids);
    return listed.some(({ state, isHeld }) => state !== 'synced' && !isHeld) || (await this.#isSomeListAwaited());
  }

  #isSomeListAwaited(): Promise<boolean> {
    return inScopeOf(this.#userId, async () => {
      const { rows } = await sql<{ isSome: boolean }>`
        select exists (
          select 1 from "AttachmentMark"
          where "userId" = ${this.#userId} and "retryAt" is not null and "seenEtag" is distinct from etag
        ) as "isSome"
      `.execute(this.#engine.db.kysely);
      return rows[0]?.isSome === true;
    });
  }

  /** Files of events that stand on both sides and were never deleted: of others none is promised to come back. */
  async judge(): Promise<Violation[]> {
    if (this.#files.size === 0) return [];
    const { db, store, services } = this.#engine;
    const violations: Violation[] = [];
    for (const { event: stored } of await store.events.listWindow(db, this.#userId, { limit: 1000 })) {
      const event = this.#ledger.eventOf(stored.content.subject);
      const { graphEventId } = stored;
      if (!event || event.mayBeSeveral || event.wasDeleted || graphEventId === undefined) continue;
      if (!this.#mailbox.getEvent(graphEventId)) continue;
      const listed = await inScopeOf(this.#userId, () => services.attachmentService.list(this.#userId, stored.id));
      const here = listed.items.map(({ name }) => name);
      const there = this.#mailbox.attachments(graphEventId).map(({ name }) => name);
      const wanted = [...this.#files.values()].filter((file) => file.event === event && !file.isGone);
      const what = `event ${event.number} has ${sorted(here)} here and ${sorted(there)} in Outlook`;
      const isHeld = listed.items.some(({ syncState }) => syncState === 'held');
      if (sorted(here) !== sorted(there) && !isHeld) violations.push({ kind: 'unequal', what });
      if (new Set(here).size < here.length || new Set(there).size < there.length) {
        violations.push({ kind: 'doubled', what });
      }
      for (const { name } of wanted) {
        if (!here.includes(name) && !there.includes(name)) violations.push({ kind: 'lost', what: `${name}: ${what}` });
      }
    }
    return violations;
  }

  #tookOff(name: string): void {
    const file = this.#files.get(name);
    if (file) file.isGone = true;
  }

  #oneThere({ chance }: Words): { id: string; event: Tracked } | undefined {
    const all = [...this.#calendars.all()].filter(([, { content }]) => this.#isOurs(content.subject));
    const [id, placed] = pickBySubject(all, chance.next(), ([, { content }]) => content.subject) ?? [];
    const event = placed && this.#ledger.eventOf(placed.content.subject);
    return id !== undefined && event ? { id, event } : undefined;
  }

  async #onOneHere({ chance }: Words, act: (id: string, event: Tracked) => Promise<Done>): Promise<Done> {
    const place = chance.next();
    return inScopeOf(this.#userId, async () => {
      const { items } = await this.#engine.services.eventService.list(this.#userId, { limit: 200 });
      const ours = items.filter(({ subject }) => this.#isOurs(subject));
      const view = pickBySubject(ours, place, ({ subject }) => subject);
      const event = view && this.#ledger.eventOf(view.subject);
      if (!view || !event) return undefined;
      try {
        return await act(view.id, event);
      } catch (error) {
        const isLate = isSyncError(error, 'not-found') || isSyncError(error, 'conflict-state');
        if (!isLate) throw error;
        return `is told that event ${event.number} has no room for it`;
      }
    });
  }

  #isOurs(subject: string): boolean {
    return this.#ledger.eventOf(subject)?.isForeign === false;
  }
}
