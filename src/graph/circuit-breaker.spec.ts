import { describe, expect, it } from 'vitest';
import { START } from '../../test/support/graph-world.ts';
import { ManualClock } from '../../test/support/jobs-world.ts';
import { isSyncError } from '../core/errors.ts';
import { CircuitBreaker } from './circuit-breaker.ts';

function openBreaker() {
  const clock = new ManualClock(START);
  const breaker = new CircuitBreaker(clock, 'Graph');
  const fail = (times: number) => {
    for (let count = 0; count < times; count += 1) breaker.failed();
  };
  /** @returns how long to stay away, or 'through' */
  const ask = () => {
    try {
      breaker.assertClosed();
      return 'through';
    } catch (error) {
      if (!isSyncError(error, 'unavailable')) throw error;
      return error.retryAfterMs;
    }
  };
  return { clock, breaker, fail, ask };
}

describe('the circuit breaker', () => {
  it('opens at ten failures in a row', () => {
    const { breaker, fail, ask } = openBreaker();
    fail(9);
    expect([breaker.state, ask()]).toEqual(['closed', 'through']);
    fail(1);
    expect([breaker.state, ask()]).toEqual(['open', 30_000]);
  });

  it('counts from the start after every success', () => {
    const { breaker, fail } = openBreaker();
    fail(9);
    breaker.succeeded();
    fail(9);
    expect(breaker.state).toBe('closed');
  });

  it('stays open for half a minute, and says what is left of it', () => {
    const { clock, fail, ask, breaker } = openBreaker();
    fail(10);
    clock.advance(29_500);
    expect([breaker.state, ask()]).toEqual(['open', 1_000]);
    clock.advance(500);
    expect(breaker.state).toBe('half-open');
  });

  it('lets one request try, and the others wait for what becomes of it', () => {
    const { clock, breaker, fail, ask } = openBreaker();
    fail(10);
    clock.advance(30_000);
    expect([ask(), ask(), ask()]).toEqual(['through', 1_000, 1_000]);
    breaker.succeeded();
    expect([ask(), ask()]).toEqual(['through', 'through']);
  });

  it('opens again when the try fails', () => {
    const { clock, breaker, fail, ask } = openBreaker();
    fail(10);
    clock.advance(30_000);
    expect(ask()).toBe('through');
    fail(1);
    expect([breaker.state, ask()]).toEqual(['open', 30_000]);
    clock.advance(30_000);
    expect(ask()).toBe('through');
  });

  it('lets the next one try when the first was cancelled', () => {
    const { clock, breaker, fail, ask } = openBreaker();
    fail(10);
    clock.advance(30_000);
    expect(ask()).toBe('through');
    breaker.abandoned();
    expect(breaker.state).toBe('half-open');
    expect(ask()).toBe('through');
  });
});
