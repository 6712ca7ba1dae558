import fc from 'fast-check';
import { isSyncError } from '../../src/core/errors.ts';
import type { EventContent, PatternedRecurrence } from '../../src/core/event.ts';
import { patchContent } from '../../src/core/event-input.ts';
import { inheritedFields, onLaterDay } from '../../src/core/occurrence-fields.ts';
import { datesBetween } from '../../src/core/recurrence.ts';
import type { ConflictStrategy } from '../../src/core/settings.ts';
import { type SyncWorld, USER } from './sync-world.ts';

/** What people do to a series on both sides, as data, so that a history can be printed, made smaller and played again. */

export type Side = 'here' | 'there';
type Deed =
  | 'words'
  | 'time'
  | 'shift'
  | 'rule'
  | 'single'
  | 'date words'
  | 'date time'
  | 'date move'
  | 'date cancel'
  | 'date reset'
  | 'following words'
  | 'following time'
  | 'following delete';

export interface Act {
  readonly side: Side;
  readonly deed: Deed;
  /** Which of the series there are, of a series' dates, and of the choices the deed has. */
  readonly series: number;
  readonly date: number;
  readonly choice: number;
}
export type Step = Act | 'run';

export interface History {
  readonly strategy: ConflictStrategy;
  readonly rule: number;
  readonly steps: readonly Step[];
}

const at = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
const FIRST = '2026-03-09';
const WEEKLY = { type: 'weekly', interval: 1, firstDayOfWeek: 'monday' } as const;
/** Those that give a handful of dates within the window; what lies outside of it is another story. */
const RULES: readonly Omit<PatternedRecurrence, 'range'>[] = [
  { pattern: { ...WEEKLY, daysOfWeek: ['monday'] } },
  { pattern: { ...WEEKLY, daysOfWeek: ['monday', 'thursday'] } },
  { pattern: { type: 'daily', interval: 3 } },
  { pattern: { type: 'absoluteMonthly', interval: 1, dayOfMonth: 31 } },
  { pattern: { type: 'relativeMonthly', interval: 1, daysOfWeek: ['monday'], index: 'second' } },
];
const RANGES: readonly Omit<PatternedRecurrence['range'], 'startDate'>[] = [
  { type: 'numbered', numberOfOccurrences: 6 },
  { type: 'noEnd' },
  { type: 'endDate', endDate: '2026-06-30' },
];

function ruleFrom(choice: number, startDate: string): PatternedRecurrence {
  const { pattern } = RULES[choice % RULES.length]!;
  const range = RANGES[Math.floor(choice / RULES.length) % RANGES.length]!;
  return { pattern, range: { ...range, startDate } };
}

export function arbitraryHistory(): fc.Arbitrary<History> {
  const deeds: [number, Deed][] = [
    ...([
      [3, 'words'],
      [3, 'time'],
      [1, 'shift'],
      [2, 'rule'],
      [1, 'single'],
    ] as [number, Deed][]),
    ...([
      [4, 'date words'],
      [3, 'date time'],
      [2, 'date move'],
      [3, 'date cancel'],
      [2, 'date reset'],
    ] as [number, Deed][]),
    ...([
      [1, 'following words'],
      [1, 'following time'],
      [1, 'following delete'],
    ] as [number, Deed][]),
  ];
  const act = fc.record({
    side: fc.constantFrom<Side[]>('here', 'there'),
    deed: fc.oneof(...deeds.map(([weight, deed]) => ({ weight, arbitrary: fc.constant(deed) }))),
    // Mostly the same series and dates, so that people meet.
    series: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 2 }) }),
    date: fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 2 }) }, { weight: 1, arbitrary: fc.nat({ max: 5 }) }),
    choice: fc.nat({ max: 20 }),
  });
  const step = fc.oneof(
    { weight: 4, arbitrary: act as fc.Arbitrary<Step> },
    { weight: 1, arbitrary: fc.constant<Step>('run') },
  );
  return fc.record({
    strategy: fc.constantFrom<ConflictStrategy[]>(
      ...(['prefer_local', 'prefer_remote', 'prefer_latest', 'merge', 'manual'] as const),
    ),
    rule: fc.nat({ max: 20 }),
    steps: fc.array(step, { minLength: 2, maxLength: 10 }),
  });
}

