import { type CalendarId, DEFAULT_CALENDAR_ID, type UserId } from '../core/ids.ts';
import type { Random } from '../core/runtime.ts';
import type { RemoteCalendar } from '../graph/calendar-graph.ts';
import type { CalendarRepository, StoredCalendar } from '../store/calendar.repository.ts';
import type { CursorRepository } from '../store/cursor.repository.ts';
import type { Tx } from '../store/db.ts';
import type { LeaseRepository } from '../store/lease.repository.ts';

export interface CalendarListParts {
  readonly calendars: CalendarRepository;
  readonly cursors: CursorRepository;
  readonly random: Random;
  /** Takes the mailbox from a run at work before calendars change under it; left out by the run itself. */
  readonly leases?: LeaseRepository;
}

/** `relabelled`: ids of ours stand for other calendars than before; `renumbered`: only Graph's ids are new. */
export type CalendarListChange = 'none' | 'renumbered' | 'relabelled';

/**
 * Brings our list of a mailbox's calendars in line with Graph's. Graph has no delta for it and no immutable ids, so the
 * lists are compared: our ids stay with the calendars they were given to.
 *
 * A calendar is known by its id at Graph; where that is new, by name and owner (ids change after creation and after a
 * mailbox was moved: graph contract 14, trap 15). `default` goes with whatever is the mailbox's default calendar. What is
 * not listed any more is marked, never deleted: what is known of its events is kept, and it may come back.
 *
 * @returns what a run at work must not go on after: it would read one folder and write down another's progress
 */
export async function saveCalendarList(
  tx: Tx,
  parts: CalendarListParts,
  userId: UserId,
  found: readonly RemoteCalendar[],
  now: Date,
): Promise<CalendarListChange> {
  await parts.calendars.lockList(tx, userId);
  const before = await parts.calendars.list(tx, userId);
  const listed = withOneDefault(
    found,
    before.find(({ id }) => id === DEFAULT_CALENDAR_ID),
  );
  const move = defaultMoveIn(before, listed);
  const change = move ? 'relabelled' : isRenumbered(before, listed) ? 'renumbered' : 'none';
  // Before anything is written, because a run locks its lease before its calendars, too.
  if (change !== 'none') await parts.leases?.revoke(tx, userId);
  if (move) await followDefault(tx, parts, userId, move);
  const stored = move ? await parts.calendars.list(tx, userId) : before;
  const known = matchCalendars(stored, listed);
  for (const remote of listed) {
    const match = known.get(remote);
    const id = match?.id ?? (remote.isDefault ? DEFAULT_CALENDAR_ID : (parts.random.id() as CalendarId));
    await parts.calendars.save(tx, userId, {
      id,
      graphCalendarId: remote.id,
      name: remote.name,
      isDefault: remote.isDefault,
      canEdit: remote.canEdit,
      ownerAddress: remote.ownerAddress,
      color: remote.color,
    });
    // The link of another folder, or of a time before it was gone, says nothing about this one.
    if (match && !isSameFolder(match, remote)) await parts.cursors.delete(tx, userId, id);
  }
  const kept = new Set([...known.values()].map(({ id }) => id));
  for (const calendar of stored) {
    if (!kept.has(calendar.id) && !calendar.removedAt) await parts.calendars.markRemoved(tx, userId, calendar.id, now);
  }
  return change;
}

function isSameFolder(known: StoredCalendar, remote: RemoteCalendar): boolean {
  return known.graphCalendarId === remote.id && known.removedAt === undefined;
}

function isRenumbered(stored: readonly StoredCalendar[], listed: readonly RemoteCalendar[]): boolean {
  return [...matchCalendars(stored, listed)].some(([remote, known]) => !isSameFolder(known, remote));
}

/** A mailbox has exactly one default calendar. Should Graph say otherwise, the one we know for it stays the one. */
function withOneDefault(found: readonly RemoteCalendar[], known: StoredCalendar | undefined): RemoteCalendar[] {
  const candidates = found.filter(({ isDefault }) => isDefault);
  const chosen =
    candidates.length === 1
      ? candidates[0]
      : ((candidates.length > 0 ? candidates : found).find(({ id }) => id === known?.graphCalendarId) ?? candidates[0]);
  return found.map((calendar) => ({ ...calendar, isDefault: calendar === chosen }));
}

/** Another calendar has become the mailbox's default one; `successor` is what we know of it. */
interface DefaultMove {
  readonly successor: StoredCalendar | undefined;
}

function defaultMoveIn(stored: readonly StoredCalendar[], listed: readonly RemoteCalendar[]): DefaultMove | undefined {
  const now = listed.find(({ isDefault }) => isDefault);
  const before = stored.find(({ id }) => id === DEFAULT_CALENDAR_ID);
  if (!now || !before?.graphCalendarId || before.graphCalendarId === now.id) return undefined;
  const successor = stored.find(({ graphCalendarId }) => graphCalendarId === now.id);
  const isStillListed = listed.some(({ id }) => id === before.graphCalendarId);
  // Neither the old one is there any more, nor was the new one before: the same calendar under a new id.
  return isStillListed || successor ? { successor } : undefined;
}

/** When another calendar has become the mailbox's default one, ours change their names, with everything in them. */
async function followDefault(
  tx: Tx,
  { calendars, random }: CalendarListParts,
  userId: UserId,
  { successor }: DefaultMove,
): Promise<void> {
  await calendars.relabel(tx, userId, DEFAULT_CALENDAR_ID, random.id() as CalendarId);
  if (successor) await calendars.relabel(tx, userId, successor.id, DEFAULT_CALENDAR_ID);
}

function matchCalendars(
  stored: readonly StoredCalendar[],
  listed: readonly RemoteCalendar[],
): Map<RemoteCalendar, StoredCalendar> {
  const matches = new Map<RemoteCalendar, StoredCalendar>();
  const free = new Set(stored);
  const take = (remote: RemoteCalendar, calendar: StoredCalendar | undefined): void => {
    if (!calendar) return;
    matches.set(remote, calendar);
    free.delete(calendar);
  };
  for (const remote of listed) {
    take(
      remote,
      [...free].find(({ id, graphCalendarId }) =>
        remote.isDefault ? id === DEFAULT_CALENDAR_ID : id !== DEFAULT_CALENDAR_ID && graphCalendarId === remote.id,
      ),
    );
  }
  for (const remote of listed) {
    if (matches.has(remote) || remote.isDefault) continue;
    const namesakes = [...free].filter((calendar) => calendar.id !== DEFAULT_CALENDAR_ID && sameName(calendar, remote));
    const present = namesakes.filter(({ removedAt }) => removedAt === undefined);
    const candidates = present.length > 0 ? present : namesakes;
    // Two of the same name, from two groups: guessing could mix their events up.
    const isUnique = listed.filter((other) => !matches.has(other) && sameName(other, remote)).length === 1;
    if (candidates.length === 1 && isUnique) take(remote, candidates[0]);
  }
  return matches;
}

function sameName(
  a: { readonly name: string; readonly ownerAddress?: string | undefined },
  b: { readonly name: string; readonly ownerAddress?: string | undefined },
): boolean {
  return a.name === b.name && (a.ownerAddress ?? '').toLowerCase() === (b.ownerAddress ?? '').toLowerCase();
}
