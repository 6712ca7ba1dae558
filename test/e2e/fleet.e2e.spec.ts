import { describe, expect, it } from 'vitest';
import { Dice } from '../fleet/dice.ts';
import { play } from '../fleet/scenario.ts';
import { SCENARIOS } from '../fleet/scenarios.ts';

/** A taste of `npm run test:fleet`, short enough for every change. */
const WEATHER_MS = 9_000;
const PATIENCE_MS = 300_000;

describe('fleet: real processes, real kills', () => {
  it.each([
    { name: 'pglite-kills', deed: 'kills of service' },
    { name: 'connections-cut', deed: 'connections cut' },
  ])(
    'nothing is lost, doubled or stuck after $deed ($name)',
    async ({ name, deed }) => {
      const scenario = SCENARIOS.find((each) => each.name === name);
      if (!scenario) throw new Error(`there is no scenario ${name}`);
      const outcome = await play(scenario, { dice: new Dice(1), weatherMs: WEATHER_MS, isOutboxLeftOut: true });
      expect(outcome.deeds[deed]).toBeGreaterThan(0);
      expect(outcome.writes).toBeGreaterThan(10);
      expect(outcome).toMatchObject({ complaints: [], verdict: { examples: [] } });
    },
    PATIENCE_MS,
  );
});
