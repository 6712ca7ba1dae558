import { isSyncError, SyncError } from '../errors.ts';
import { type IcsEvent, readVevent } from './ics-event.ts';
import { type IcsComponent, readComponents, readProperties, refused, textOf } from './ics-text.ts';
import { type IcsTime, readTimes } from './ics-times.ts';
import { type ZoneReader, zonesOf } from './ics-zones.ts';

/** One thing about one VEVENT that somebody should know; never a word of its content. */
export interface IcsRemark {
  /** As the file has it; `null` for an event without one. */
  readonly uid: string | null;
  /** The RECURRENCE-ID, where one date of a series is meant. */
  readonly recurrenceId?: string;
  readonly message: string;
}

/** All VEVENTs of a file that share a UID, not read yet: a large file is read step by step. */
export interface IcsGroup {
  readonly uid: string | null;
  /** The UID, or what stands in for it: the same for the same event in the same file tomorrow. */
  readonly key: string;
  readonly vevents: readonly IcsComponent[];
  readonly zones: ZoneReader;
}

export interface IcsFile {
  readonly groups: readonly IcsGroup[];
  readonly errors: readonly IcsRemark[];
  readonly notes: readonly IcsRemark[];
}

/** One date of a series, by where the file says the rule has it. */
export interface IcsException {
  readonly recurrenceId: string;
  readonly originalTime: IcsTime;
  readonly event: IcsEvent;
}

/** A group, read: the event or series itself, if the file has it, and dates of it that differ. */
export interface IcsRecord {
  readonly master: IcsEvent | undefined;
  readonly exceptions: readonly IcsException[];
  readonly errors: readonly IcsRemark[];
  readonly notes: readonly IcsRemark[];
}

/** What to call the file's METHOD when it is not about events to be kept. */
const OTHER_METHODS: Readonly<Record<string, string>> = {
  CANCEL: 'the file cancels this event (METHOD:CANCEL); to follow it, delete the event',
  REPLY: 'the file answers an invitation (METHOD:REPLY) and holds no event to keep',
  COUNTER: 'the file proposes other times (METHOD:COUNTER) and holds no event to keep',
  DECLINECOUNTER: 'the file declines a proposal (METHOD:DECLINECOUNTER) and holds no event to keep',
  REFRESH: 'the file asks for an event (METHOD:REFRESH) and holds none to keep',
};

/**
 * Sorts a file's VEVENTs by UID without reading them yet.
 *
 * @param homeZone  the user's own zone, for times that name none
 * @throws {SyncError} `invalid-input` for what is no iCalendar file
 */
export function openIcs(text: string, homeZone: string | undefined): IcsFile {
  const calendars = readComponents(text).filter(({ name }) => name === 'VCALENDAR' || name === 'VEVENT');
  if (calendars.length === 0) {
    throw new SyncError('invalid-input', 'this is no iCalendar file: it has no BEGIN:VCALENDAR');
  }
  const groups = new Map<string, IcsGroup & { readonly vevents: IcsComponent[] }>();
  const errors: IcsRemark[] = [];
  const others = new Map<string, number>();
  for (const calendar of calendars) {
    const zones = zonesOf(calendar, homeZone);
    const method = textOf(readProperties({ ...calendar, components: [] }).first('METHOD'))?.toUpperCase() ?? '';
    const refusal = calendar.name === 'VCALENDAR' ? OTHER_METHODS[method] : undefined;
    for (const component of calendar.name === 'VEVENT' ? [calendar] : calendar.components) {
      if (component.name !== 'VEVENT') {
        if (component.name !== 'VTIMEZONE') others.set(component.name, (others.get(component.name) ?? 0) + 1);
        continue;
      }
      const uid = uidOf(component);
      if (refusal) {
        errors.push(remark(uid, recurrenceIdOf(component), refusal));
        continue;
      }
      const key = uid ?? `without UID: ${withoutStamp(component)}`;
      const group = groups.get(key);
      if (group) group.vevents.push(component);
      else groups.set(key, { uid, key, vevents: [component], zones });
    }
  }
  const notes = [...others].map(([name, count]) =>
    remark(null, undefined, `${count} ${name} left out: only events are kept`),
  );
  return { groups: [...groups.values()], errors, notes };
}

