import { describe, expect, it } from 'vitest';
import { eventRetryMs } from './event-retry.ts';

describe('an event that Graph keeps failing on', () => {
  it('is tried after a minute, then four times as long each time, and in the end once a day', () => {
    const minutes = [1, 2, 3, 4, 5, 6, 7, 1_000, 1e9].map((failures) => eventRetryMs(failures) / 60_000);
    expect(minutes).toEqual([1, 4, 16, 64, 256, 1024, 1440, 1440, 1440]);
  });
});
