import { sameUnit, type Unit, unchangedUnit, unitsOf, withUnit } from '../core/canonical-event.ts';
import type { DateTimeTimeZone, EmailAddress, EventContent } from '../core/event.ts';
import { singleContent } from '../core/ics/ics-event.ts';
import { type IcsGroup, type IcsRecord, type IcsRemark, remark } from '../core/ics/ics-reader.ts';
import { assembleEvent, type DetachedDate, withExceptions } from '../core/ics/ics-series.ts';
import type { StoredEvent } from '../store/event.repository.ts';

/** A longer UID does not fit the index; nobody would find the event by it. */
const MAX_UID_CHARACTERS = 1_000;
/** One event to be: what the file says, and by which names it may be here already. */
export interface Candidate {
  readonly uid: string | null;
  /** What its id is derived from. */
  readonly key: string;
  /** The UID under which the same meeting is known in Outlook; absent for a date torn out of a series. */
  readonly iCalUId: string | undefined;
  readonly content: EventContent;
  readonly organizer: EmailAddress | undefined;
  readonly isFloating: boolean;
  readonly recurrenceId?: string;
}

/** What one group of a file asks for: an event or a series, and dates that cannot be part of one. */
export function candidatesOf(
  { uid, key }: IcsGroup,
  record: IcsRecord,
  known: StoredEvent | undefined,
): { candidates: Candidate[]; errors: readonly IcsRemark[]; notes: readonly IcsRemark[] } {
  const { master, exceptions } = record;
  const shared = {
    uid,
    key,
    iCalUId: usableUid(uid),
    organizer: master?.organizer,
    isFloating: master?.isFloating ?? false,
  };
  const dates = (detached: readonly DetachedDate[]): Candidate[] =>
    detached.map(({ originalDate, content }) => ({
      ...shared,
      key: `${key}\n${originalDate}`,
      iCalUId: undefined,
      content,
    }));
  if (master) {
    const { content, detached, errors, notes } = assembleEvent(uid, master, record);
    return { candidates: [{ ...shared, content }, ...dates(detached)], errors, notes };
  }
  if (known) {
    const { content, detached, errors, notes } = withExceptions(uid, known.content, exceptions);
    return { candidates: [{ ...shared, content }, ...dates(detached)], errors, notes };
  }
  const alone = exceptions.filter(({ event }) => !event.isCancelled);
  const cancelled = exceptions.filter(({ event }) => event.isCancelled);
  return {
    candidates: alone.map(({ event, originalTime, recurrenceId }) => ({
      ...shared,
      key: `${key}\n${originalTime.value.dateTime.slice(0, 10)}`,
      iCalUId: undefined,
      organizer: event.organizer,
      isFloating: event.isFloating,
      content: singleContent(event),
      recurrenceId,
    })),
    errors: cancelled.map(({ recurrenceId }) =>
      remark(uid, recurrenceId, 'it takes a date out of a series that is neither in the file nor here'),
    ),
    notes: alone.map(({ recurrenceId }) =>
      remark(
        uid,
        recurrenceId,
        'the series it belongs to is neither in the file nor here: it was kept as an event of its own',
      ),
    ),
  };
}

/**
 * Ours with everything in which the file's differs.
 *
 * @returns ours itself when nothing does
 */
export function merged(ours: EventContent, candidate: Candidate): EventContent {
  const file = candidate.isFloating ? onClockOf(ours, candidate.content) : candidate.content;
  let content = ours;
  for (const unit of unitsOf(ours, file)) {
    if (!saysTheSame(ours, file, unit)) content = withUnit(content, unit, file);
  }
  return content;
}

/** Times of nowhere stay on the clock they were first read on, also when the mailbox's zone is another by now. */
function onClockOf(ours: EventContent, file: EventContent): EventContent {
  const { timeZone } = file.start;
  const moved = (value: DateTimeTimeZone) =>
    value.timeZone === timeZone ? { ...value, timeZone: ours.start.timeZone } : value;
  const occurrences = Object.entries(file.occurrences).map(([date, override]) => {
    if (override.isCancelled) return [date, override] as const;
    const { start, end } = override.fields;
    const times = { ...(start ? { start: moved(start) } : {}), ...(end ? { end: moved(end) } : {}) };
    return [date, { isCancelled: false as const, fields: { ...override.fields, ...times } }] as const;
  });
  return { ...file, start: moved(file.start), end: moved(file.end), occurrences: Object.fromEntries(occurrences) };
}

function saysTheSame(ours: EventContent, file: EventContent, unit: Unit): boolean {
  // No file says that an event is not online.
  if (unit === 'isOnlineMeeting' && !file.isOnlineMeeting) return true;
  // A file has a place's name and no more; a date of a series inherits from what stands here.
  if (unit === 'locations' || unit.startsWith('occurrence:')) return sameUnit(ours, file, unit);
  return unchangedUnit(ours, file, unit);
}

export function usableUid(uid: string | null): string | undefined {
  return uid !== null && uid.length <= MAX_UID_CHARACTERS && !uid.includes('\0') ? uid : undefined;
}