/** Something a person wrote that can be told from everything else, and where. */
export interface Written {
  readonly nth: number;
  readonly side: Side;
  readonly mark: string;
  readonly deed: Deed;
  readonly date: string | undefined;
}

export interface Played {
  readonly written: readonly Written[];
  /** Everything that took effect, with the date it was about. */
  readonly done: readonly (
    | Pick<Written, 'nth' | 'side' | 'deed' | 'date'>
    | { readonly nth: number; readonly deed: 'run' }
  )[];
}

/** Plays a history up to its last step; the run that ends it is the caller's. */
export async function play(world: SyncWorld, { strategy, rule, steps }: History): Promise<Played> {
  await world.services.settings.put(USER, { conflictResolution: strategy });
  const [start, end] = [at(`${FIRST}T09:00:00`), at(`${FIRST}T10:00:00`)];
  await world.services.eventService.create(USER, {
    ...{ subject: 'begin', start, end },
    recurrence: ruleFrom(rule, FIRST),
  });
  await world.dropQueuedRuns();
  await world.sync();
  const written: Written[] = [];
  const done: Played['done'][number][] = [];
  for (const [index, step] of steps.entries()) {
    const nth = index + 1;
    world.clock.advance(60_000);
    if (step === 'run') {
      await world.sync();
      done.push({ nth, deed: 'run' });
      continue;
    }
    const effect = await (step.side === 'here' ? actHere : actThere)(world, step, nth);
    if (!effect) continue;
    const { side, deed } = step;
    done.push({ nth, side, deed, date: effect.date });
    if (effect.mark) written.push({ nth, side, deed, date: effect.date, mark: effect.mark });
    await world.dropQueuedRuns();
  }
  return { written, done };
}

interface Effect {
  readonly date?: string | undefined;
  readonly mark?: string;
}

async function actHere(world: SyncWorld, act: Act, nth: number): Promise<Effect | undefined> {
  const { eventService } = world.services;
  const all = inOrder((await world.all()).map(({ id, content }) => [id, content]));
  const found = all[act.series % Math.max(1, all.length)];
  if (!found) return undefined;
  const [id, content] = found;
  const plan = planned(content, act, nth, 'h');
  if (!plan) return undefined;
  const { date, mark } = plan;
  try {
    if (act.deed.startsWith('following')) {
      if (plan.kind === 'delete') await eventService.deleteFollowing(USER, `${id}_${date}`);
      else await eventService.updateFollowing(USER, `${id}_${date}`, plan.change);
    } else {
      const target = date === undefined ? id : `${id}_${date}`;
      if (plan.kind === 'delete') await eventService.delete(USER, target);
      else await eventService.update(USER, target, plan.change);
    }
  } catch (error) {
    if (isSyncError(error) && ['impossible-input', 'not-found', 'conflict-state'].includes(error.code))
      return undefined;
    throw error;
  }
  return { date, ...(mark ? { mark } : {}) };
}

async function actThere(world: SyncWorld, act: Act, nth: number): Promise<Effect | undefined> {
  const { mailbox } = world;
  const all = inOrder([...world.remoteContents()]);
  const found = all[act.series % Math.max(1, all.length)];
  if (!found) return undefined;
  const [id, content] = found;
  const plan = planned(content, act, nth, 't');
  if (!plan) return undefined;
  const { date = '', mark } = plan;
  try {
    if (act.deed.startsWith('following')) {
      if (plan.kind === 'delete') mailbox.deleteFollowing(id, date);
      else mailbox.updateFollowing(id, date, plan.change);
    } else if (plan.kind === 'delete') mailbox.deleteOccurrence(id, date);
    else if (date) mailbox.updateOccurrence(id, date, plan.change);
    else mailbox.updateEvent(id, plan.change);
  } catch (error) {
    if (typeof (error as { status?: unknown }).status === 'number') return undefined;
    throw error;
  }
  return { date: plan.date, ...(mark ? { mark } : {}) };
}

type Plan = { readonly date?: string | undefined; readonly mark?: string } & (
  | { readonly kind: 'delete' }
  | { readonly kind: 'change'; readonly change: Record<string, unknown> }
);

