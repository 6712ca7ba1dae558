/** How somebody who was invited answers, in the HTTP API's words. */
export type ResponseKind = 'accept' | 'tentative' | 'decline';

export const RESPONSE_KINDS: readonly ResponseKind[] = ['accept', 'tentative', 'decline'];

/** What Graph's `responseStatus` says once it knows. */
export const RESPONSE_STATUS: Readonly<Record<ResponseKind, string>> = {
  accept: 'accepted',
  tentative: 'tentativelyAccepted',
  decline: 'declined',
};

/** What Graph has of the meeting, or of the one date that is answered. */
export type InvitationState =
  | 'gone'
  | { readonly isOrganizer: boolean; readonly isCancelled: boolean; readonly response?: string | undefined };

/** `settle`: nothing is left to be sent. `refuse`: it will never be sent. */
export type ResponseStep =
  | { readonly do: 'send' | 'settle' }
  | { readonly do: 'refuse'; readonly code: string; readonly message: string };

/**
 * What to do about an answer, from what Graph has now. Graph offers no guard and no marker for answers (graph contract 18),
 * so one whose receipt is unknown is looked for in the event itself: a second one would mail the organizer again.
 *
 * @param answer.isSent  it was sent before, and nobody heard what came of it
 */
export function planResponse(
  answer: { readonly response: ResponseKind; readonly hasComment: boolean; readonly isSent: boolean },
  found: InvitationState,
): ResponseStep {
  if (found === 'gone') {
    if (answer.response === 'decline' && answer.isSent) return { do: 'settle' };
    return refuse('ErrorItemNotFound', 'the meeting is not in Outlook any more');
  }
  if (found.isOrganizer) return refuse('OWN_MEETING', 'the organizer of a meeting has nothing to answer');
  if (found.isCancelled) return refuse('MEETING_CANCELLED', 'the organizer has cancelled the meeting');
  const isKnown = found.response === RESPONSE_STATUS[answer.response];
  return { do: isKnown && (answer.isSent || !answer.hasComment) ? 'settle' : 'send' };
}

function refuse(code: string, message: string): ResponseStep {
  return { do: 'refuse', code, message };
}
