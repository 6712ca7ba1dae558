import { bodyText, canonicalBody } from './canonical-body.ts';
import type {
  Attendee,
  DateTimeTimeZone,
  EventContent,
  EventFields,
  GraphFacts,
  Location,
  PatternedRecurrence,
} from './event.ts';
import { inheritedFields } from './occurrence-fields.ts';
import { canonicalZone, datePart, normalDateTime, toInstant } from './time-zones.ts';

/**
 * The canonical form both sides are reduced to before anything is compared, unit by unit. A unit is what is merged as one:
 * start, end, zone, all-day and recurrence belong together; every overridden date of a series is a unit of its own.
 */

export type FixedUnit =
  | 'subject'
  | 'body'
  | 'time'
  | 'locations'
  | 'attendees'
  | 'showAs'
  | 'sensitivity'
  | 'importance'
  | 'categories'
  | 'reminder'
  | 'isOnlineMeeting';
export type Unit = FixedUnit | `occurrence:${string}`;

const FIXED_UNITS: readonly FixedUnit[] = [
  'subject',
  'body',
  'time',
  'locations',
  'attendees',
  'showAs',
  'sensitivity',
  'importance',
  'categories',
  'reminder',
  'isOnlineMeeting',
];

/** `strict`: one side against its own former form. `loose`: one side against the other, whose spelling differs. */
type Strictness = 'strict' | 'loose';

export type CanonicalEvent = Readonly<Record<string, unknown>>;

export function unitsOf(...contents: readonly EventContent[]): Unit[] {
  const dates = new Set(contents.flatMap((content) => Object.keys(content.occurrences)));
  return [...FIXED_UNITS, ...[...dates].sort().map((date): Unit => `occurrence:${date}`)];
}

/** The raw value of a unit, as JSON, for people to look at. */
export function unitValue(content: EventContent, unit: Unit): unknown {
  switch (unit) {
    case 'time': {
      const { start, end, isAllDay, recurrence } = content;
      return { start, end, isAllDay, recurrence };
    }
    case 'reminder': {
      const { isReminderOn, reminderMinutesBeforeStart } = content;
      return { isReminderOn, reminderMinutesBeforeStart };
    }
    default:
      return isFixed(unit) ? content[unit] : (content.occurrences[dateOf(unit)] ?? null);
  }
}

/** @returns `content` with that unit taken from `from` */
export function withUnit(content: EventContent, unit: Unit, from: EventContent): EventContent {
  switch (unit) {
    case 'time': {
      const { start, end, isAllDay, recurrence } = from;
      return { ...content, start, end, isAllDay, recurrence };
    }
    case 'reminder': {
      const { isReminderOn, reminderMinutesBeforeStart } = from;
      return { ...content, isReminderOn, reminderMinutesBeforeStart };
    }
    default: {
      if (isFixed(unit)) return { ...content, [unit]: from[unit] };
      const date = dateOf(unit);
      const { [date]: _replaced, ...others } = content.occurrences;
      const override = from.occurrences[date];
      return { ...content, occurrences: override ? { ...others, [date]: override } : others };
    }
  }
}

/** Equal in canonical form across the two sides: bodies by what a reader sees, single events by instant. */
export function sameUnit(a: EventContent, b: EventContent, unit: Unit): boolean {
  return equalUnit(a, b, unit, 'loose');
}

/** Equal in canonical form within one side: bodies by their markup, zones as zones. */
export function unchangedUnit(a: EventContent, b: EventContent, unit: Unit): boolean {
  return equalUnit(a, b, unit, 'strict');
}

export function changedUnits(before: EventContent, after: EventContent): Unit[] {
  if (before === after) return [];
  return unitsOf(before, after).filter((unit) => !unchangedUnit(before, after, unit));
}

export function equalContent(a: EventContent, b: EventContent): boolean {
  return unitsOf(a, b).every((unit) => sameUnit(a, b, unit));
}