/** The same deed in the same words for both sides: what changes, on which date, and the mark it leaves. */
function planned(content: EventContent, act: Act, nth: number, letter: string): Plan | undefined {
  const { deed, choice } = act;
  const { recurrence } = content;
  const words = { mark: `${letter}${nth}!`, change: { subject: `${letter}${nth}!` } };
  const clock = `T${String(8 + (choice % 9)).padStart(2, '0')}:${letter === 'h' ? nth + 10 : nth + 30}:00`;
  const timesOn = (day: string) => {
    const start = { ...content.start, dateTime: `${day}${clock}` };
    return { mark: clock.slice(3), change: { start, end: { ...start, dateTime: `${day}T20:00:00` } } };
  };
  const day = content.start.dateTime.slice(0, 10);
  switch (deed) {
    case 'words':
      return { kind: 'change', ...words };
    case 'time':
      return { kind: 'change', ...timesOn(day) };
    case 'shift': {
      const days = (choice % 7) - 3;
      const [start, end] = [onLaterDay(content.start, days), onLaterDay(content.end, days)];
      const moved = patchContent({ ...content, occurrences: {} }, { start, end });
      return { kind: 'change', change: { start: moved.start, end: moved.end, recurrence: moved.recurrence } };
    }
    case 'rule':
      return recurrence ? { kind: 'change', change: { recurrence: ruleFrom(choice, day) } } : undefined;
    case 'single':
      return { kind: 'change', change: { recurrence: recurrence ? null : ruleFrom(choice, day) } };
  }
  if (!recurrence) return undefined;
  const dates = datesBetween(recurrence, recurrence.range.startDate, '9999-12-31', 6);
  const date = dates[act.date % Math.max(1, dates.length)];
  if (date === undefined) return undefined;
  switch (deed) {
    case 'date words':
    case 'following words':
      return { kind: 'change', date, ...words };
    case 'date time':
    case 'following time':
      return { kind: 'change', date, ...timesOn(date) };
    case 'date move': {
      const moved = onLaterDay(at(`${date}T00:00:00`), choice % 2 === 0 ? 1 : -1).dateTime.slice(0, 10);
      return { kind: 'change', date, ...timesOn(moved) };
    }
    case 'date reset': {
      const { subject, start, end, showAs } = inheritedFields(content, date);
      return { kind: 'change', date, change: { subject, start, end, showAs } };
    }
    case 'date cancel':
    case 'following delete':
      return { kind: 'delete', date };
  }
}

/** The same order on every replay, whatever the ids. */
function inOrder<Id extends string>(all: readonly (readonly [Id, EventContent])[]): (readonly [Id, EventContent])[] {
  const key = (content: EventContent) => JSON.stringify([content.start.dateTime.slice(0, 19), content.subject]);
  return [...all].sort(([, a], [, b]) => (key(a) < key(b) ? -1 : 1));
}

/**
 * What was written and is nowhere any more, neither on a side nor in a conflict record, although nobody who knew of it
 * wrote over it, moved its series on, or deleted it.
 */
export function vanished({ written, done }: Played, found: { sides: string; records: string }): Written[] {
  return written.filter((one) => {
    if (found.sides.includes(one.mark) || found.records.includes(one.mark)) return false;
    return !done.some((later) => later.nth > one.nth && later.deed !== 'run' && isOverwrittenBy(one, later, done));
  });
}

function isOverwrittenBy(
  one: Written,
  later: Pick<Written, 'nth' | 'side' | 'deed' | 'date'>,
  done: Played['done'],
): boolean {
  const isKnownThere =
    later.side === one.side || done.some(({ nth, deed }) => deed === 'run' && nth > one.nth && nth < later.nth);
  if (!isKnownThere) return false;
  const isWhole = one.date === undefined || one.deed.startsWith('following');
  if (later.deed.startsWith('following')) return isWhole || (later.date ?? '') <= (one.date ?? '');
  if (isWhole) {
    if (one.deed.endsWith('words')) return later.deed === 'words' || later.deed === 'date words';
    return ['time', 'shift', 'rule', 'single', 'date time', 'date move', 'date cancel'].includes(later.deed);
  }
  // A new rule or time takes what was said about single dates along, or drops it, as Exchange does.
  if (['time', 'shift', 'rule', 'single'].includes(later.deed)) return true;
  return later.deed.startsWith('date') && later.date === one.date;
}
