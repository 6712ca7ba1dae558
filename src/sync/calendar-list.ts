import { type CalendarId, DEFAULT_CALENDAR_ID, type UserId } from '../core/ids.ts';
import type { Random } from '../core/runtime.ts';
import type { RemoteCalendar } from '../graph/calendar-graph.ts';
import type { CalendarRepository, StoredCalendar } from '../store/calendar.repository.ts';
import type { CursorRepository } from '../store/cursor.repository.ts';
import type { Tx } from '../store/db.ts';

export interface CalendarListParts {
  readonly calendars: CalendarRepository;
  readonly cursors: CursorRepository;
  readonly random: Random;
}

/**
 * Brings our list of a mailbox's calendars in line with Graph's. Graph has no delta for it and no immutable ids, so the
 * lists are compared: our ids stay with the calendars they were given to.
 *
 * A calendar is known by its id at Graph; where that is new, by name and owner (ids change after creation and after a
 * mailbox was moved: graph contract 14, trap 15). `default` goes with whatever is the mailbox's default calendar. What is
 * not listed any more is marked, never deleted: what is known of its events is kept, and it may come back.
 */
export async function saveCalendarList(
  tx: Tx,
  parts: CalendarListParts,
  userId: UserId,
  found: readonly RemoteCalendar[],
  now: Date,
): Promise<void> {
  await parts.calendars.lockList(tx, userId);
  const listed = withOneDefault(found, await parts.calendars.find(tx, userId, DEFAULT_CALENDAR_ID));
  await followDefault(tx, parts, userId, listed);
  const stored = await parts.calendars.list(tx, userId);
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
    const isSameFolder = match?.graphCalendarId === remote.id && match.removedAt === undefined;
    if (match && !isSameFolder) await parts.cursors.delete(tx, userId, id);
  }
  const kept = new Set([...known.values()].map(({ id }) => id));
  for (const calendar of stored) {
    if (!kept.has(calendar.id) && !calendar.removedAt) await parts.calendars.markRemoved(tx, userId, calendar.id, now);
  }
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

/** When another calendar has become the mailbox's default one, ours change their names, with everything in them. */
async function followDefault(
  tx: Tx,
  { calendars, random }: CalendarListParts,
  userId: UserId,
  listed: readonly RemoteCalendar[],
): Promise<void> {
  const stored = await calendars.list(tx, userId);
  const now = listed.find(({ isDefault }) => isDefault);
  const before = stored.find(({ id }) => id === DEFAULT_CALENDAR_ID);
  if (!now || !before?.graphCalendarId || before.graphCalendarId === now.id) return;
  const successor = stored.find(({ graphCalendarId }) => graphCalendarId === now.id);
  const isStillListed = listed.some(({ id }) => id === before.graphCalendarId);
  // Neither the old one is there any more, nor was the new one before: the same calendar under a new id.
  if (!isStillListed && !successor) return;
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