/** Reads one group. What cannot be held is among the errors, everything else is not. */
export function readGroup({ uid, vevents, zones }: IcsGroup): IcsRecord {
  const errors: IcsRemark[] = [];
  const notes: IcsRemark[] = [];
  const masters = vevents.filter((vevent) => recurrenceIdOf(vevent) === undefined);
  const master = latest(masters);
  for (const other of masters) {
    if (other === master || withoutStamp(other) === withoutStamp(master ?? other)) continue;
    errors.push(
      remark(
        uid,
        undefined,
        'another event of the same UID is in the file: the one with the highest SEQUENCE was taken',
      ),
    );
  }
  const read =
    master &&
    attempt(
      () => readMaster(master, zones),
      (message) => errors.push(remark(uid, undefined, message)),
    );
  for (const message of read?.notes ?? []) notes.push(remark(uid, undefined, message));
  const exceptions: IcsException[] = [];
  for (const [recurrenceId, versions] of byRecurrenceId(vevents)) {
    const vevent = latest(versions);
    const say = (message: string): void => void errors.push(remark(uid, recurrenceId, message));
    if (!vevent) continue;
    if (master && !read) {
      say('the series it belongs to was refused');
      continue;
    }
    const exception = attempt(() => readException(vevent, recurrenceId, zones), say);
    if (!exception) continue;
    exceptions.push(exception);
    for (const message of exception.event.notes) notes.push(remark(uid, recurrenceId, message));
  }
  return { master: read, exceptions, errors, notes };
}

export function remark(uid: string | null, recurrenceId: string | undefined, message: string): IcsRemark {
  return { uid, ...(recurrenceId === undefined ? {} : { recurrenceId }), message };
}

function readMaster(vevent: IcsComponent, zones: ZoneReader): IcsEvent {
  const event = readVevent(vevent, zones);
  if (event.isCancelled) throw refused('it is cancelled (STATUS:CANCELLED)');
  return event;
}

function readException(vevent: IcsComponent, recurrenceId: string, zones: ZoneReader): IcsException {
  const properties = readProperties(vevent);
  const property = properties.first('RECURRENCE-ID');
  if (property?.getFirstParameter('range'))
    throw refused('RANGE=THISANDFUTURE changes the rest of a series, which Outlook cannot');
  const event = readVevent(vevent, zones);
  if (event.recurrence) throw refused('one date of a series (RECURRENCE-ID) cannot have an RRULE of its own');
  const context = { properties, zones, say: () => {}, isSeries: false };
  const originalTime = property && readTimes(property, context, event.fields.start.timeZone)[0];
  if (!originalTime) throw refused('RECURRENCE-ID is not a date or time');
  return { recurrenceId, originalTime, event };
}

function attempt<T>(read: () => T, say: (message: string) => void): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!isSyncError(error)) throw error;
    say(error.message);
    return undefined;
  }
}

function byRecurrenceId(vevents: readonly IcsComponent[]): Map<string, IcsComponent[]> {
  const found = new Map<string, IcsComponent[]>();
  for (const vevent of vevents) {
    const recurrenceId = recurrenceIdOf(vevent);
    if (recurrenceId === undefined) continue;
    const versions = found.get(recurrenceId);
    if (versions) versions.push(vevent);
    else found.set(recurrenceId, [vevent]);
  }
  return found;
}

/** The highest SEQUENCE; of equal ones the last, as a program that appends would have it. */
function latest(versions: readonly IcsComponent[]): IcsComponent | undefined {
  const sequence = (vevent: IcsComponent) => Number(textOf(readProperties(vevent).first('SEQUENCE')) ?? 0) || 0;
  return versions.reduce<IcsComponent | undefined>(
    (best, vevent) => (best && sequence(best) > sequence(vevent) ? best : vevent),
    undefined,
  );
}

function uidOf(vevent: IcsComponent): string | null {
  const line = vevent.lines.find((one) => /^\s*UID\s*[;:]/i.test(one));
  const uid = line && textOf(readProperties({ ...vevent, lines: [line] }).first('UID'))?.trim();
  return uid || null;
}

/** As the file writes it, with its zone: the two together name one date. */
function recurrenceIdOf(vevent: IcsComponent): string | undefined {
  const line = vevent.lines.find((one) => /^\s*RECURRENCE-ID\s*[;:]/i.test(one));
  return line
    ?.trim()
    .slice('RECURRENCE-ID'.length + 1)
    .replace(/^VALUE=DATE(-TIME)?[;:]/i, '')
    .replace(/^TZID=/i, '');
}

/** What stays the same when the same event is exported once more. */
function withoutStamp(vevent: IcsComponent): string {
  const lines = vevent.lines.filter((line) => !/^\s*(DTSTAMP|SEQUENCE|LAST-MODIFIED|CREATED)\s*[;:]/i.test(line));
  return [...lines].sort().join('\n');
}
