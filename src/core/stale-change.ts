const DAY_MS = 24 * 60 * 60_000;

/**
 * Longer than any outage, holiday or lapsed sign-in that people would still connect with the change: mail about it would
 * come out of nowhere.
 */
export const STALE_AFTER_MS = 14 * DAY_MS;
/** Once a meeting is over, mail about how it should have been is of no use; a day is left for the minutes, and for being late. */
export const STALE_ONCE_OVER_MS = DAY_MS;
/** What an event carries whose change was made too long ago to mail its guests about it now. */
export const STALE_CHANGE = 'STALE_CHANGE';

/**
 * Whether a change was made too long ago to mail anybody about it now: it is held until somebody changes the event again.
 *
 * @param change.endsAt  when the meeting is over; a series' last date, if it has one
 */
export function isStaleChange(change: {
  readonly madeAt: Date;
  readonly endsAt: Date | null | undefined;
  readonly now: Date;
}): boolean {
  const { madeAt, endsAt, now } = change;
  const ageMs = now.getTime() - madeAt.getTime();
  if (ageMs > STALE_AFTER_MS) return true;
  const isOver = endsAt !== null && endsAt !== undefined && endsAt.getTime() < now.getTime();
  return isOver && madeAt.getTime() < endsAt.getTime() && ageMs > STALE_ONCE_OVER_MS;
}
