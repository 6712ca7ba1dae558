import type { GraphCalendarId, GraphEventId } from '../core/ids.ts';
import type { GraphSession } from './calendar-graph.ts';

/** Addresses below `/v1.0`. */

type Mailbox = Pick<GraphSession, 'mailbox'>;

export function userPath({ mailbox }: Mailbox): string {
  return `/users/${segment(mailbox)}`;
}

export function calendarPath(session: Mailbox, calendarId: GraphCalendarId): string {
  return `${userPath(session)}/calendars/${segment(calendarId)}`;
}

export function eventPath(session: Mailbox, eventId: GraphEventId): string {
  return `${userPath(session)}/events/${segment(eventId)}`;
}

/** Ids may hold `=`, addresses an apostrophe: one path segment each, whatever is in it. */
export function segment(id: string): string {
  return encodeURIComponent(id).replaceAll("'", '%27');
}

export function query(options: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(options).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `?${pairs.join('&')}`;
}
