import { type FixedUnit, sameUnit, unchangedUnit } from './canonical-event.ts';
import type { EventContent, EventFields, OccurrenceOverride } from './event.ts';
import { inheritedFields } from './occurrence-fields.ts';
import { occursOn } from './rule-dates.ts';
import { FIELDS_OF_UNIT, unitsOfFields } from './series.ts';

/**
 * What a date and its series have come to say alike is not kept as the date's own, neither here nor in what is read of Graph.
 * The date falls silent because its series changed, and nobody said anything about it.
 */

/** @returns the series itself when each of its dates says only what differs from what it inherits */
export function withoutIdleDates(series: EventContent): EventContent {
  return withDates(series, Object.keys(series.occurrences), (date, override) => {
    if (!override || override.isCancelled) return override;
    const inherited = inheritedFields(series, date);
    const idle = unitsOfFields(override.fields).filter((unit) =>
      unchangedUnit(asSingle(inherited), asSingle({ ...inherited, ...override.fields }), unit),
    );
    if (idle.length === 0) return override;
    const names = new Set<string>(idle.flatMap((unit) => FIELDS_OF_UNIT[unit]));
    const fields = Object.fromEntries(Object.entries(override.fields).filter(([name]) => !names.has(name)));
    return Object.keys(fields).length === 0 ? undefined : { isCancelled: false, fields };
  });
}

/**
 * A series whose dates say again what they fell silent about since: so an edit of the series that happens to say what one of
 * its dates said is no edit of that date, and the date keeps what it says wherever the edit itself does not prevail.
 *
 * @param isMeant  which units to look at
 */
export function withSilencedDates(
  before: EventContent,
  now: EventContent,
  isMeant: (unit: FixedUnit) => boolean = () => true,
): EventContent {
  const { recurrence } = now;
  if (before === now || !recurrence) return now;
  return withDates(now, Object.keys(before.occurrences), (date, override) => {
    const said = before.occurrences[date];
    if (!said || said.isCancelled || override?.isCancelled) return override;
    const inherited = inheritedFields(now, date);
    const silenced = unitsOfFields(said.fields).filter((unit) => {
      if (!isMeant(unit) || FIELDS_OF_UNIT[unit].some((name) => override?.fields[name] !== undefined)) return false;
      // One date is the same at the same instant, as it is read of Graph.
      const isSame = unit === 'time' ? sameUnit : unchangedUnit;
      const [its, inheritedNow] = [asSingle({ ...inherited, ...said.fields }), asSingle(inherited)];
      return isSame(its, inheritedNow, unit);
    });
    if (silenced.length === 0 || !occursOn(recurrence, date)) return override;
    const names = new Set<string>(silenced.flatMap((unit) => FIELDS_OF_UNIT[unit]));
    const own: Partial<EventFields> = override?.fields ?? {};
    // In the order it was said in: then it is what was said, to the letter.
    const again = Object.entries(said.fields).filter(([name]) => names.has(name) || name in own);
    return { isCancelled: false, fields: { ...Object.fromEntries(again), ...own } };
  });
}

function withDates(
  series: EventContent,
  dates: readonly string[],
  overrideOn: (date: string, override: OccurrenceOverride | undefined) => OccurrenceOverride | undefined,
): EventContent {
  if (!series.recurrence) return series;
  let occurrences = series.occurrences;
  for (const date of dates) {
    const before = occurrences[date];
    const after = overrideOn(date, before);
    if (after === before) continue;
    const { [date]: _replaced, ...others } = occurrences;
    occurrences = after ? { ...others, [date]: after } : others;
  }
  return occurrences === series.occurrences ? series : { ...series, occurrences };
}

function asSingle(fields: EventFields): EventContent {
  return { ...fields, recurrence: null, occurrences: {} };
}
