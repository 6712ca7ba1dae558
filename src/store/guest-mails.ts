import { sql } from 'kysely';
import type { UserId } from '../core/ids.ts';
import type { Queryable, Tx } from './db.ts';

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;

/** Mails to guests by the hour they were counted in (ISO 8601). */
type CountsByHour = Readonly<Record<string, number>>;

/** @returns how many mails our writes made Exchange send to guests in the last 24 hours, and when the first of them is a day old */
export async function guestMailsOfTheDay(
  q: Queryable,
  userId: UserId,
  now: Date,
): Promise<{ count: number; freeAt: Date | undefined }> {
  const counts = recent(await read(q, userId), now);
  const hours = Object.keys(counts).sort();
  const [oldest] = hours;
  return {
    count: hours.reduce((sum, hour) => sum + (counts[hour] ?? 0), 0),
    freeAt: oldest === undefined ? undefined : new Date(Date.parse(oldest) + DAY_MS + HOUR_MS),
  };
}

/** Counts mails, or takes back what was counted for a write that did not come about. */
export async function countGuestMails(tx: Tx, userId: UserId, now: Date, mails: number): Promise<void> {
  if (mails === 0) return;
  const counts = recent(await read(tx, userId, 'locked'), now);
  const hour = new Date(Math.floor(now.getTime() / HOUR_MS) * HOUR_MS).toISOString();
  const next = { ...counts, [hour]: Math.max(0, (counts[hour] ?? 0) + mails) };
  await sql`
    update "CalendarConnection" set "guestMails" = ${JSON.stringify(next)}::jsonb where "userId" = ${userId}
  `.execute(tx.kysely);
}

async function read(q: Queryable, userId: UserId, how?: 'locked'): Promise<CountsByHour> {
  const found = await sql<{ guestMails: CountsByHour }>`
    select "guestMails" from "CalendarConnection" where "userId" = ${userId} ${how === 'locked' ? sql`for update` : sql``}
  `.execute(q.kysely);
  return found.rows[0]?.guestMails ?? {};
}

function recent(counts: CountsByHour, now: Date): CountsByHour {
  const since = now.getTime() - DAY_MS;
  return Object.fromEntries(Object.entries(counts).filter(([hour]) => Date.parse(hour) + HOUR_MS > since));
}
