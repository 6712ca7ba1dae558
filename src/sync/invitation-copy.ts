import type { EmailAddress } from '../core/event.ts';
import type { ResponseStep } from '../core/event-response.ts';
import type { GraphEventId } from '../core/ids.ts';
import type { CalendarGraph, GraphSession, RemoteEvent } from '../graph/calendar-graph.ts';
import type { EventBase } from '../store/base.repository.ts';
import type { StoredResponse } from '../store/response.repository.ts';

/** What the mailbox has of a meeting, or of one of its dates. */
export interface InvitationCopy {
  readonly event: RemoteEvent | 'gone';
  /** The id of the event itself, which may be another one than it was; of a date, its series'. */
  readonly master?: GraphEventId | undefined;
}

/** One answer with what Graph has of its meeting, and what is to be done about it. */
export interface PlannedResponse {
  readonly response: StoredResponse;
  readonly base: EventBase | undefined;
  readonly copy: InvitationCopy;
  readonly step: ResponseStep;
  readonly organizer?: EmailAddress | undefined;
}

/**
 * Reads the copy of a meeting that is to be answered. One that is not there under its id any more is looked for by what all
 * copies share: answering may have given it another (graph contract 6.1).
 */
export async function findCopy(
  graph: CalendarGraph,
  session: GraphSession,
  of: {
    readonly graphEventId: GraphEventId | undefined;
    readonly iCalUId: string | undefined;
    readonly originalDate: string;
    readonly zone: string;
  },
): Promise<InvitationCopy> {
  const event = await findEvent(graph, session, of);
  if (event === 'gone' || of.originalDate === '') return { event, master: event === 'gone' ? undefined : event.id };
  const dates = await graph.findOccurrences(session, event.id, [of.originalDate], of.zone);
  const id = dates.get(of.originalDate)?.id;
  const occurrence = id && (await graph.readEvents(session, [id])).get(id);
  return { event: occurrence ?? 'gone', master: event.id };
}

async function findEvent(
  graph: CalendarGraph,
  session: GraphSession,
  { graphEventId, iCalUId }: { graphEventId: GraphEventId | undefined; iCalUId: string | undefined },
): Promise<RemoteEvent | 'gone'> {
  const known = graphEventId && (await graph.readEvents(session, [graphEventId])).get(graphEventId);
  if (known && known !== 'gone') return known;
  return (iCalUId && (await graph.findByICalUId(session, iCalUId))) || 'gone';
}
