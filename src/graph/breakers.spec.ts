import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/jobs-world.ts';
import { Breakers } from './breakers.ts';

const TO_OPEN = 10;
const OPEN_MS = 30_000;

function world() {
  const clock = new ManualClock('2026-03-02T08:00:00Z');
  const breakers = new Breakers(clock);
  const fail = (mailbox: string, times: number, isConnected = true) => {
    for (let count = 0; count < times; count += 1) breakers.failed(mailbox, { isConnected });
  };
  return { clock, breakers, fail };
}

describe('a mailbox that Graph cannot serve', () => {
  it('is left alone, and no other with it, however often it fails', () => {
    const { breakers, fail } = world();
    fail('ada', 10 * TO_OPEN);
    expect(breakers.state).toBe('closed');
    expect(breakers.stateOf('ada')).toBe('open');
    expect(() => breakers.assertClosed('ada')).toThrow('the mailbox does not answer');
    expect(() => breakers.assertClosed('bob')).not.toThrow();
    expect(breakers.troubledMailboxes).toBe(1);
  });

  it('is tried by one request after half a minute, and forgotten once that succeeds', () => {
    const { clock, breakers, fail } = world();
    fail('ada', TO_OPEN);
    clock.advance(OPEN_MS);
    expect(breakers.stateOf('ada')).toBe('half-open');
    breakers.assertClosed('ada');
    expect(() => breakers.assertClosed('ada')).toThrow();
    breakers.abandoned('ada');
    breakers.assertClosed('ada');
    breakers.succeeded('ada');
    expect(breakers.troubledMailboxes).toBe(0);
  });

  it('does not make Graph look down beside mailboxes that are served', () => {
    const { breakers, fail } = world();
    for (let round = 0; round < 30; round += 1) {
      for (const mailbox of ['ada', 'eve']) fail(mailbox, 1);
      breakers.succeeded('bob');
      fail('joe', 1);
    }
    expect(breakers.state).toBe('closed');
    expect(breakers.troubledMailboxes).toBe(3);
  });
});

describe('mailboxes in trouble', () => {
  it('are those that are not asked, not those that failed now and then', () => {
    const { breakers, fail } = world();
    fail('ada', TO_OPEN - 1);
    expect(breakers.troubledMailboxes).toBe(0);
    fail('ada', 1);
    expect(breakers.troubledMailboxes).toBe(1);
  });

  it('do not add up against Graph across requests that succeeded', () => {
    const { breakers, fail } = world();
    fail('ada', TO_OPEN);
    breakers.succeeded('bob');
    for (const mailbox of ['eve', 'joe']) fail(mailbox, TO_OPEN);
    expect(breakers.state).toBe('closed');
  });
});

describe('a mailbox that stays dead', () => {
  it('is tried ever more seldom, down to once in eight minutes', () => {
    const { clock, breakers, fail } = world();
    fail('ada', TO_OPEN);
    const minutes: number[] = [];
    for (let probe = 0; probe < 7; probe += 1) {
      let seconds = 0;
      for (; breakers.stateOf('ada') === 'open'; seconds += 1) clock.advance(1_000);
      minutes.push(seconds / 60);
      breakers.assertClosed('ada');
      fail('ada', 1);
    }
    expect(minutes).toEqual([0.5, 1, 2, 4, 8, 8, 8]);
  });
});

describe('Graph as a whole', () => {
  it('is down when no connection is to be had, whoever asks', () => {
    const { breakers, fail } = world();
    fail('ada', TO_OPEN, false);
    expect(breakers.state).toBe('open');
    expect(() => breakers.assertClosed('bob')).toThrow('Microsoft Graph does not answer');
  });

  it('is down when several mailboxes fail and nobody’s request succeeds', () => {
    const { breakers, fail } = world();
    for (const mailbox of ['ada', 'bob', 'eve']) fail(mailbox, TO_OPEN);
    expect(breakers.state).toBe('open');
  });

  it('is not blamed for two mailboxes, however often they fail, when nobody else is there to succeed', () => {
    const { breakers, fail } = world();
    for (const mailbox of ['ada', 'bob']) fail(mailbox, 5 * TO_OPEN);
    expect(breakers.state).toBe('closed');
    expect(breakers.troubledMailboxes).toBe(2);
  });

  it('hands its probe on when that told nothing, or told of one mailbox only', () => {
    const { clock, breakers, fail } = world();
    fail('bob', TO_OPEN, false);
    clock.advance(OPEN_MS);
    breakers.assertClosed('eve');
    expect(() => breakers.assertClosed('joe')).toThrow('Microsoft Graph');
    breakers.abandoned('eve');
    breakers.assertClosed('eve');
    expect(() => breakers.assertClosed('joe')).toThrow('Microsoft Graph');
    fail('eve', 1);
    expect(() => breakers.assertClosed('joe')).not.toThrow();
  });

  it('is tried by one request, of whichever mailbox may be asked', () => {
    const { clock, breakers, fail } = world();
    fail('ada', TO_OPEN - 1, false);
    clock.advance(OPEN_MS);
    fail('bob', 1, false);
    clock.advance(OPEN_MS);
    expect(breakers.state).toBe('half-open');
    breakers.assertClosed('bob');
    expect(() => breakers.assertClosed('eve')).toThrow();
    breakers.succeeded('bob');
    expect(breakers.state).toBe('closed');
    expect(() => breakers.assertClosed('eve')).not.toThrow();
  });

  it('gets its probe from another mailbox when the first may not be asked itself', () => {
    const { clock, breakers, fail } = world();
    fail('ada', TO_OPEN, false);
    clock.advance(OPEN_MS - 1);
    fail('ada', 1);
    clock.advance(1);
    expect(() => breakers.assertClosed('ada')).toThrow('the mailbox');
    expect(() => breakers.assertClosed('bob')).not.toThrow();
  });
});

it('remembers a bounded number of mailboxes, and gives the one in trouble for longest another chance', () => {
  const { breakers, fail } = world();
  for (const mailbox of ['first', 'second']) {
    fail(mailbox, TO_OPEN);
    breakers.succeeded('another');
  }
  for (let count = 0; count < 9_998; count += 1) fail(`mailbox ${count}`, 1);
  expect([breakers.stateOf('first'), breakers.stateOf('second')]).toEqual(['open', 'open']);
  // One that is remembered already takes nobody's place.
  fail('mailbox 1', 1);
  expect(breakers.stateOf('first')).toBe('open');
  fail('one more', 1);
  expect([breakers.stateOf('first'), breakers.stateOf('second')]).toEqual(['closed', 'open']);
});
