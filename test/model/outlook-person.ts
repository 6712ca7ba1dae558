import type { EventContent } from '../../src/core/event.ts';
import { GraphError, type SimulatedMailbox } from '../../src/simulator/index.ts';
import { type Done, pickBySubject } from './application-person.ts';
import type { Calendars } from './calendars.ts';
import type { Ledger, Tracked } from './ledger.ts';
import type { Words } from './words.ts';

interface Found {
  readonly id: string;
  readonly content: EventContent;
  readonly event: Tracked;
}

const MONTHS = ['2026-02-01T00:00:00Z', '2026-12-31T00:00:00Z'] as const;
const SOMEBODY = { emailAddress: { name: 'Grace', address: 'grace@elsewhere.example' } };

/** Somebody who works in Outlook; what they do happens at once, so that it can come at any instant. */
export class OutlookPerson {
  readonly #mailbox: SimulatedMailbox;
  readonly #ledger: Ledger;
  readonly #calendars: Calendars;
  /** As another client has them: from before the last change in Outlook. */
  readonly #opened = new Map<string, object>();

  constructor(parts: { mailbox: SimulatedMailbox; ledger: Ledger; calendars: Calendars }) {
    this.#mailbox = parts.mailbox;
    this.#ledger = parts.ledger;
    this.#calendars = parts.calendars;
  }

  create(words: Words, o: { isSeries?: boolean } = {}): Done {
    const fields = words.fields();
    const input = o.isSeries ? { ...fields, recurrence: words.rule(fields.start) } : fields;
    const { id } = this.#mailbox.createEvent(input, this.#where(words));
    const event = this.#ledger.newEvent('outlook');
    this.#wrote(event, words, new Set(), id);
    return `creates event ${event.number} ${JSON.stringify(input)}`;
  }

