import type { EventContent } from '../../src/core/event.ts';
import type { CalendarId, UserId } from '../../src/core/ids.ts';
import type { SimulatedMailbox } from '../../src/simulator/index.ts';
import { inScopeOf } from '../../src/store/row-scope.ts';
import { readMailbox } from '../support/read-mailbox.ts';
import type { Chance } from './chance.ts';
import type { Engine } from './engine.ts';

/** The mailbox's own, one more that is synced, and one that never is. */
export type CalendarName = 'Calendar' | 'Team' | 'Private';

export interface Placed {
  readonly calendar: CalendarName;
  readonly content: EventContent;
}

const SHARES: Readonly<Record<CalendarName, number>> = { Calendar: 5, Team: 3, Private: 1 };

/** The calendars of a world, by names that stay when a mailbox comes back with new ids. */
export class Calendars {
  readonly names: readonly CalendarName[];
  readonly #mailbox: SimulatedMailbox;

  constructor(mailbox: SimulatedMailbox, o: { areSeveral: boolean }) {
    this.#mailbox = mailbox;
    this.names = o.areSeveral ? ['Calendar', 'Team', 'Private'] : ['Calendar'];
    for (const name of this.names) if (name !== 'Calendar') mailbox.addCalendar(name);
  }

  get areSeveral(): boolean {
    return this.names.length > 1;
  }

  /** As many questions as a run asks that finds nothing to do. */
  get synced(): readonly CalendarName[] {
    return this.names.filter((name) => name !== 'Private');
  }

  idThere(name: CalendarName): string {
    if (name === 'Calendar') return this.#mailbox.defaultCalendarId;
    const found = this.#mailbox.listCalendars().find((calendar) => calendar.name === name);
    if (!found) throw new Error(`calendar ${name} is gone`);
    return found.id;
  }

  contents(name: CalendarName): Map<string, EventContent> {
    return readMailbox(this.#mailbox, this.idThere(name));
  }

  /** Everything in the mailbox, by id. */
  all(): Map<string, Placed> {
    return new Map(
      this.names.flatMap((calendar) =>
        [...this.contents(calendar)].map(([id, content]): [string, Placed] => [id, { calendar, content }]),
      ),
    );
  }

  /** Where a person makes an event. */
  pick(chance: Chance, among: readonly CalendarName[] = this.names): CalendarName {
    if (among.length < 2) return 'Calendar';
    return chance.weighted(Object.fromEntries(among.map((name) => [name, SHARES[name]]))) as CalendarName;
  }

  async idsHere(engine: Engine, userId: UserId): Promise<Map<CalendarName, CalendarId>> {
    const { items } = await inScopeOf(userId, () => engine.services.calendarService.list(userId));
    const present = items.filter(({ removedAt }) => removedAt === null);
    return new Map(present.map(({ id, name }) => [name as CalendarName, id]));
  }

  async switch(engine: Engine, userId: UserId, name: CalendarName, enabled: boolean): Promise<void> {
    const id = (await this.idsHere(engine, userId)).get(name);
    if (id === undefined) throw new Error(`calendar ${name} is not known here`);
    await inScopeOf(userId, () => engine.services.calendarService.update(userId, id, { enabled }));
  }
}
