import { describe, expect, it } from 'vitest';
import { anEvent, aSeries, at } from '../../test/support/events.ts';
import type { EventContent } from './event.ts';
import { type Notice, noticesOf } from './event-notices.ts';

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
