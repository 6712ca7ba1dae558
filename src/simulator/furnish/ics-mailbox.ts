import ICAL from 'ical.js';
import { GraphError } from '../http/graph-error.ts';
import type { Recurrence } from '../mailbox/model.ts';
import type { SimulatedMailbox } from '../mailbox/simulated-mailbox.ts';
import { dateOf } from '../mailbox/zones.ts';
import { contentOf, personOf, responseOf, spanOf } from './ics-content.ts';
import { type IcsEvent, IcsFile, IcsRefusal, type IcsTime, localIn } from './ics-parts.ts';
import { recurrenceOf } from './ics-pattern.ts';

type Input = Record<string, unknown>;

export interface IcsLoaded {
  /** Events and series, not their dates. */
  loaded: number;
  /** What could not be kept: a whole event, or one changed date of a series that is there. */
  refused: { uid: string; reason: string }[];
}

/**
 * Puts the events of an iCalendar file (RFC 5545) into a mailbox, as an import into Outlook would leave them:
 * series with their exclusions and changed dates, meetings of others as invitations. What Outlook cannot hold is
 * refused and named, and stops nothing else; nobody is mailed.
 */
export function loadIcs(mailbox: SimulatedMailbox, text: string, o: { calendarId?: string } = {}): IcsLoaded {
  const loader = new IcsLoader(mailbox, new IcsFile(text, mailbox.timeZone), o);
  mailbox.quietly(() => loader.load());
  return loader.result;
}

class IcsLoader {
  readonly result: IcsLoaded;
  readonly #mailbox: SimulatedMailbox;
  readonly #file: IcsFile;
  readonly #where: { calendarId?: string };

  constructor(mailbox: SimulatedMailbox, file: IcsFile, where: { calendarId?: string }) {
    this.#mailbox = mailbox;
    this.#file = file;
    this.#where = where;
    this.result = { loaded: 0, refused: [...file.broken] };
  }

  load(): void {
    const isChange = ({ component }: IcsEvent) => component.getFirstProperty('recurrence-id') !== null;
    const masters = this.#file.events.filter((event) => !isChange(event));
    const changes = Map.groupBy(this.#file.events.filter(isChange), ({ uid }) => uid);
    for (const event of masters) {
      const own = changes.get(event.uid) ?? [];
      changes.delete(event.uid);
      this.#attempt(event.uid, () => this.#add(event, own));
    }
    // Changed dates of a series that is not in the file: each is all there is of it.
    for (const event of [...changes.values()].flat()) this.#attempt(event.uid, () => this.#add(event, []));
  }

  #attempt(uid: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      // ical.js reads values when they are asked for, and throws plain errors for those it cannot.
      if (!(error instanceof Error)) throw error;
      this.result.refused.push({ uid, reason: error.message });
    }
  }

  #add({ uid, component }: IcsEvent, changes: IcsEvent[]): void {
    if (/^cancelled$/i.test(String(component.getFirstPropertyValue('status') ?? ''))) {
      throw new IcsRefusal('it is cancelled');
    }
    const { start, end } = spanOf(this.#file, component);
    const recurrence = this.#recurrence(component, start);
    const id = this.#create(component, {
      ...contentOf(component),
      isAllDay: start.isDate,
      start: wire(start),
      end: wire(recurrence === undefined ? end : { ...end, local: localIn(start.zone, end), zone: start.zone }),
      ...(recurrence === undefined ? {} : { recurrence }),
    });
    this.result.loaded += 1;
    if (recurrence === undefined) return;
    for (const property of component.getAllProperties('exdate')) {
      for (const value of property.getValues()) this.#attempt(uid, () => this.#cut(id, start, property, value));
    }
    for (const change of changes) this.#attempt(uid, () => this.#change(id, start, change.component));
  }

  #recurrence(component: ICAL.Component, start: IcsTime): Recurrence | undefined {
    const rules = component.getAllProperties('rrule');
    for (const name of ['rdate', 'exrule']) {
      if (component.getFirstProperty(name) !== null) throw new IcsRefusal(`Outlook has no ${name.toUpperCase()}`);
    }
    const recur = rules[0]?.getFirstValue();
    if (recur === undefined) return undefined;
    if (rules.length > 1 || !(recur instanceof ICAL.Recur)) throw new IcsRefusal('Outlook has one rule for a series');
    if (this.#file.isOwnZone(component.getFirstProperty('dtstart')!)) {
      throw new IcsRefusal('a series in a zone of its own');
    }
    const { until } = recur;
    const last = until === null ? undefined : untilOf(until, start);
    return recurrenceOf(recur, start, last);
  }

  #create(component: ICAL.Component, event: Input): string {
    const organizer = personOf(component.getFirstProperty('organizer'));
    const { address } = this.#mailbox;
    if (organizer === undefined || organizer.address.toLowerCase() === address.toLowerCase()) {
      return this.#mailbox.createEvents([event], this.#where)[0]!;
    }
    const responseStatus = { response: responseOf(component, address), time: '0001-01-01T00:00:00Z' };
    const meeting = { ...event, organizer: { emailAddress: organizer }, responseStatus };
    return this.#mailbox.addForeignMeeting(meeting, this.#where).id;
  }

  #dateIn(start: IcsTime, property: ICAL.Property, value?: unknown): string {
    const time = this.#file.time(property, value);
    return dateOf(start.isDate || time.isDate ? time.local : localIn(start.zone, time));
  }

  #cut(id: string, start: IcsTime, property: ICAL.Property, value: unknown): void {
    try {
      this.#mailbox.deleteOccurrence(id, this.#dateIn(start, property, value));
    } catch (error) {
      // An exclusion of a date the series does not have excludes nothing.
      if (!(error instanceof GraphError && error.status === 404)) throw error;
    }
  }

  #change(id: string, start: IcsTime, component: ICAL.Component): void {
    const date = this.#dateIn(start, component.getFirstProperty('recurrence-id')!);
    if (/^cancelled$/i.test(String(component.getFirstPropertyValue('status') ?? ''))) {
      this.#mailbox.deleteOccurrence(id, date);
      return;
    }
    const span = spanOf(this.#file, component);
    const { attendees: _everybody, ...content } = contentOf(component);
    const times = { isAllDay: span.start.isDate, start: wire(span.start), end: wire(span.end) };
    try {
      this.#mailbox.updateOccurrence(id, date, { ...content, ...times });
    } catch (error) {
      if (!(error instanceof GraphError)) throw error;
      throw new IcsRefusal(`${date}: ${error.message}`, { cause: error });
    }
  }
}

/** A last moment is in UTC or, floating, on the series' own clock. */
function untilOf(until: ICAL.Time, start: IcsTime): IcsTime {
  const { year, month, day, hour, minute, second, isDate } = until;
  const time = { local: Date.UTC(year, month - 1, day, hour, minute, second), isDate, zone: 'UTC' };
  const isUtc = !isDate && !start.isDate && until.zone === ICAL.Timezone.utcTimezone;
  return isUtc ? { ...time, local: localIn(start.zone, time), zone: start.zone } : { ...time, zone: start.zone };
}

const wire = ({ local, zone }: IcsTime): Input => ({
  dateTime: new Date(local).toISOString().slice(0, 19),
  timeZone: zone,
});
