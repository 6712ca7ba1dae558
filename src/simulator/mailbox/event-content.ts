import { GraphError, validationFailure } from '../http/graph-error.ts';
import { storeBody, withJoinBlock } from './bodies.ts';
import type { EventInput } from './event-schema.ts';
import { noLocation, storeLocations } from './locations.ts';
import { type Content, NEVER, type StoredAttendee } from './model.ts';
import { DAY_MS, parseLocal, requireZone, toInstant, windowsName } from './zones.ts';

/** An event's attendees at most (Microsoft Graph "event"). */
const MAX_ATTENDEES = 500;

export interface ContentRules {
  /** Whether the calendar's owner may host Teams meetings; otherwise the wish is ignored silently. */
  teams: boolean;
  storedZoneNames: 'as-sent' | 'windows';
  /** Makes the join link of a new online meeting. */
  newJoinUrl: () => string;
}

const emptyContent = (): Content => ({
  subject: '',
  bodyHtml: '',
  importance: 'normal',
  sensitivity: 'normal',
  showAs: 'busy',
  isAllDay: false,
  startMs: 0,
  endMs: 0,
  startZone: 'UTC',
  endZone: 'UTC',
  categories: [],
  isReminderOn: true,
  reminderMinutesBeforeStart: 15,
  location: noLocation(),
  locations: [],
  attendees: [],
  responseRequested: true,
  allowNewTimeProposals: true,
  hideAttendees: false,
  isOnlineMeeting: false,
  onlineMeetingProvider: 'unknown',
  onlineMeeting: null,
});

/**
 * The content after a write: `before` (nothing on create) with the input's properties over it, in the form
 * Exchange stores.
 *
 * @throws {GraphError} 400 for times, zones, all-day rules or attendees Graph refuses
 */
export function writeContent(before: Content | undefined, input: EventInput, rules: ContentRules): Content {
  const content: Content = { ...(before ?? emptyContent()) };
  writePlain(content, input);
  writeTimes(content, input, before, rules);
  if (input['location'] !== undefined || input['locations'] !== undefined) {
    Object.assign(content, storeLocations(input as Parameters<typeof storeLocations>[0]));
  }
  if (input['attendees'] !== undefined) content.attendees = readAttendees(input['attendees'], before?.attendees ?? []);
  if (input['body'] !== undefined) {
    const body = (input['body'] ?? {}) as { contentType?: string | null; content?: string | null };
    content.bodyHtml = storeBody({ contentType: body.contentType ?? 'text', content: body.content ?? '' });
  }
  writeOnlineMeeting(content, input, before, rules);
  return content;
}

const PLAIN = [
  ...['importance', 'sensitivity', 'showAs', 'isReminderOn', 'reminderMinutesBeforeStart'],
  ...['responseRequested', 'allowNewTimeProposals', 'hideAttendees'],
] as const;

function writePlain(content: Content, input: EventInput): void {
  if (input['subject'] !== undefined)
    content.subject = ((input['subject'] as string | null) ?? '').replace(/[\r\n]+/g, ' ');
  if (input['categories'] !== undefined) content.categories = [...new Set((input['categories'] ?? []) as string[])];
  const target = content as unknown as Record<string, unknown>;
  for (const name of PLAIN) {
    const value = input[name];
    if (value !== undefined && value !== null) target[name] = value;
  }
  if (content.reminderMinutesBeforeStart < 0) throw validationFailure();
}

