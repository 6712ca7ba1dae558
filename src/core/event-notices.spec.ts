import { describe, expect, it } from 'vitest';
import { anEvent, aSeries, at } from '../../test/support/events.ts';
import type { EventContent, GraphFacts } from './event.ts';
import { EARLIER_SERIES_FIRST, NOTICE_CODES, type Notice, noticesOf } from './event-notices.ts';
import { STALE_CHANGE } from './stale-change.ts';

const CUSTOM = 'tzone://Microsoft/Custom';

function noticesFor(content: EventContent, unknownTimeZone?: string, remote: EventContent = content): Notice[] {
  const facts = {
    isOrganizer: true,
    isCancelled: false,
    ...(unknownTimeZone === undefined ? {} : { unknownTimeZone }),
  };
  return noticesOf({
    ...{ facts, content, agreed: { local: content, remote }, heldUnits: [], errorCode: undefined },
    refusedResponse: undefined,
  });
}

describe('an event whose zone nobody knows', () => {
  it('says which, in which other its times are shown, and of a series that its dates may be an hour off', () => {
    expect(noticesFor(anEvent(), CUSTOM)).toEqual([
      {
        code: 'TIME_ZONE_UNKNOWN',
        message: `Outlook names a time zone nobody knows, ${CUSTOM}: the times are shown in Europe/Berlin`,
      },
    ]);
    const [series] = noticesFor(aSeries(), CUSTOM);
    expect(series?.message).toMatch(/are shown in Europe\/Berlin; its dates may be an hour off/);
  });

  it('says so of a series that names none', () => {
    const [notice] = noticesFor(aSeries(), '');
    expect(notice).toMatchObject({
      code: 'TIME_ZONE_UNKNOWN',
      message: expect.stringMatching(/^Outlook names no time zone/),
    });
  });

  it('says it no more once it has another time here, and never of a zone that is known', () => {
    const moved = anEvent({ start: at('2026-03-05T09:00:00'), end: at('2026-03-05T10:00:00') });
    expect(noticesFor(moved, CUSTOM, anEvent())).toEqual([]);
    expect(noticesFor(anEvent())).toEqual([]);
  });
});

/** What is told of an event about which nothing is remarkable but what is given. */
function told(given: Partial<Parameters<typeof noticesOf>[0]>): Notice[] {
  const nothing = { facts: undefined, agreed: undefined, heldUnits: [], errorCode: undefined } as const;
  const notices = noticesOf({ ...nothing, content: anEvent(), refusedResponse: undefined, ...given });
  for (const { code } of notices) expect(NOTICE_CODES).toContain(code);
  return notices;
}

describe('an online meeting', () => {
  const [with_, without] = [anEvent({ isOnlineMeeting: true }), anEvent({ isOnlineMeeting: false })];
  const joined = { onlineMeeting: { joinUrl: 'https://meet.example.com/1' } };
  const facts = (more: Partial<GraphFacts> = {}): GraphFacts => ({ isOrganizer: true, isCancelled: false, ...more });
  const codes = (content: EventContent, local: EventContent, remote: EventContent | null, about?: GraphFacts) =>
    told({ content, agreed: { local, remote }, facts: about }).map(({ code }) => code);

  it('that Outlook left out is told, and so is one that nobody can join', () => {
    expect(codes(with_, with_, without, facts())).toEqual(['ONLINE_MEETING_NOT_PROVIDED']);
    expect(codes(with_, with_, without, facts(joined))).toEqual(['ONLINE_MEETING_NOT_PROVIDED']);
    expect(codes(with_, with_, with_, facts())).toEqual(['ONLINE_MEETING_NOT_PROVIDED']);
    expect(codes(with_, with_, with_)).toEqual(['ONLINE_MEETING_NOT_PROVIDED']);
  });

  it('that can be joined is none to tell of, nor one of somebody else’s, whose link may be in the text', () => {
    expect(codes(with_, with_, with_, facts(joined))).toEqual([]);
    expect(codes(with_, with_, with_, facts({ isOrganizer: false }))).toEqual([]);
  });

  it('that was not asked for yet, or is not any more, is missed by nobody', () => {
    expect(codes(with_, without, without, facts())).toEqual([]);
    expect(codes(without, with_, without, facts())).toEqual([]);
    expect(codes(with_, with_, null, facts())).toEqual([]);
    expect(told({ content: with_ })).toEqual([]);
    expect(told({ content: with_, agreed: { local: null, remote: without } })).toEqual([]);
  });
});

describe('what is kept here', () => {
  const facts = (isOrganizer: boolean): GraphFacts => ({ isOrganizer, isCancelled: false });

  it.each<[string, Partial<Parameters<typeof noticesOf>[0]>, Notice['code'], RegExp]>([
    [
      'for its guests’ sake',
      { facts: facts(true) },
      'CHANGE_HELD',
      /^subject, attendees: kept here: .*would mail guests/,
    ],
    ['before Graph has said anything of it', {}, 'CHANGE_HELD', /^subject, attendees: kept here: .*would mail guests/],
    ['because it is somebody else’s', { facts: facts(false) }, 'CHANGE_HELD', /belongs to its organizer/],
    ['because it is too old', { errorCode: STALE_CHANGE }, 'STALE_CHANGE_HELD', /^subject, attendees: .*too long ago/],
  ])('%s is named, with the reason', (_why, given, code, message) => {
    const held = told({ heldUnits: ['subject', 'attendees'], ...given });
    expect(held).toEqual([{ code, message: expect.stringMatching(message) }]);
    expect(told(given)).toEqual([]);
  });
});

describe('a series that goes on from another', () => {
  it('says what it waits for as long as it is not in Outlook', () => {
    const series = aSeries();
    const waiting = { content: series, errorCode: EARLIER_SERIES_FIRST };
    for (const agreed of [undefined, { local: series, remote: null }]) {
      expect(told({ ...waiting, agreed })).toMatchObject([{ code: 'EARLIER_SERIES_FIRST' }]);
    }
    expect(told({ ...waiting, agreed: { local: series, remote: series } })).toEqual([]);
    expect(told({ content: series, errorCode: 'ErrorInternalServerError' })).toEqual([]);
  });
});

it('passes on why an answer to an invitation was refused', () => {
  const refusedResponse = { code: 'ErrorAccessDenied', message: 'no answer is asked for' };
  expect(told({ refusedResponse })).toEqual([{ code: 'RESPONSE_REFUSED', message: 'no answer is asked for' }]);
});

it('tells of a zone nobody knows also of an event that was never agreed on', () => {
  const facts = { isOrganizer: true, isCancelled: false, unknownTimeZone: CUSTOM };
  expect(told({ facts })).toMatchObject([{ code: 'TIME_ZONE_UNKNOWN', message: expect.stringMatching(/Berlin$/) }]);
});
