import { Type } from 'typebox';
import type { GraphSimulator } from '../graph-simulator.ts';
import { wrong } from './control-error.ts';
import { bodyRoute, type ControlRoute, route } from './control-route.ts';
import { instantOf } from './lookups.ts';
import { Strict } from './shapes.ts';

/** Ten years: further on, nothing of a calendar is left to test. */
const FARTHEST_MS = 10 * 366 * 86_400_000;

const Move = Strict(
  {
    advanceMs: Type.Optional(Type.Number({ minimum: 0, maximum: FARTHEST_MS, examples: [3_600_000] })),
    jumpMs: Type.Optional(Type.Number({ minimum: -FARTHEST_MS, maximum: FARTHEST_MS, examples: [-60_000] })),
    to: Type.Optional(Type.String({ examples: ['2026-03-01T08:00:00Z'] })),
  },
  { minProperties: 1 },
);

export const CLOCK_ROUTES: readonly ControlRoute[] = [
  route('GET /clock', 'what time it is here', ({ simulator }) => described(simulator)),
  bodyRoute(
    'POST /clock',
    'moves the clock: `advanceMs` or `to` forward with all that falls due, `jumpMs` at once, back as well',
    Move,
    async ({ simulator, body }) => {
      if (Object.keys(body).length !== 1) throw wrong('body', 'give one of advanceMs, jumpMs, to');
      if (body.jumpMs !== undefined) simulator.jumpClock(body.jumpMs);
      else await simulator.advance(body.advanceMs ?? millisecondsTo(simulator, body.to));
      return described(simulator);
    },
  ),
  bodyRoute(
    'POST /settle',
    'waits until everything that is due has happened',
    Strict({}),
    async ({ simulator }) => {
      await simulator.settled();
      return described(simulator);
    },
    { isBodyOptional: true },
  ),
];

function millisecondsTo(simulator: GraphSimulator, to: string | undefined): number {
  const ms = instantOf('to', to) - simulator.now();
  if (ms < 0) throw wrong('to', `is past: it is ${new Date(simulator.now()).toISOString()} here; jumpMs goes back`);
  if (ms > FARTHEST_MS) throw wrong('to', 'is more than ten years from now');
  return ms;
}

const described = (simulator: GraphSimulator) => ({
  now: new Date(simulator.now()).toISOString(),
  shiftMs: simulator.clockShiftMs,
});