function writeTimes(content: Content, input: EventInput, before: Content | undefined, rules: ContentRules): void {
  const start = input['start'] as { dateTime?: string; timeZone?: string } | null | undefined;
  const end = input['end'] as { dateTime?: string; timeZone?: string } | null | undefined;
  if (before === undefined && (start === undefined || end === undefined)) throw validationFailure();
  if (start === null || end === null) throw validationFailure();
  const becomes = (input['isAllDay'] as boolean | null | undefined) ?? content.isAllDay;
  if (before !== undefined && becomes !== before.isAllDay && (start === undefined || end === undefined)) {
    throw validationFailure();
  }
  // What is not written is not checked: stored times may be any.
  if (before !== undefined && becomes === before.isAllDay && start === undefined && end === undefined) return;
  content.isAllDay = becomes;
  const name = (zone: string) => (rules.storedZoneNames === 'windows' ? windowsName(zone) : zone);
  if (start !== undefined) {
    const zone = requireZone(start.timeZone);
    content.startMs = instantOf(start.dateTime, zone, becomes);
    content.startZone = name(start.timeZone!);
  }
  if (end !== undefined) {
    const zone = requireZone(end.timeZone);
    content.endMs = instantOf(end.dateTime, zone, becomes);
    content.endZone = name(end.timeZone!);
  }
  if (content.endMs < content.startMs) {
    throw new GraphError(
      400,
      'ErrorCalendarEndDateIsEarlierThanStartDate',
      'The end date is earlier than the start date.',
    );
  }
  if (becomes) checkAllDay(content, start, end);
}

function instantOf(dateTime: string | undefined, zone: string, isAllDay: boolean): number {
  const local = parseLocal(dateTime);
  if (local === undefined) throw validationFailure();
  return isAllDay ? local : toInstant(zone, local);
}

/** Midnight to midnight, one zone, at least a day (Microsoft Graph "event": `isAllDay`). */
function checkAllDay(content: Content, start?: { timeZone?: string }, end?: { timeZone?: string }): void {
  const midnights = content.startMs % DAY_MS === 0 && content.endMs % DAY_MS === 0;
  const oneZone = start === undefined || end === undefined || requireZone(start.timeZone) === requireZone(end.timeZone);
  if (!midnights || !oneZone || content.endMs - content.startMs < DAY_MS) {
    throw new GraphError(
      400,
      'ErrorPropertyValidationFailure',
      'The Event.Start and Event.End properties of an all-day event must be midnight in the same time zone, at least 24 hours apart.',
    );
  }
}

/** Responses are the attendees' own: what is sent as `status` is ignored, what was known is kept. */
function readAttendees(value: unknown, before: StoredAttendee[]): StoredAttendee[] {
  const known = new Map(before.map((attendee) => [attendee.emailAddress.address.toLowerCase(), attendee]));
  const attendees = ((value ?? []) as { type?: string; emailAddress?: { name?: string; address?: string } }[]).map(
    (input): StoredAttendee => {
      const address = input.emailAddress?.address ?? '';
      const proposedNewTime = known.get(address.toLowerCase())?.proposedNewTime;
      return {
        type: input.type ?? 'required',
        status: known.get(address.toLowerCase())?.status ?? { response: 'none', time: NEVER },
        emailAddress: { name: input.emailAddress?.name ?? address, address },
        ...(proposedNewTime === undefined ? {} : { proposedNewTime }),
      };
    },
  );
  if (attendees.length > MAX_ATTENDEES) throw validationFailure();
  return attendees;
}

/** Of the range kept for fiction. */
const TOLL_NUMBER = '+1 425-555-0109';

function writeOnlineMeeting(
  content: Content,
  input: EventInput,
  before: Content | undefined,
  rules: ContentRules,
): void {
  if (before?.onlineMeeting) {
    // Once online, only losing the join block changes that (Microsoft Graph "Update event").
    const dropped = input['body'] !== undefined && !content.bodyHtml.includes(before.onlineMeeting.joinUrl);
    if (dropped)
      Object.assign(content, { isOnlineMeeting: false, onlineMeetingProvider: 'unknown', onlineMeeting: null });
    return;
  }
  const provider = (input['onlineMeetingProvider'] as string | undefined) ?? 'teamsForBusiness';
  if (input['isOnlineMeeting'] !== true || !rules.teams || provider !== 'teamsForBusiness') return;
  const joinUrl = rules.newJoinUrl();
  content.isOnlineMeeting = true;
  content.onlineMeetingProvider = provider;
  const conferenceId = String(100_000_000 + ((joinUrl.length * 7919) % 900_000_000));
  content.onlineMeeting = { joinUrl, conferenceId, tollNumber: TOLL_NUMBER };
  content.bodyHtml = withJoinBlock(content.bodyHtml, joinUrl);
}
