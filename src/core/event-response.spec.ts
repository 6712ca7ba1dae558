import { describe, expect, it } from 'vitest';
import { type InvitationState, planResponse, RESPONSE_KINDS, RESPONSE_STATUS } from './event-response.ts';

const open: InvitationState = { isOrganizer: false, isCancelled: false, response: 'notResponded' };
const first = { hasComment: false, isSent: false };

describe('an answer', () => {
  it('is sent while Graph says something else', () => {
    for (const response of RESPONSE_KINDS) expect(planResponse({ ...first, response }, open)).toEqual({ do: 'send' });
  });

  it('is not sent when Graph has it, unless a comment goes with it that may not have arrived', () => {
    for (const response of RESPONSE_KINDS) {
      const found = { ...open, response: RESPONSE_STATUS[response] };
      expect(planResponse({ response, hasComment: false, isSent: false }, found)).toEqual({ do: 'settle' });
      expect(planResponse({ response, hasComment: true, isSent: false }, found)).toEqual({ do: 'send' });
      expect(planResponse({ response, hasComment: true, isSent: true }, found)).toEqual({ do: 'settle' });
    }
  });

  it('has arrived when it was a decline and the meeting is gone', () => {
    expect(planResponse({ response: 'decline', hasComment: false, isSent: true }, 'gone')).toEqual({ do: 'settle' });
    expect(planResponse({ response: 'decline', hasComment: false, isSent: false }, 'gone').do).toBe('refuse');
    expect(planResponse({ response: 'accept', hasComment: false, isSent: true }, 'gone').do).toBe('refuse');
  });

  it('is refused for one’s own meeting and for a cancelled one', () => {
    for (const response of RESPONSE_KINDS) {
      const answer = { ...first, response };
      expect(planResponse(answer, { ...open, isOrganizer: true })).toMatchObject({ code: 'OWN_MEETING' });
      expect(planResponse(answer, { ...open, isCancelled: true })).toMatchObject({ code: 'MEETING_CANCELLED' });
    }
  });
});
