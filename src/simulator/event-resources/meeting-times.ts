import { GraphError, unreadableBody, validationFailure } from '../http/graph-error.ts';
import { readJson, type SimulatedResponse } from '../http/http-types.ts';
import { ok, type RouteContext, requireMethod } from '../http/routing.ts';
import type { View } from '../mailbox/event-render.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { instantOf } from '../mailbox/responses.ts';
import { instancesBetween, overlaps } from '../mailbox/series.ts';
import type { World } from '../mailbox/world.ts';
import { findZone, toLocal, wireLocal } from '../mailbox/zones.ts';

/** Suggestions begin on whole and half hours. */
const STEP_MS = 1_800_000;
const HOUR_MS = 3_600_000;
const MAX_CANDIDATES = 20;

interface Attendee {
  sent: Record<string, unknown>;
  /** Undefined: nobody here, so nobody knows. */
  mailbox: Mailbox | undefined;
}

interface Wish {
  attendees: Attendee[];
  slots: { startMs: number; endMs: number }[];
  isWorkTimeOnly: boolean;
  durationMs: number;
  maxCandidates: number;
  isOrganizerOptional: boolean;
  minimumPercentage: number;
  withReasons: boolean;
}

/**
 * `findMeetingTimes`, plainly: half-hour steps through the slots, in work time, ranked by how many attendees are
 * free. Of strangers nothing is known; each counts as half there. Locations are not looked for.
 */
export function answerFindMeetingTimes(context: RouteContext): SimulatedResponse {
  requireMethod(context, 'POST');
  const { mailbox, request, preferences, world } = context;
  const wish = readWish(world, readJson(request) ?? {});
  const candidates = candidatesFor(mailbox, wish);
  const suggestions = candidates.filter(
    ({ organizer, confidence }) =>
      (wish.isOrganizerOptional || organizer === 'free') && confidence >= wish.minimumPercentage,
  );
  const best = suggestions
    .sort((a, b) => b.confidence - a.confidence || a.startMs - b.startMs)
    .slice(0, wish.maxCandidates);
  const isOrganizerBusy = !wish.isOrganizerOptional && candidates.every(({ organizer }) => organizer !== 'free');
  const unknown = wish.attendees.some((attendee) => attendee.mailbox === undefined);
  const reason = isOrganizerBusy
    ? 'organizerUnavailable'
    : unknown
      ? 'attendeesUnavailableOrUnknown'
      : 'attendeesUnavailable';
  return ok({
    '@odata.context': `${request.url.origin}/v1.0/$metadata#microsoft.graph.meetingTimeSuggestionsResult`,
    emptySuggestionsReason: best.length > 0 ? '' : reason,
    meetingTimeSuggestions: best.map((candidate, at) => render(candidate, at + 1, wish, preferences.view)),
  });
}

interface Candidate {
  startMs: number;
  endMs: number;
  organizer: string;
  availability: string[];
  confidence: number;
}

function candidatesFor(organizer: Mailbox, wish: Wish): Candidate[] {
  const found: Candidate[] = [];
  for (const slot of wish.slots) {
    const first = Math.ceil(slot.startMs / STEP_MS) * STEP_MS;
    for (let startMs = first; startMs + wish.durationMs <= slot.endMs; startMs += STEP_MS) {
      const endMs = startMs + wish.durationMs;
      if (wish.isWorkTimeOnly && !isWorkTime(organizer, startMs, endMs)) continue;
      const availability = wish.attendees.map(({ mailbox }) =>
        mailbox === undefined ? 'unknown' : availabilityOf(mailbox, startMs, endMs),
      );
      const chances = availability.map((each) =>
        each === 'free' ? 100 : each === 'unknown' || each === 'tentative' ? 50 : 0,
      );
      const confidence =
        chances.length === 0 ? 100 : chances.reduce<number>((sum, each) => sum + each, 0) / chances.length;
      found.push({ startMs, endMs, organizer: availabilityOf(organizer, startMs, endMs), availability, confidence });
    }
  }
  return found;
}

/** From worst to best: what of several events counts. */
const RANK = ['oof', 'busy', 'unknown', 'workingElsewhere', 'tentative', 'free'];

function availabilityOf(mailbox: Mailbox, startMs: number, endMs: number): string {
  const shown = new Set<string>();
  for (const { folder } of mailbox.calendars) {
    for (const item of mailbox.itemsIn(folder)) {
      if (item.recurrence !== null) {
        for (const { content } of instancesBetween(item, startMs, endMs)) shown.add(content.showAs);
      } else if (overlaps(item.content, startMs, endMs)) shown.add(item.content.showAs);
    }
  }
  const worst = RANK.find((each) => shown.has(each)) ?? 'free';
  return worst === 'workingElsewhere' ? 'free' : worst;
}

