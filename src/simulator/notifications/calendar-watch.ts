import type { Mailbox } from '../mailbox/mailbox.ts';

interface SeenCalendar {
  folder: number;
  version: number;
  facts: string;
}

/** Finds which calendars of a mailbox came, went or changed; calendars have no change log of their own. */
export class CalendarWatch {
  readonly #seen = new Map<string, Map<number, SeenCalendar>>();

  reset(): void {
    this.#seen.clear();
  }

  /** @returns what changed since the last look; nothing at the first */
  look(mailbox: Mailbox): { folder: number; version: number }[] {
    const now = new Map(
      mailbox.calendars.map(({ folder, version, name, color, canEdit }) => [
        folder,
        { folder, version, facts: JSON.stringify([version, name, color, canEdit]) },
      ]),
    );
    const before = this.#seen.get(mailbox.state.id);
    this.#seen.set(mailbox.state.id, now);
    if (before === undefined) return [];
    const changed = [...now.values()].filter((each) => before.get(each.folder)?.facts !== each.facts);
    const gone = [...before.values()].filter((each) => !now.has(each.folder));
    return [...changed, ...gone].map(({ folder, version }) => ({ folder, version }));
  }
}
