import ICAL from 'ical.js';
import { Temporal } from 'temporal-polyfill';
import { ianaZone } from '../time-zones.ts';

/** One change of a zone's clocks. */
interface Transition {
  readonly year: number;
  readonly month: number;
  /** 0 for Sunday. */
  readonly weekday: number;
  /** 1 to 5, counted from the month's start. */
  readonly week: number;
  readonly isLastWeek: boolean;
  /** The clock it happens at, before it happens: `2026-03-29T02:00:00`. */
  readonly at: string;
  readonly offsetFrom: string;
  readonly offsetTo: string;
  readonly isDaylight: boolean;
  readonly name: string;
}

const RFC_WEEKDAYS = ['SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA'];

/** Until the railways every town had its own time, and kept it: the first zone that changes does so in 1835. */
const FIRST_YEAR_OF_CHANGE = 1830;
/** No zone's own changes are known for longer (Morocco's, to 2087); a rule that holds then is written as going on anyway. */
const LAST_YEAR_OF_CHANGE = 2100;
const YEARS_TO_SEE_A_RULE = 5;

/**
 * What a reader needs who does not know the zone by its name (RFC 5545, 3.6.5): its changes of the clocks between two
 * years, as yearly rules where they are regular. A rule that still holds in the last year goes on for ever, as the zone
 * itself does until its parliament meets again.
 *
 * @param tzid  an IANA or Windows name
 * @returns `undefined` for a name that is no zone
 */
export function vtimezone(tzid: string, years: { from: number; to: number }): ICAL.Component | undefined {
  const zone = ianaZone(tzid);
  if (zone === undefined) return undefined;
  const component = new ICAL.Component('vtimezone');
  component.addPropertyWithValue('tzid', tzid);
  // Google and Apple follow this where the name is one of Windows'.
  if (zone !== tzid) component.addProperty(new ICAL.Property(['x-lic-location', {}, 'unknown', zone]));
  const lastYear = Math.min(years.to, Math.max(LAST_YEAR_OF_CHANGE, years.from + YEARS_TO_SEE_A_RULE));
  const transitions = transitionsOf(zone, { from: years.from, to: lastYear });
  component.addSubcomponent(initialObservance(zone, years.from, transitions[0]));
  for (const run of runsOf(transitions)) component.addSubcomponent(observance(run, lastYear));
  return component;
}

function transitionsOf(zone: string, years: { from: number; to: number }): Transition[] {
  const found: Transition[] = [];
  let moment = startOf(zone, Math.max(years.from, FIRST_YEAR_OF_CHANGE));
  for (;;) {
    const next = moment.getTimeZoneTransition('next');
    if (!next || next.year > years.to) return found;
    found.push(transitionAt(next));
    moment = next;
  }
}

function startOf(zone: string, year: number): Temporal.ZonedDateTime {
  return Temporal.PlainDate.from({ year, month: 1, day: 1 }).toZonedDateTime({ timeZone: zone });
}

function transitionAt(after: Temporal.ZonedDateTime): Transition {
  const before = after.subtract({ nanoseconds: 1 });
  // The clock that would have been shown had it not been changed.
  const clock = before.toPlainDateTime().add({ nanoseconds: 1 });
  const day = clock.toPlainDate();
  return {
    year: day.year,
    month: day.month,
    weekday: day.dayOfWeek % 7,
    week: Math.ceil(day.day / 7),
    isLastWeek: day.day > day.daysInMonth - 7,
    at: clock.toString({ smallestUnit: 'second' }),
    offsetFrom: before.offset,
    offsetTo: after.offset,
    isDaylight: after.offsetNanoseconds > before.offsetNanoseconds,
    name: nameAt(after),
  };
}

function nameAt(moment: Temporal.ZonedDateTime): string {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: moment.timeZoneId, timeZoneName: 'short' });
  const parts = format.formatToParts(new Date(moment.epochMilliseconds));
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? moment.timeZoneId;
}

/** Changes that follow each other year by year on the same kind of day at the same clock. */
function runsOf(transitions: readonly Transition[]): Transition[][] {
  const runs: Transition[][] = [];
  for (const transition of transitions) {
    const run = runs.find((known) => isNext(known, transition));
    if (run) run.push(transition);
    else runs.push([transition]);
  }
  return runs;
}

function isNext(run: readonly Transition[], next: Transition): boolean {
  const last = run.at(-1);
  if (!last || next.year !== last.year + 1) return false;
  const keyOf = (one: Transition) =>
    [one.month, one.weekday, one.at.slice(11), one.offsetFrom, one.offsetTo, one.isDaylight].join(' ');
  return keyOf(last) === keyOf(next) && weekOf([...run, next]) !== undefined;
}

/** Which of its kind of day in the month a run is on: 1 to 4, or -1 for the last; the last, where both would do. */
function weekOf(run: readonly Transition[]): number | undefined {
  if (run.every(({ isLastWeek }) => isLastWeek)) return -1;
  const [first] = run;
  return first && first.week <= 4 && run.every(({ week }) => week === first.week) ? first.week : undefined;
}

function observance(run: readonly Transition[], lastYear: number): ICAL.Component {
  const [first] = run as [Transition];
  const last = run.at(-1) ?? first;
  const component = plainObservance(first.isDaylight ? 'daylight' : 'standard', first);
  if (run.length === 1) return component;
  const until = last.year === lastYear ? '' : `;UNTIL=${utcOf(last)}`;
  const rule = `FREQ=YEARLY;BYMONTH=${first.month};BYDAY=${weekOf(run)}${RFC_WEEKDAYS[first.weekday]}${until}`;
  component.addProperty(new ICAL.Property(['rrule', {}, 'recur', ICAL.Recur.fromString(rule).toJSON()]));
  return component;
}

function initialObservance(zone: string, year: number, first: Transition | undefined): ICAL.Component {
  const moment = startOf(zone, year);
  const offset = first?.offsetFrom ?? moment.offset;
  const at = moment.toPlainDateTime().toString({ smallestUnit: 'second' });
  return plainObservance('standard', { at, offsetFrom: offset, offsetTo: offset, name: nameAt(moment) });
}

function plainObservance(
  kind: 'standard' | 'daylight',
  { at, offsetFrom, offsetTo, name }: Pick<Transition, 'at' | 'offsetFrom' | 'offsetTo' | 'name'>,
): ICAL.Component {
  const component = new ICAL.Component(kind);
  component.addProperty(new ICAL.Property(['dtstart', {}, 'date-time', at]));
  component.addProperty(new ICAL.Property(['tzoffsetfrom', {}, 'utc-offset', offsetFrom]));
  component.addProperty(new ICAL.Property(['tzoffsetto', {}, 'utc-offset', offsetTo]));
  component.addPropertyWithValue('tzname', name);
  return component;
}

function utcOf({ at, offsetFrom }: Transition): string {
  const utc = Temporal.PlainDateTime.from(at)
    .toZonedDateTime(offsetFrom)
    .toInstant()
    .toString({ smallestUnit: 'second' });
  return utc.replace(/[-:]/g, '');
}