/** Printable normal form, the same for both sides of an event that is in step. */
export function canonicalEvent(content: EventContent): CanonicalEvent {
  const units = unitsOf(content).map((unit) => [unit, canonicalUnit(content, unit, 'loose')] as const);
  return Object.fromEntries(units.filter(([, value]) => value !== undefined));
}

/** What two people's recordings of one event have in common: time, subject and organizer. */
export function adoptionKey(content: EventContent, facts?: GraphFacts): string {
  const organizer = facts && !facts.isOrganizer ? (facts.organizer?.address?.toLowerCase() ?? '') : '';
  const { recurrence } = content;
  const rule = recurrence ? canonicalRecurrence(recurrence, content) : null;
  return JSON.stringify([
    canonicalTime(content.start, content, 'loose'),
    canonicalTime(content.end, content, 'loose'),
    content.isAllDay,
    rule,
    content.subject.trim().toLowerCase(),
    organizer,
  ]);
}

function equalUnit(a: EventContent, b: EventContent, unit: Unit, strictness: Strictness): boolean {
  if (a === b) return true;
  const rawA = unitValue(a, unit);
  const rawB = unitValue(b, unit);
  if (rawA === rawB || JSON.stringify(rawA) === JSON.stringify(rawB)) {
    // The same override means something else when what it inherits has changed; compared on its own it is unchanged.
    return true;
  }
  const first = canonicalUnit(a, unit, strictness);
  const second = canonicalUnit(b, unit, strictness);
  return JSON.stringify(first) === JSON.stringify(second);
}

function canonicalUnit(content: EventContent, unit: Unit, strictness: Strictness): unknown {
  if (!isFixed(unit)) return canonicalOverride(content, dateOf(unit), strictness);
  return canonicalFixed(content, unit, strictness, content.recurrence);
}

function canonicalFixed(
  content: EventFields,
  unit: FixedUnit,
  strictness: Strictness,
  recurrence: PatternedRecurrence | null,
): unknown {
  switch (unit) {
    case 'subject':
      return content.subject.trim();
    case 'body':
      return strictness === 'strict' ? canonicalBody(content.body) : bodyText(content.body);
    case 'time':
      return {
        start: canonicalTime(content.start, { ...content, recurrence }, strictness),
        end: canonicalTime(content.end, { ...content, recurrence }, strictness),
        isAllDay: content.isAllDay,
        recurrence: recurrence ? canonicalRecurrence(recurrence, content) : null,
      };
    case 'locations':
      if (strictness === 'loose') return placeNames(content.locations);
      return content.locations.map(canonicalLocation).filter((place) => place !== '');
    case 'attendees':
      return [...new Set(content.attendees.map(canonicalAttendee))].sort();
    case 'categories':
      return [...new Set(content.categories)].sort();
    case 'reminder':
      // Without a reminder its minutes mean nothing.
      return content.isReminderOn ? content.reminderMinutesBeforeStart : null;
    case 'showAs':
    case 'sensitivity':
    case 'importance':
    case 'isOnlineMeeting':
      return content[unit];
  }
}

/**
 * All-day events are dates, whatever zone Graph labels them with. A series keeps its zone, because its hours follow the
 * zone's rules; a single event is the same at the same instant.
 */
function canonicalTime(
  value: DateTimeTimeZone,
  event: { readonly isAllDay: boolean; readonly recurrence: PatternedRecurrence | null },
  strictness: Strictness,
): unknown {
  if (event.isAllDay) return datePart(value.dateTime);
  const zone = canonicalZone(value.timeZone);
  // Exchange keeps the occurrences of a series at whole minutes.
  if (event.recurrence) return { wallClock: normalDateTime(value.dateTime).slice(0, 16), zone };
  const instant = toInstant(value)?.toISOString().slice(0, 19);
  if (!instant) return { wallClock: normalDateTime(value.dateTime), zone };
  return strictness === 'strict' ? { instant, zone } : { instant };
}