  #where({ chance }: Words): { calendarId?: string } {
    return this.#calendars.areSeveral ? { calendarId: this.#calendars.idThere(this.#calendars.pick(chance)) } : {};
  }

  edit(words: Words): Done {
    return this.#onOne(words, undefined, ({ id, content, event }) => {
      const input = words.changes(content, { isSeries: content.recurrence !== null && words.chance.isLucky(0.7) });
      return this.#change(words, { id, content, event }, `edits event ${event.number} ${JSON.stringify(input)}`, () =>
        this.#mailbox.updateEvent(id, input),
      );
    });
  }

  /**
   * A second client that was not up to date: it saves the event as it was when it was opened there, with its own new subject,
   * over whatever has come since.
   */
  saveOld(words: Words): Done {
    return this.#onOne(
      words,
      ({ id }) => this.#opened.has(id),
      (found) => {
        const old = this.#opened.get(found.id);
        if (!old) return undefined;
        const input = { ...words.subject(), ...old };
        const told = `saves event ${found.event.number} as it was before ${JSON.stringify(input)}`;
        const before = this.#ledger.wordsIn(found.content);
        const done = this.#change(words, found, told, () => this.#mailbox.updateEvent(found.id, input));
        this.#ledger.broughtBack(before, this.#contents().get(found.id));
        return done;
      },
    );
  }

  /** Asks somebody else to come; Exchange mails them, which is what the person wants. */
  invite(words: Words): Done {
    const guest = { type: 'required', ...words.guest() };
    return this.#onOne(
      words,
      ({ event }) => !event.isForeign,
      (found) => {
        const attendees = [...(this.#mailbox.getEvent(found.id)?.attendees ?? []), guest];
        return this.#change(words, found, `asks ${guest.emailAddress.name} to event ${found.event.number}`, () =>
          this.#mailbox.updateEvent(found.id, { attendees }),
        );
      },
    );
  }

  changeRule(words: Words): Done {
    const isEnding = words.chance.isLucky(0.25);
    return this.#onOne(words, undefined, (found) => {
      const { id, content, event } = found;
      const recurrence = content.recurrence && isEnding ? null : words.rule(content.start);
      return this.#change(words, found, `edits event ${event.number} ${JSON.stringify({ recurrence })}`, () =>
        this.#mailbox.updateEvent(id, { recurrence }),
      );
    });
  }

  delete(words: Words): Done {
    return this.#onOne(words, undefined, ({ id, content, event }) => {
      this.#mailbox.deleteEvent(id);
      this.#ledger.deleted(event, 'outlook', content);
      return `deletes event ${event.number}`;
    });
  }

  editOccurrence(words: Words): Done {
    const isMoving = words.chance.isLucky(0.3);
    return this.#onOneDate(words, (found, date) => {
      const input = isMoving ? words.timesOn(date) : words.subject();
      const told = `edits ${date} of event ${found.event.number} ${JSON.stringify(input)}`;
      return this.#change(words, found, told, () => this.#mailbox.updateOccurrence(found.id, date, input));
    });
  }

  deleteOccurrence(words: Words): Done {
    return this.#onOneDate(words, (found, date) =>
      this.#change(words, found, `cancels ${date} of event ${found.event.number}`, () =>
        this.#mailbox.deleteOccurrence(found.id, date),
      ),
    );
  }

  /** "This and all following": two series come of one. */
  split(words: Words): Done {
    return this.#onOneDate(words, (found, date) => {
      const input = words.subject();
      const before = this.#ledger.wordsIn(found.content);
      const { id } = this.#mailbox.updateFollowing(found.id, date, input);
      const contents = this.#contents();
      found.event.mayBeSeveral = true;
      this.#ledger.wrote({
        ...{ event: found.event, side: 'outlook', step: words.step, words: words.drawn, before },
        after: [contents.get(found.id), contents.get(id as string)],
      });
      return `changes ${date} of event ${found.event.number} and all following ${JSON.stringify(input)}`;
    });
  }

  /** An invitation arrives. */
  beInvited(words: Words): Done {
    const fields = words.fields();
    const { id } = this.#mailbox.addForeignMeeting({ ...fields, organizer: SOMEBODY }, this.#where(words));
    const event = this.#ledger.newEvent('outlook');
    event.isForeign = true;
    this.#wrote(event, words, new Set(), id);
    return `is invited to event ${event.number} ${JSON.stringify(fields)}`;
  }

  /** Of a meeting of somebody else's: a new time, or it is called off. */
  hearFromOrganizer(words: Words): Done {
    const isCancelling = words.chance.isLucky(0.3);
    return this.#onOne(
      words,
      ({ id }) => this.#mailbox.getEvent(id)?.isOrganizer === false,
      (found) => {
        const { id, event } = found;
        if (isCancelling) {
          return this.#change(words, found, `hears that event ${event.number} is called off`, () =>
            this.#mailbox.cancelByOrganizer(id),
          );
        }
        const input = { ...words.subject(), ...words.times() };
        return this.#change(words, found, `hears that event ${event.number} is ${JSON.stringify(input)}`, () =>
          this.#mailbox.updateByOrganizer(id, input),
        );
      },
    );
  }

  #change(words: Words, { id, content, event }: Found, told: string, act: () => unknown): string {
    const before = this.#ledger.wordsIn(content);
    const { body, categories, showAs, sensitivity, isReminderOn, reminderMinutesBeforeStart } = content;
    const opened = { categories, showAs, sensitivity, isReminderOn, reminderMinutesBeforeStart };
    this.#opened.set(id, body ? { ...opened, body } : opened);
    act();
    this.#wrote(event, words, before, id);
    return told;
  }

  #wrote(event: Tracked, words: Words, before: ReadonlySet<string>, id: string | undefined): void {
    const after = id === undefined ? undefined : this.#contents().get(id);
    this.#ledger.wrote({ event, side: 'outlook', step: words.step, words: words.drawn, before, after });
  }

  #contents(): Map<string, EventContent> {
    return new Map([...this.#calendars.all()].map(([id, { content }]) => [id, content]));
  }

  #onOne(words: Words, wanted: ((found: Found) => boolean) | undefined, act: (found: Found) => Done): Done {
    const place = words.chance.next();
    const all = [...this.#contents()].flatMap(([id, content]): Found[] => {
      const event = this.#ledger.eventOf(content.subject);
      return event ? [{ id, content, event }] : [];
    });
    const found = pickBySubject(wanted ? all.filter(wanted) : all, place, ({ content }) => content.subject);
    try {
      return found && act(found);
    } catch (error) {
      if (error instanceof GraphError) return `is refused: ${error.message}`;
      throw error;
    }
  }

  #onOneDate(words: Words, act: (found: Found, date: string) => Done): Done {
    const nth = words.chance.next();
    return this.#onOne(
      words,
      ({ content }) => content.recurrence !== null,
      (found) => {
        const dates = this.#mailbox
          .occurrences(found.id, ...MONTHS)
          .flatMap(({ type, start }) => (type === 'occurrence' && start ? [start.dateTime.slice(0, 10)] : []));
        const date = dates[Math.floor(nth * dates.length)];
        return date === undefined ? undefined : act(found, date);
      },
    );
  }
}
