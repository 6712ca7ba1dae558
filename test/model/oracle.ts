import { changedUnits, type Unit, unitValue } from '../../src/core/canonical-event.ts';
import { isMassDeletion } from '../../src/core/deletion-brake.ts';
import type { EventContent } from '../../src/core/event.ts';
import type { GraphEventId, UserId } from '../../src/core/ids.ts';
import { expandOccurrences } from '../../src/core/recurrence.ts';
import type { EventBase } from '../../src/store/base.repository.ts';
import type { StoredConflict } from '../../src/store/conflict.repository.ts';
import type { StoredEvent } from '../../src/store/event.repository.ts';
import type { OwnSyncOperation } from '../../src/store/operation.repository.ts';
import { DELETED_THERE } from '../../src/sync/remote-planner.ts';
import type { CalendarName, Calendars, Placed } from './calendars.ts';
import type { Engine } from './engine.ts';
import type { Ledger, Tracked } from './ledger.ts';

export type ViolationKind =
  | 'lost'
  | 'doubled'
  | 'resurrected'
  | 'unequal'
  | 'unsettled'
  | 'mailed'
  | 'needless'
  | 'too many requests'
  | 'undercut'
  | 'wrote unfenced'
  | 'touched another'
  | 'unrecorded'
  | 'unbraked'
  | 'failed';

export interface Violation {
  readonly kind: ViolationKind;
  readonly what: string;
}

/** Both sides at the end, and every record of what was decided in between. */
export interface Findings {
  readonly local: readonly StoredEvent[];
  readonly bases: ReadonlyMap<string, EventBase>;
  /** What is in synced calendars, by id. */
  readonly remote: ReadonlyMap<string, Placed>;
  /** What is in calendars that are not synced. */
  readonly apart: ReadonlyMap<string, Placed>;
  readonly calendarsHere: ReadonlyMap<string, CalendarName>;
  readonly conflicts: readonly StoredConflict[];
  /**
   * Edits that may not leave the service keep no event that is deleted in Outlook, and leave no conflict: of those that the
   * journal has shown as held, the values of just these units as they were deleted.
   */
  readonly heldAndDeleted: readonly unknown[];
  /** What the journal has of events as they were when they went here. */
  readonly asTheyWent: readonly unknown[];
  /** Events in Outlook with something that may not leave the service: a deletion that would mail guests, too. */
  readonly heldThere: ReadonlySet<string>;
  /** Events here with a file that would mail guests. */
  readonly withHeldFiles: ReadonlySet<string>;
  /** Runs that deleted many events on one side, and nobody had confirmed it. */
  readonly unasked: readonly { readonly runId: string; readonly side: string; readonly count: number }[];
}

const MANY = 10_000;
/** Whatever the clocks of the model jump to. */
const ALL_TIME = { start: new Date('2020-01-01T00:00:00Z'), end: new Date('2035-01-01T00:00:00Z') };

export async function look(engine: Engine, userId: UserId, calendars: Calendars): Promise<Findings> {
  const { db, store } = engine;
  const listed = await store.events.listWindow(db, userId, { limit: MANY });
  const local = listed.map(({ event }) => event);
  const { items: conflicts } = await store.conflicts.list(db, { userId, status: 'all', limit: MANY, offset: 0 });
  const ids = [...local.map(({ id }) => id), ...conflicts.map(({ eventId }) => eventId)];
  const bases = await store.bases.findByEventIds(db, userId, [...new Set(ids)]);
  const trail = await store.operations.listAllOwn(db, userId, { limit: MANY });
  const deletions = trail.filter(
    ({ side, operation, reason }) => side === 'local' && operation === 'delete' && reason === DELETED_THERE,
  );
  const heldAndDeleted = valuesHeldAndDeleted(trail, deletions);
  const asTheyWent = trail.flatMap(({ side, operation, before }) =>
    side === 'local' && operation === 'delete' && before ? [before] : [],
  );
  const all = [...calendars.all()];
  const [remote, apart] = [true, false].map(
    (isSynced) => new Map(all.filter(([, { calendar }]) => calendars.synced.includes(calendar) === isSynced)),
  ) as [Map<string, Placed>, Map<string, Placed>];
  const named = await calendars.idsHere(engine, userId);
  const calendarsHere = new Map([...named].map(([name, id]) => [id as string, name]));
  const there = await store.bases.findByGraphIds(db, userId, all.map(([id]) => id) as GraphEventId[]);
  const heldThere = new Set<string>([...there].flatMap(([id, { heldUnits }]) => (heldUnits.length > 0 ? [id] : [])));
  const files = await engine.store.attachments.listOf(
    db,
    userId,
    local.map(({ id }) => id),
  );
  const withHeldFiles = new Set<string>(files.flatMap(({ eventId, isHeld }) => (isHeld ? [eventId] : [])));
  const unasked = await unaskedDeletions(engine, userId, trail);
  const held = { heldAndDeleted, heldThere, withHeldFiles };
  return { local, bases, remote, apart, calendarsHere, conflicts, asTheyWent, ...held, unasked };
}

