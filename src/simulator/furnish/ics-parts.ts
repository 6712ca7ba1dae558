import ICAL from 'ical.js';
import { findZone, toInstant, toLocal } from '../mailbox/zones.ts';

/** A time as it stands in the file. `local`: the wall clock as if it were UTC, in milliseconds. */
export interface IcsTime {
  local: number;
  isDate: boolean;
  zone: string;
}

export interface IcsEvent {
  uid: string;
  component: ICAL.Component;
}

/** What a reading cannot be done for: the reason, as people read it. */
export class IcsRefusal extends Error {
  override readonly name = 'IcsRefusal';
}

/** One calendar file: its events apart from one another, so that a broken one takes no other with it. */
export class IcsFile {
  readonly events: IcsEvent[] = [];
  readonly broken: { uid: string; reason: string }[] = [];
  readonly #zones = new Map<string, ICAL.Timezone>();
  readonly #floating: string;

  /** @param floatingZone the zone of times that name none */
  constructor(text: string, floatingZone: string) {
    this.#floating = floatingZone;
    for (const block of blocks(text, 'VTIMEZONE')) this.#readZone(block);
    for (const block of blocks(text, 'VEVENT')) this.#readEvent(block);
  }

  #readZone(block: string): void {
    try {
      const zone = new ICAL.Timezone(new ICAL.Component(ICAL.parse(block) as unknown[]));
      this.#zones.set(zone.tzid, zone);
    } catch {
      // An event that needs it will say so.
    }
  }

  #readEvent(block: string): void {
    const uid = /^UID[^:\r\n]*:(.*)$/im.exec(block)?.[1]?.trim() ?? '';
    try {
      this.events.push({ uid, component: new ICAL.Component(ICAL.parse(block) as unknown[]) });
    } catch (error) {
      this.broken.push({ uid, reason: error instanceof Error ? error.message : String(error) });
    }
  }

  /**
   * A DATE or DATE-TIME value in a zone Outlook knows; one in a zone of the file's own is given in UTC.
   *
   * @throws {IcsRefusal} for no time at all and for a zone nobody describes
   */
  time(property: ICAL.Property, value: unknown = property.getFirstValue()): IcsTime {
    if (!(value instanceof ICAL.Time)) throw new IcsRefusal(`${property.name.toUpperCase()} is no time`);
    const { year, month, day, hour, minute, second } = value;
    const local = Date.UTC(year, month - 1, day, hour, minute, second);
    if (Number.isNaN(local) || year < 1) throw new IcsRefusal(`${property.name.toUpperCase()} is no time`);
    if (value.isDate) return { local, isDate: true, zone: this.#floating };
    const tzid = property.getFirstParameter('tzid');
    if (tzid === undefined || tzid === '') {
      const isUtc = value.zone === ICAL.Timezone.utcTimezone;
      return { local, isDate: false, zone: isUtc ? 'UTC' : this.#floating };
    }
    const known = knownZone(tzid) ?? knownZone(this.#locationOf(tzid));
    if (known !== undefined) return { local, isDate: false, zone: known };
    const own = this.#zones.get(tzid);
    if (own === undefined) throw new IcsRefusal(`the zone '${tzid}' is not described`);
    const wall = new ICAL.Time({ year, month, day, hour, minute, second, isDate: false }, ICAL.Timezone.localTimezone);
    return { local: local - own.utcOffset(wall) * 1000, isDate: false, zone: 'UTC' };
  }

  /** Whether times in this zone follow a rule Outlook does not know: a series there cannot be kept. */
  isOwnZone(property: ICAL.Property): boolean {
    const tzid = property.getFirstParameter('tzid') ?? '';
    return tzid !== '' && knownZone(tzid) === undefined && knownZone(this.#locationOf(tzid)) === undefined;
  }

  #locationOf(tzid: string): string {
    const location = this.#zones.get(tzid)?.component?.getFirstPropertyValue('x-lic-location');
    return typeof location === 'string' ? location : '';
  }
}

/** The instant or wall clock of a time, seen in another zone. */
export function localIn(zone: string, time: IcsTime): number {
  if (time.isDate || time.zone === zone) return time.local;
  return toLocal(findZone(zone) ?? 'UTC', toInstant(findZone(time.zone) ?? 'UTC', time.local));
}

/** IANA and Windows names, also behind a prefix (`/freeassociation.sourceforge.net/Europe/Berlin`) or in quotes. */
function knownZone(tzid: string): string | undefined {
  const plain = tzid.replace(/^"|"$/g, '');
  if (findZone(plain) !== undefined) return plain;
  const tail = /[A-Za-z_]+\/[A-Za-z_]+(?:\/[A-Za-z_]+)?$/.exec(plain)?.[0];
  const candidates = tail === undefined ? [] : [tail, tail.split('/').slice(-2).join('/')];
  return candidates.find((name) => findZone(name) !== undefined);
}

function* blocks(text: string, name: string): Generator<string> {
  const pattern = new RegExp(`^BEGIN:${name}[ \\t]*\\r?\\n[\\s\\S]*?^END:${name}[ \\t]*$`, 'gim');
  for (const [block] of text.matchAll(pattern)) yield block;
}
