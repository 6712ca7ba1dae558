import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { historyOf, Theatre } from './play.ts';
import type { Outcome } from './world.ts';

/** What every run of the suite plays; `npm run test:model` plays as many others as one likes. */
const SEED = 1;
const HISTORIES = 100;

describe('a world in a seed', () => {
  let theatre: Theatre;
  beforeAll(async () => {
    theatre = await Theatre.open();
  });
  afterAll(async () => {
    await theatre.close();
  });

  it('keeps every promise in every history, whatever befalls the service', async () => {
    for (let index = 0; index < HISTORIES; index += 1) {
      const outcome = await theatre.play(historyOf(SEED, index));
      if (outcome.violations.length > 0) throw new Error(told(index, outcome));
    }
  });

  it('is the same world again for the same seed', async () => {
    for (let index = 0; index < 3; index += 1) {
      const [first, second] = [await theatre.play(historyOf(SEED, index)), await theatre.play(historyOf(SEED, index))];
      expect(second.script).toEqual(first.script);
      expect(second.hash).toBe(first.hash);
    }
  });
});

function told(index: number, { violations, script }: Outcome): string {
  const wrong = violations.map(({ kind, what }) => `${kind}: ${what}`);
  const again = `npm run test:model -- --seed ${SEED} --history ${index} makes it smaller`;
  return [`history ${index} of seed ${SEED} breaks a promise; ${again}`, ...wrong, ...script].join('\n');
}
