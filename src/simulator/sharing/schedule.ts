import type { Mailbox } from '../mailbox/mailbox.ts';
import type { CalendarRole, Content } from '../mailbox/model.ts';
import { instancesBetween, overlaps } from '../mailbox/series.ts';
import { findZone, toInstant } from '../mailbox/zones.ts';
import { isPrivate } from './masking.ts';
import { rightsOf } from './roles.ts';

/** One entry of a mailbox's free/busy time. */
export interface BusyTime {
  startMs: number;
  endMs: number;
  status: string;
  /** Present for those who may read titles. */
  details?: { isPrivate: boolean; subject: string; location: string };
}

/** Digits of `availabilityView`, and which of two wins where entries overlap: the later in this list. */
const DIGITS: readonly (readonly [status: string, digit: string])[] = [
  ['free', '0'],
  ['unknown', '0'],
  ['workingElsewhere', '4'],
  ['tentative', '1'],
  ['busy', '2'],
  ['oof', '3'],
];

const rankOf = (status: string): number => DIGITS.findIndex(([name]) => name === status);

/** What is in the default calendar during a window, in order of start, as far as `role` shows it. */
export function busyTimes(
  mailbox: Mailbox,
  window: { startMs: number; endMs: number },
  role: CalendarRole | 'own',
): BusyTime[] {
  const { startMs, endMs } = window;
  const found: BusyTime[] = [];
  for (const item of mailbox.itemsNear(mailbox.defaultCalendar.folder, startMs, endMs)) {
    const contents =
      item.recurrence === null
        ? [item.content].filter((content) => overlaps(content, startMs, endMs, true))
        : instancesBetween(item, startMs, endMs, true).map(({ content }) => content);
    for (const content of contents) found.push(busyTime(content, role));
  }
  return found.sort((a, b) => a.startMs - b.startMs || a.endMs - b.endMs);
}

function busyTime(content: Content, role: CalendarRole | 'own'): BusyTime {
  // An all-day event floats; time is taken where its organiser put it.
  const zone = content.isAllDay ? (findZone(content.startZone) ?? 'UTC') : 'UTC';
  const time = {
    startMs: toInstant(zone, content.startMs),
    endMs: toInstant(zone, content.endMs),
    status: content.showAs,
  };
  const { sight, seesPrivate } = role === 'own' ? { sight: 'details', seesPrivate: true } : rightsOf(role);
  if (sight === 'times' || sight === 'nothing') return time;
  const isSecret = isPrivate(content);
  const isVeiled = isSecret && !seesPrivate;
  const { subject, location } = content;
  return {
    ...time,
    details: {
      isPrivate: isSecret,
      subject: isVeiled ? '' : subject,
      location: isVeiled ? '' : location.displayName,
    },
  };
}

/** One digit for each interval of the window. */
export function availabilityView(
  times: readonly BusyTime[],
  window: { startMs: number; endMs: number },
  intervalMs: number,
): string {
  const slots = Math.ceil((window.endMs - window.startMs) / intervalMs);
  const ranks = new Array<number>(slots).fill(0);
  for (const { startMs, endMs, status } of times) {
    const first = Math.max(0, Math.floor((startMs - window.startMs) / intervalMs));
    const end = Math.min(slots, Math.ceil((endMs - window.startMs) / intervalMs));
    for (let slot = first; slot < end; slot += 1) ranks[slot] = Math.max(ranks[slot]!, rankOf(status));
  }
  return ranks.map((rank) => DIGITS[rank]![1]).join('');
}
