import { sameUnit, type Unit } from './canonical-event.ts';
import type { EventContent, GraphFacts } from './event.ts';
import { STALE_CHANGE } from './stale-change.ts';

/** What the base of a series carries that begins in Outlook only once the one it goes on from has ended there. */
export const EARLIER_SERIES_FIRST = 'EARLIER_SERIES_FIRST';

/** What a person should know of an event although nothing is wrong with it. */
export type NoticeCode =
  | 'ONLINE_MEETING_NOT_PROVIDED'
  | 'STALE_CHANGE_HELD'
  | 'CHANGE_HELD'
  | typeof EARLIER_SERIES_FIRST
  | 'RESPONSE_REFUSED'
  | 'TIME_ZONE_UNKNOWN';

export const NOTICE_CODES: readonly NoticeCode[] = [
  ...(['ONLINE_MEETING_NOT_PROVIDED', 'STALE_CHANGE_HELD', 'CHANGE_HELD', 'RESPONSE_REFUSED'] as const),
  'TIME_ZONE_UNKNOWN',
  EARLIER_SERIES_FIRST,
];

export interface Notice {
  readonly code: NoticeCode;
  readonly message: string;
}

/** Derived from what is known of the event anyway: nothing of it is kept. */
export function noticesOf(of: {
  readonly facts: GraphFacts | undefined;
  readonly agreed: { readonly local: EventContent | null; readonly remote: EventContent | null } | undefined;
  readonly content: EventContent;
  readonly heldUnits: readonly Unit[];
  readonly errorCode: string | undefined;
  readonly refusedResponse: { readonly code: string; readonly message: string } | undefined;
}): Notice[] {
  const { facts, agreed, content, heldUnits, errorCode, refusedResponse } = of;
  const notices: Notice[] = [];
  const wasAsked = content.isOnlineMeeting && agreed?.local?.isOnlineMeeting === true;
  const isProvided = agreed?.remote?.isOnlineMeeting && (facts?.onlineMeeting?.joinUrl || facts?.isOrganizer === false);
  if (wasAsked && agreed?.remote && !isProvided) {
    const message = 'Outlook made the event without the online meeting: this calendar does not offer one';
    notices.push({ code: 'ONLINE_MEETING_NOT_PROVIDED', message });
  }
  if (heldUnits.length > 0) {
    const fields = heldUnits.join(', ');
    const isStale = errorCode === STALE_CHANGE;
    notices.push(
      isStale
        ? {
            code: 'STALE_CHANGE_HELD',
            message: `${fields}: changed too long ago to mail the guests about it now; change the event again to send it`,
          }
        : { code: 'CHANGE_HELD', message: `${fields}: ${heldReason(facts)}` },
    );
  }
  if (errorCode === EARLIER_SERIES_FIRST && !agreed?.remote) {
    const message =
      'not in Outlook yet: the series it goes on from has not ended there, because that is held, refused or in conflict, and every meeting would be there twice; mend or decide that, and this one follows by itself';
    notices.push({ code: EARLIER_SERIES_FIRST, message });
  }
  if (refusedResponse) notices.push({ code: 'RESPONSE_REFUSED', message: refusedResponse.message });
  const { unknownTimeZone } = facts ?? {};
  // Once another time is here, what Graph called the zone of the former one is no matter any more.
  const isOfGraph = agreed?.remote ? sameUnit(agreed.remote, content, 'time') : true;
  if (unknownTimeZone !== undefined && isOfGraph) {
    const message = unknownZoneMessage(unknownTimeZone, content);
    notices.push({ code: 'TIME_ZONE_UNKNOWN', message });
  }
  return notices;
}

function unknownZoneMessage(name: string, { start, recurrence }: EventContent): string {
  const named =
    name === '' ? 'Outlook names no time zone for this series' : `Outlook names a time zone nobody knows, ${name}`;
  const doubt = recurrence ? '; its dates may be an hour off while the clocks of the two differ' : '';
  return `${named}: the times are shown in ${start.timeZone}${doubt}`;
}

function heldReason(facts: GraphFacts | undefined): string {
  if (facts?.isOrganizer === false) return 'kept here, because the event belongs to its organizer';
  return 'kept here: sending it would mail guests, or the rules exclude it';
}