function valuesHeldAndDeleted(
  trail: readonly OwnSyncOperation[],
  deletions: readonly OwnSyncOperation[],
): readonly unknown[] {
  const held = new Map<string, Set<Unit>>();
  for (const { eventId, operation, fields } of trail) {
    if (operation !== 'hold') continue;
    held.set(eventId, new Set([...(held.get(eventId) ?? []), ...(fields as Unit[])]));
  }
  return deletions.flatMap(({ eventId, before }) =>
    before ? [...(held.get(eventId) ?? [])].map((unit) => unitValue(before, unit)) : [],
  );
}

/** Deletions that one side followed the other with, by the run that did so without a person's word. */
async function unaskedDeletions(
  { db, store }: Engine,
  userId: UserId,
  trail: readonly OwnSyncOperation[],
): Promise<Findings['unasked']> {
  const { items } = await store.runs.list(db, { userId, limit: MANY, offset: 0 });
  const confirmed = new Set(items.filter(({ request }) => request.confirmDeletions).map(({ id }) => id));
  const followed = trail.filter(
    ({ side, operation, reason, runId }) =>
      operation === 'delete' && (side === 'remote' || reason === DELETED_THERE) && !confirmed.has(runId),
  );
  return [...Map.groupBy(followed, ({ runId, side }) => `${runId} ${side}`).values()].map((lines) => {
    const { runId, side } = lines[0] as OwnSyncOperation;
    return { runId, side, count: lines.length };
  });
}

/** Whether what the two sides say now is what people may expect of what they did. */
export function judge(ledger: Ledger, findings: Findings): Violation[] {
  return [
    ...[...unequal(findings), ...lost(ledger, findings), ...doubled(ledger, findings), ...risen(ledger, findings)],
    ...unbraked(ledger, findings),
  ];
}

/** There never were more events than people made, so that what is too much of those is too much of what was synced. */
function unbraked({ events }: Ledger, { unasked }: Findings): Violation[] {
  const tooMany = unasked.filter(({ count }) => isMassDeletion({ deletions: count, synced: events.length }));
  return tooMany.map(({ runId, side, count }) => ({
    kind: 'unbraked',
    what: `run ${runId.slice(0, 8)} deleted ${count} of at most ${events.length} events, ${side}, unasked`,
  }));
}

function unequal(findings: Findings): Violation[] {
  const { local, bases, remote, apart, calendarsHere, conflicts, heldThere, withHeldFiles } = findings;
  const violations: Violation[] = [];
  const unmatched = new Map(remote);
  const waiting = new Map(conflicts.filter(({ resolvedAt }) => !resolvedAt).map((each) => [each.eventId, each]));
  for (const { id, calendarId, content, graphEventId } of local) {
    const base = bases.get(id);
    const linked = base?.graphEventId ?? graphEventId;
    const there = linked && unmatched.get(linked);
    if (linked) unmatched.delete(linked);
    if (!there) {
      // What somebody else organizes and what would mail guests stays here alone, and says so.
      const isHeld = (base?.heldUnits.length ?? 0) > 0 || withHeldFiles.has(id);
      if (!waiting.has(id) && !isHeld) {
        const where = linked && apart.has(linked) ? 'here, and in a calendar that is not synced' : 'only here';
        violations.push({ kind: 'unequal', what: `“${content.subject}” is ${where}` });
      }
      continue;
    }
    const allowed = new Set<Unit>([
      ...(waiting.has(id) ? (base?.conflictUnits ?? []) : []),
      ...(base?.heldUnits ?? []),
    ]);
    if (calendarsHere.get(calendarId) !== there.calendar) {
      const where = `${calendarsHere.get(calendarId)} here and in ${there.calendar} in Outlook`;
      violations.push({ kind: 'unequal', what: `“${content.subject}” is in ${where}` });
    }
    const units = changedUnits(content, there.content).filter(
      (unit) => !allowed.has(unit) && !(base && isBeyondRestoring(base, { unit, here: content, there: there.content })),
    );
    if (units.length > 0) {
      const what = `“${content.subject}” differs in ${units.join(', ')}`;
      violations.push({ kind: 'unequal', what: `${what}${base?.errorCode ? ` (${base.errorCode})` : ''}` });
    }
  }
  const held = new Set([...waiting.keys()].map((eventId) => bases.get(eventId)?.graphEventId));
  for (const [id, { content }] of unmatched) {
    if (![...held].some((heldId) => heldId === id) && !heldThere.has(id) && hasDates(content)) {
      violations.push({ kind: 'unequal', what: `“${content.subject}” is only in Outlook` });
    }
  }
  return violations;
}

