import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { START } from '../../test/support/graph-world.ts';
import { ManualClock } from '../../test/support/jobs-world.ts';
import { isSyncError } from '../core/errors.ts';
import { MailboxLimiter } from './mailbox-limiter.ts';
import { Slots } from './slots.ts';

/** Work that ends when it is told to. */
function work() {
  let finish = (): void => {};
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const state = { isRunning: false };
  const run = async (): Promise<void> => {
    state.isRunning = true;
    await done;
    state.isRunning = false;
  };
  return { run, finish: () => finish(), state };
}

const settled = async () => {
  for (let turns = 0; turns < 10; turns += 1) await Promise.resolve();
};

function openLimiter(concurrency = 4) {
  const clock = new ManualClock(START);
  const pauses: [string, string][] = [];
  const limiter = new MailboxLimiter({
    clock,
    concurrency,
    onPause: (mailbox, until) => pauses.push([mailbox, until.toISOString()]),
  });
  return { clock, limiter, pauses };
}

describe('the gate of a mailbox', () => {
  it('lets so many through and the next when one is done', async () => {
    const { limiter } = openLimiter(2);
    const all = [work(), work(), work()];
    const runs = all.map(({ run }) => limiter.run('ada', {}, run));
    await settled();
    expect(all.map(({ state }) => state.isRunning)).toEqual([true, true, false]);
    all[0]!.finish();
    await settled();
    expect(all.map(({ state }) => state.isRunning)).toEqual([false, true, true]);
    for (const { finish } of all) finish();
    await Promise.all(runs);
  });

  it('is one for each mailbox', async () => {
    const { limiter } = openLimiter(1);
    const [ada, bob] = [work(), work()];
    const runs = [limiter.run('ada', {}, ada.run), limiter.run('bob', {}, bob.run)];
    await settled();
    expect([ada.state.isRunning, bob.state.isRunning]).toEqual([true, true]);
    ada.finish();
    bob.finish();
    await Promise.all(runs);
  });

  it('is free again after work that failed', async () => {
    const { limiter } = openLimiter(1);
    await expect(limiter.run('ada', {}, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await limiter.run('ada', {}, async () => 'next')).toBe('next');
  });

  it('gives a batch all its slots at once, and makes it wait for them in its turn', async () => {
    const { limiter } = openLimiter(4);
    const [single, batch, late] = [work(), work(), work()];
    const runs = [
      limiter.run('ada', {}, single.run),
      limiter.run('ada', { slots: 4 }, batch.run),
      limiter.run('ada', {}, late.run),
    ];
    await settled();
    // Three slots are free, but who came later must not keep the batch waiting for ever.
    expect([single, batch, late].map(({ state }) => state.isRunning)).toEqual([true, false, false]);
    single.finish();
    await settled();
    expect([batch, late].map(({ state }) => state.isRunning)).toEqual([true, false]);
    batch.finish();
    late.finish();
    await Promise.all(runs);
  });

  it('takes a request larger than the gate for the whole gate', async () => {
    const { limiter } = openLimiter(2);
    expect(await limiter.run('ada', { slots: 4 }, async () => 'done')).toBe('done');
  });

  it('lets nothing through while it is paused', async () => {
    const { clock, limiter, pauses } = openLimiter();
    limiter.pause('ada', 10_000);
    const after = work();
    const run = limiter.run('ada', {}, after.run);
    clock.advance(9_999);
    await settled();
    expect(after.state.isRunning).toBe(false);
    clock.advance(1);
    await settled();
    expect(after.state.isRunning).toBe(true);
    after.finish();
    await run;
    expect(pauses).toEqual([['ada', '2026-03-02T08:00:10.000Z']]);
  });

  it('stays closed for the longer of two pauses, also when that comes while somebody waits', async () => {
    const { clock, limiter } = openLimiter();
    limiter.pause('ada', 10_000);
    const after = work();
    const run = limiter.run('ada', {}, after.run);
    limiter.pause('ada', 30_000);
    limiter.pause('ada', 1_000);
    expect(limiter.pausedUntil('ada')).toEqual(new Date('2026-03-02T08:00:30Z'));
    clock.advance(10_000);
    await settled();
    expect(after.state.isRunning).toBe(false);
    clock.advance(20_000);
    await settled();
    expect(after.state.isRunning).toBe(true);
    expect(limiter.pausedUntil('ada')).toBeUndefined();
    after.finish();
    await run;
  });

  it('does not keep anybody longer than their patience', async () => {
    const { limiter } = openLimiter(1);
    limiter.pause('ada', 10_000);
    const refused = await limiter
      .run('ada', { patienceMs: 9_999 }, async () => 'done')
      .catch((error: unknown) => error);
    expect(isSyncError(refused, 'throttled') && refused.retryAfterMs).toBe(10_000);
    expect(await limiter.run('bob', { patienceMs: 0 }, async () => 'done')).toBe('done');
  });

  it('keeps a silence that another process was asked for, without telling of it again', async () => {
    const { clock, limiter, pauses } = openLimiter();
    limiter.pauseUntil('ada', new Date('2026-03-02T08:00:20Z'));
    limiter.pauseUntil('ada', new Date('2026-03-02T08:00:10Z'));
    expect(limiter.pausedUntil('ada')).toEqual(new Date('2026-03-02T08:00:20Z'));
    let isThrough = false;
    const asked = limiter.run('ada', {}, async () => {
      isThrough = true;
    });
    clock.advance(19_999);
    await Promise.resolve();
    expect(isThrough).toBe(false);
    clock.advance(1);
    await asked;
    expect(pauses).toEqual([]);
  });

  it('lets go at once of whoever is cancelled, in the queue as in a pause', async () => {
    const { limiter } = openLimiter(1);
    const first = work();
    const run = limiter.run('ada', {}, first.run);
    const abort = new AbortController();
    const queued = limiter.run('ada', { signal: abort.signal }, async () => 'never');
    const paused = (() => {
      limiter.pause('bob', 10_000);
      return limiter.run('bob', { signal: abort.signal }, async () => 'never');
    })();
    const reason = new Error('cancelled');
    const outcomes = Promise.allSettled([queued, paused]);
    abort.abort(reason);
    expect((await outcomes).map((outcome) => outcome.status === 'rejected' && outcome.reason)).toEqual([
      reason,
      reason,
    ]);
    first.finish();
    await run;
    expect(await limiter.run('ada', {}, async () => 'free')).toBe('free');
  });

  it('forgets mailboxes nobody talks to, but not those that are paused', async () => {
    const { limiter } = openLimiter();
    limiter.pause('paused', 3_600_000);
    for (let count = 0; count < 5_100; count += 1) await limiter.run(`mailbox ${count}`, {}, async () => {});
    expect(limiter.pausedUntil('paused')).toBeDefined();
  });
});

describe('slots', () => {
  it('are never overdrawn, and all come back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.record({ size: fc.integer({ min: 1, max: 6 }), turns: fc.nat(5), isAborted: fc.boolean() }), {
          maxLength: 30,
        }),
        async (total, takers) => {
          const slots = new Slots(total);
          let taken = 0;
          let most = 0;
          const all = takers.map(async ({ size, turns, isAborted }) => {
            const count = Math.min(size, total);
            const abort = new AbortController();
            const pending = slots.take(count, abort.signal);
            if (isAborted) abort.abort(new Error('no more'));
            const release = await pending.catch(() => undefined);
            if (!release) return;
            taken += count;
            most = Math.max(most, taken);
            for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
            taken -= count;
            release();
            release();
          });
          await Promise.all(all);
          expect(most).toBeLessThanOrEqual(total);
          expect(slots.isIdle).toBe(true);
        },
      ),
    );
  });

  it('that can never be free are a bug', async () => {
    await expect(new Slots(2).take(3)).rejects.toThrow('bug');
  });
});