/** Only the members the pattern's type uses: Graph fills the others in. */
function canonicalRecurrence({ pattern, range }: PatternedRecurrence, event: Pick<EventFields, 'start'>): unknown {
  const usesDays = pattern.type === 'weekly' || pattern.type === 'relativeMonthly' || pattern.type === 'relativeYearly';
  const isYearly = pattern.type === 'absoluteYearly' || pattern.type === 'relativeYearly';
  const isAbsolute = pattern.type === 'absoluteMonthly' || pattern.type === 'absoluteYearly';
  return {
    type: pattern.type,
    interval: pattern.interval,
    ...(usesDays ? { daysOfWeek: [...new Set(pattern.daysOfWeek)].sort() } : {}),
    ...(pattern.type === 'weekly' && pattern.interval > 1
      ? { firstDayOfWeek: pattern.firstDayOfWeek ?? 'sunday' }
      : {}),
    ...(usesDays && pattern.type !== 'weekly' ? { index: pattern.index ?? 'first' } : {}),
    ...(isAbsolute ? { dayOfMonth: pattern.dayOfMonth } : {}),
    ...(isYearly ? { month: pattern.month } : {}),
    range: range.type,
    startDate: range.startDate || datePart(event.start.dateTime),
    ...(range.type === 'endDate' ? { endDate: range.endDate } : {}),
    ...(range.type === 'numbered' ? { numberOfOccurrences: range.numberOfOccurrences } : {}),
  };
}

/** Across sides a place is its name, because the server enriches the rest; it also joins several names into one. */
function placeNames(locations: readonly Location[]): string {
  const names = locations.map(({ displayName }) => displayName.trim());
  return names.filter((name) => name !== '').join('; ');
}

const ADDRESS_PARTS = ['street', 'city', 'state', 'countryOrRegion', 'postalCode'];

/** Within one side a changed address is a change too; empty members are fillers. */
function canonicalLocation(location: Location): unknown {
  const name = location.displayName.trim();
  const address = ADDRESS_PARTS.map((part) => location.address?.[part] ?? '');
  const { latitude, longitude } = location.coordinates ?? {};
  const rest = {
    ...(location.locationEmailAddress ? { email: location.locationEmailAddress.toLowerCase() } : {}),
    ...(location.locationUri ? { uri: location.locationUri } : {}),
    ...(address.some((part) => part !== '') ? { address } : {}),
    ...(latitude || longitude ? { latitude, longitude } : {}),
  };
  return Object.keys(rest).length === 0 ? name : { name, ...rest };
}

function canonicalAttendee(attendee: Attendee): string {
  return `${attendeeKey(attendee)} ${attendee.type}`;
}

/** Who is meant: by address, or by name where real data has no address. */
export function attendeeKey({ emailAddress }: Attendee): string {
  return emailAddress.address?.trim().toLowerCase() || `name:${emailAddress.name?.trim() ?? ''}`;
}

/**
 * An override that says nothing but what the date inherits is none: Graph sends exceptions with all their fields, and ours
 * hold only what differs. What is left of a series in a single event means nothing.
 */
function canonicalOverride(master: EventContent, date: string, strictness: Strictness): unknown {
  const override = master.occurrences[date];
  if (!override || !master.recurrence) return undefined;
  if (override.isCancelled) return 'cancelled';
  const inherited = inheritedFields(master, date);
  const fields: EventFields = { ...inherited, ...override.fields };
  const entries = FIXED_UNITS.flatMap((unit): [string, unknown][] => {
    const value = canonicalFixed(fields, unit, strictness, null);
    const expected = canonicalFixed(inherited, unit, strictness, null);
    return JSON.stringify(value) === JSON.stringify(expected) ? [] : [[unit, value]];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function isFixed(unit: Unit): unit is FixedUnit {
  return !unit.startsWith('occurrence:');
}

function dateOf(unit: Unit): string {
  return unit.slice('occurrence:'.length);
}