/** An edit of a date that was cancelled in Outlook won: Exchange cannot restore it, and the event says what to do about it. */
function isBeyondRestoring(
  { errorCode }: EventBase,
  { unit, here, there }: { unit: Unit; here: EventContent; there: EventContent },
): boolean {
  const date = unit.startsWith('occurrence:') ? unit.slice('occurrence:'.length) : '';
  const isEdited = here.occurrences[date]?.isCancelled === false;
  return errorCode === 'ErrorItemNotFound' && isEdited && there.occurrences[date]?.isCancelled === true;
}

/** A series all of whose dates were cancelled stands in no view of Outlook: nobody sees it, and no delta tells of it. */
function hasDates(content: EventContent): boolean {
  return !content.recurrence || expandOccurrences(content, ALL_TIME).length > 0;
}

function lost(ledger: Ledger, findings: Findings): Violation[] {
  const { local, remote, apart, conflicts, heldAndDeleted, asTheyWent } = findings;
  const standing = ledger.wordsIn([local.map(({ content }) => content), [...remote.values(), ...apart.values()]]);
  const recorded = ledger.wordsIn([
    conflicts.map(({ data, resolutionData }) => [data, resolutionData]),
    heldAndDeleted,
  ]);
  const went = ledger.wordsIn(asTheyWent);
  return (
    ledger.written
      .filter(({ word, isOverwritten }) => !isOverwritten && !standing.has(word) && !recorded.has(word))
      // With a meeting that is declined here goes what its organizer wrote; what was written here after that is in the journal.
      .filter(({ word, event, side }) => !ledger.events[event]?.isDeclined || (side === 'here' && !went.has(word)))
      .map(({ word, event, side, step }) => ({
        kind: 'lost' as const,
        what: `${word}, written into event ${event} on the side “${side}” by step ${step}`,
      }))
  );
}

function doubled(ledger: Ledger, { local, remote, apart }: Findings): Violation[] {
  const sides: [string, string[]][] = [
    ['here', local.map(({ content }) => content.subject)],
    ['in Outlook', [...remote.values(), ...apart.values()].map(({ content }) => content.subject)],
  ];
  return sides.flatMap(([side, subjects]) => {
    const seen = new Set<Tracked>();
    return subjects.flatMap((subject): Violation[] => {
      const event = ledger.eventOf(subject);
      if (!event) return [{ kind: 'doubled', what: `nobody made “${subject}”, which stands ${side}` }];
      // Moved on its way, and gone under the id or in the place that an old word names: the edit that met it made it anew.
      if (event.mayBeSeveral || (event.wasMoved && ledger.hasOldWord) || !seen.has(event)) {
        seen.add(event);
        return [];
      }
      return [{ kind: 'doubled', what: `event ${event.number} stands twice ${side} (“${subject}”)` }];
    });
  });
}

/** What was deleted stays so, unless somebody edited it meanwhile, and a record says so. */
function risen(ledger: Ledger, { local, remote, apart, conflicts, heldThere }: Findings): Violation[] {
  const excused = new Set(
    conflicts
      // One that waits for a person's decision waits whole, its deletion too.
      .filter(({ conflictType, resolvedAt }) => conflictType.includes('DELETE') || !resolvedAt)
      .flatMap(({ data }) => [data.base, data.local, data.remote])
      .flatMap((content) => (content ? [ledger.eventOf(content.subject)] : [])),
  );
  const subjects = [
    ...local.map(({ content }) => content.subject),
    // A deletion that would mail guests waits, and says so.
    ...[...remote, ...apart].filter(([id]) => !heldThere.has(id)).map(([, { content }]) => content.subject),
  ];
  return [...new Set(subjects.map((subject) => ledger.eventOf(subject)))].flatMap((event): Violation[] => {
    // Moved on its way, and gone under the id or in the place that an old word names: in the other calendar it seems to be new.
    if (event?.wasMoved && ledger.hasOldWord) return [];
    // Of a series that was split, the other half may well be there.
    if (!event || event.mayBeSeveral || event.mayReturn || event.deletedOn.size === 0 || excused.has(event)) return [];
    return [{ kind: 'resurrected', what: `event ${event.number}, deleted on ${[...event.deletedOn].join(' and ')}` }];
  });
}
