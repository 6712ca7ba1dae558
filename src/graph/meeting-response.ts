import type { ResponseKind } from '../core/event-response.ts';
import type { GraphCalendarId, GraphEventId } from '../core/ids.ts';
import type { GraphSession, MeetingResponse, RemoteEvent } from './calendar-graph.ts';
import { type GraphAccess, readList, toRemoteEvents } from './graph-access.ts';
import { calendarPath, eventPath, query, userPath } from './graph-paths.ts';

const ACTION: Readonly<Record<ResponseKind, string>> = {
  accept: 'accept',
  tentative: 'tentativelyAccept',
  decline: 'decline',
};

/** An answer has no marker and ignores `If-Match` (graph contract 18), so whether it arrived is for the caller to find out. */
export async function sendResponse(
  { client }: GraphAccess,
  session: GraphSession,
  id: GraphEventId,
  answer: MeetingResponse,
): Promise<void> {
  const { comment, sendResponse: isMailed } = answer;
  await client.send(session, {
    method: 'POST',
    path: `${eventPath(session, id)}/${ACTION[answer.response]}`,
    body: { ...(comment ? { comment } : {}), sendResponse: isMailed },
    isOnce: true,
  });
}

/** Answering may give the copy another id (graph contract 6.1); its `iCalUId` stays. */
export async function copyOf(
  access: GraphAccess,
  session: GraphSession,
  { iCalUId, calendarId }: { readonly iCalUId: string; readonly calendarId?: GraphCalendarId | undefined },
): Promise<RemoteEvent | undefined> {
  const filter = query({ $filter: `iCalUId eq '${iCalUId.replaceAll("'", "''")}'` });
  const path = calendarId === undefined ? userPath(session) : calendarPath(session, calendarId);
  const listed = await readList(access, session, { path: `${path}/events${filter}` });
  const [found] = await toRemoteEvents(access, session, listed);
  return found;
}