/** Monday to Friday, eight to five, where the organiser is. */
function isWorkTime({ state }: Mailbox, startMs: number, endMs: number): boolean {
  const zone = findZone(state.timeZone) ?? 'UTC';
  const start = new Date(toLocal(zone, startMs));
  const midnight = Date.UTC(start.getUTCFullYear(), start.getUTCMonth(), start.getUTCDate());
  const [from, to] = [start.getTime() - midnight, toLocal(zone, endMs) - midnight];
  return start.getUTCDay() % 6 !== 0 && from >= 8 * HOUR_MS && to <= 17 * HOUR_MS;
}

function render(candidate: Candidate, order: number, wish: Wish, view: View): object {
  const zone = findZone(view.zone) ?? 'UTC';
  const wire = (ms: number) => ({ dateTime: wireLocal(toLocal(zone, ms)), timeZone: view.zone });
  return {
    confidence: candidate.confidence,
    order,
    organizerAvailability: candidate.organizer,
    ...(wish.withReasons
      ? { suggestionReason: 'Suggested because it is one of the nearest times when all attendees are available.' }
      : {}),
    attendeeAvailability: wish.attendees.map(({ sent }, at) => ({
      attendee: sent,
      availability: candidate.availability[at],
    })),
    locations: [],
    meetingTimeSlot: { start: wire(candidate.startMs), end: wire(candidate.endMs) },
  };
}

const PARAMETERS = new Set([
  ...['attendees', 'locationconstraint', 'timeconstraint', 'meetingduration', 'maxcandidates'],
  ...['isorganizeroptional', 'returnsuggestionreasons', 'minimumattendeepercentage'],
]);

/** @throws {GraphError} 400 for parameters, durations, slots and attendees Graph refuses */
function readWish(world: World, body: unknown): Wish {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw unreadableBody('A JSON object was expected.');
  const input = Object.fromEntries(Object.entries(body).map(([name, value]) => [name.toLowerCase(), value as unknown]));
  const unknown = Object.keys(input).find((name) => !PARAMETERS.has(name));
  if (unknown !== undefined) {
    throw unreadableBody(
      `The parameter '${unknown}' in the request payload is not a valid parameter for the operation.`,
    );
  }
  const constraint = (input['timeconstraint'] ?? {}) as { activityDomain?: unknown; timeSlots?: unknown };
  const minimum = input['minimumattendeepercentage'] ?? 50;
  const candidates = input['maxcandidates'] ?? MAX_CANDIDATES;
  if (typeof minimum !== 'number' || minimum < 0 || minimum > 100) throw validationFailure();
  if (typeof candidates !== 'number' || !Number.isInteger(candidates) || candidates < 0) throw validationFailure();
  return {
    attendees: listOf(input['attendees']).map((sent) => readAttendee(world, sent)),
    slots: readSlots(world, listOf(constraint.timeSlots)),
    isWorkTimeOnly: /^(work|unknown)$/i.test(String(constraint.activityDomain ?? 'work')),
    durationMs: readDuration(input['meetingduration'] ?? 'PT30M'),
    maxCandidates: candidates,
    isOrganizerOptional: input['isorganizeroptional'] === true,
    minimumPercentage: minimum,
    withReasons: input['returnsuggestionreasons'] === true,
  };
}

/** @throws {GraphError} 400 for anything but a collection of objects; nothing is an empty one */
function listOf(value: unknown): Record<string, unknown>[] {
  const list: unknown = value ?? [];
  if (!Array.isArray(list) || list.some((each) => typeof each !== 'object' || each === null)) {
    throw unreadableBody('A collection was expected.');
  }
  return list as Record<string, unknown>[];
}

function readAttendee(world: World, sent: Record<string, unknown>): Attendee {
  const address = (sent['emailAddress'] as { address?: unknown } | null | undefined)?.address;
  if (typeof address !== 'string') {
    throw new GraphError(400, 'ErrorInvalidRecipients', 'At least one recipient is not valid.');
  }
  return { sent: { type: 'required', ...sent }, mailbox: world.findMailbox(address) };
}

/** Without slots: the days from now on for a week. */
function readSlots(world: World, sent: Record<string, unknown>[]): Wish['slots'] {
  if (sent.length === 0) return [{ startMs: world.now(), endMs: world.now() + 7 * 24 * HOUR_MS }];
  return sent.map((each) => {
    const slot = each as { start?: { dateTime?: string }; end?: { dateTime?: string } };
    const [startMs, endMs] = [instantOf(slot.start), instantOf(slot.end)];
    if (startMs === undefined || endMs === undefined || endMs < startMs) throw validationFailure();
    return { startMs, endMs };
  });
}

/** ISO 8601 without years and months: `PT1H30M`, `P1D`. */
function readDuration(value: unknown): number {
  const found = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/.exec(String(value));
  const [days, hours, minutes, seconds] = (found ?? []).slice(1).map((part) => Number(part ?? 0));
  const ms = (days ?? 0) * 24 * HOUR_MS + (hours ?? 0) * HOUR_MS + (minutes ?? 0) * 60_000 + (seconds ?? 0) * 1000;
  if (found === null || ms <= 0) {
    throw unreadableBody(`Cannot convert the literal '${String(value)}' to the expected type 'Edm.Duration'.`);
  }
  return ms;
}
