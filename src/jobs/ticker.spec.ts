import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/jobs-world.ts';
import { Ticker } from './ticker.ts';

const PAUSE_MS = 10_000;

let clock: ManualClock;
let ticker: Ticker;
let ticks: number;
let errors: unknown[];
beforeEach(() => {
  clock = new ManualClock('2026-03-02T08:00:00Z');
  ticks = 0;
  errors = [];
});
afterEach(() => ticker.stop());

function open(tick: () => Promise<unknown> = async () => {}, how: { pausesFirst?: boolean } = {}): Ticker {
  ticker = new Ticker({
    clock,
    pauseMs: PAUSE_MS,
    tick: () => {
      ticks += 1;
      return tick();
    },
    onError: (error) => errors.push(error),
    ...how,
  });
  return ticker;
}

/** A tick that ends when it is told to. */
function gate() {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return { tick: () => promise, end: resolve, fail: reject };
}

/** Everything that needs no time has happened by then. */
const settled = async () => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

async function pass(ms: number): Promise<void> {
  await settled();
  clock.advance(ms);
  await settled();
}

describe('Ticker', () => {
  it('ticks at once, and again after each pause', async () => {
    open().start();
    expect(ticks).toBe(1);
    await pass(PAUSE_MS - 1);
    expect(ticks).toBe(1);
    await pass(1);
    expect(ticks).toBe(2);
    await pass(PAUSE_MS);
    expect(ticks).toBe(3);
  });

  it('pauses before the first tick where that is wanted', async () => {
    open(undefined, { pausesFirst: true }).start();
    await pass(PAUSE_MS - 1);
    expect(ticks).toBe(0);
    await pass(1);
    expect(ticks).toBe(1);
  });

  it('never has two ticks at a time: the pause begins when the last one has ended', async () => {
    const slow = gate();
    open(slow.tick).start();
    await pass(5 * PAUSE_MS);
    expect(ticks).toBe(1);
    slow.end();
    await pass(PAUSE_MS - 1);
    expect(ticks).toBe(1);
    await pass(1);
    expect(ticks).toBe(2);
  });

  it('goes on after a tick that failed, and hands the error over', async () => {
    const away = new Error('the database is away');
    open(() => (ticks === 1 ? Promise.reject(away) : Promise.resolve())).start();
    await pass(PAUSE_MS);
    expect(errors).toEqual([away]);
    expect(ticks).toBe(2);
    await pass(PAUSE_MS);
    expect(errors).toEqual([away]);
  });

  it('is one loop, however often it is started', async () => {
    open();
    ticker.start();
    ticker.start();
    await pass(PAUSE_MS);
    expect(ticks).toBe(2);
  });

  it.each([
    ['in the first pause', true],
    ['in a later one', false],
  ])('does not wait for the pause to end when it is stopped %s', async (_when, pausesFirst) => {
    open(undefined, { pausesFirst }).start();
    await settled();
    const before = ticks;
    await ticker.stop();
    await pass(5 * PAUSE_MS);
    expect(ticks).toBe(before);
  });

  it('waits for the tick under way when it is stopped, and tells it', async () => {
    const slow = gate();
    open(slow.tick).start();
    let isStopped = false;
    const stopping = ticker.stop().then(() => {
      isStopped = true;
    });
    await settled();
    expect(ticker.signal.aborted).toBe(true);
    expect(isStopped).toBe(false);
    slow.fail(ticker.signal.reason);
    await stopping;
    expect(errors).toEqual([ticker.signal.reason]);
    await pass(PAUSE_MS);
    expect(ticks).toBe(1);
  });

  it('stops without ever having been started', async () => {
    await open().stop();
    expect(ticks).toBe(0);
  });

  it('does not begin once it is stopped', async () => {
    await open().stop();
    ticker.start();
    await settled();
    expect(ticks).toBe(0);
  });
});
