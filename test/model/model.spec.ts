import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GraphSimulator } from '../../src/simulator/index.ts';
import { Chance } from './chance.ts';
import { drawHistory, type History, type Step } from './history.ts';
import { historyOf as drawnHistory, Theatre } from './play.ts';
import { idsOf, leaveOut, shrink } from './shrink.ts';
import { breakRequest } from './weather.ts';
import { Words } from './words.ts';
import type { Outcome } from './world.ts';

/** What every run of the suite plays; `npm run test:model` plays as many others as one likes. */
const SEED = 1;
const HISTORIES = 175;
/** As many as the second run of an event has. */
const INSTANTS = 40;

let theatre: Theatre;
beforeAll(async () => {
  theatre = await Theatre.open();
});
afterAll(async () => {
  await theatre.close();
});

describe('a world in a seed', () => {
  it('keeps every promise in every history, whatever befalls the service', async () => {
    for (let index = 0; index < HISTORIES; index += 1) {
      const outcome = await theatre.play(drawnHistory(SEED, index));
      if (outcome.violations.length > 0) throw new Error(told(index, outcome));
    }
  }, 900_000);

  it('is the same world again for the same seed', async () => {
    for (let index = 0; index < 3; index += 1) {
      const [first, second] = [
        await theatre.play(drawnHistory(SEED, index)),
        await theatre.play(drawnHistory(SEED, index)),
      ];
      expect(second.script).toEqual(first.script);
      expect(second.hash).toBe(first.hash);
    }
  });

  it('notices a service whose creates carry no marker: an answer that is lost doubles the event', async () => {
    const fault = drawThat((chance) => {
      const { text } = breakRequest({ failNext: () => {} } as unknown as GraphSimulator, chance);
      return /drop-after-commit.*POST.*"after":0,"count":1/.test(text);
    });
    const history = historyOf([
      step(1, 'app-create'),
      { ...step(2, 'run'), during: [{ at: 1, step: step(3, 'fault', fault) }] },
    ]);
    expect((await theatre.play(history)).violations).toEqual([]);
    const { violations } = await theatre.play(history, { sabotage: 'no marker' });
    expect(violations.map(({ kind }) => kind)).toContain('doubled');
  });

  it('notices a service whose changes are unguarded: what Outlook said meanwhile is lost', async () => {
    const rename = drawThat((chance) => {
      chance.next();
      return Object.keys(new Words(1, chance).changes({ categories: [] })).join() === 'subject';
    });
    const kinds = new Set<string>();
    for (let at = 1; at <= INSTANTS; at += 1) {
      const history = historyOf([
        ...[step(1, 'outlook-create'), step(2, 'run'), step(3, 'app-edit', rename)],
        { ...step(4, 'run'), during: [{ at, step: step(5, 'outlook-edit', rename) }] },
      ]);
      const { violations } = await theatre.play(history, { sabotage: 'no If-Match' });
      for (const { kind } of violations) kinds.add(kind);
      if (kinds.has('lost')) break;
    }
    expect([...kinds]).toContain('lost');
  });

  it('notices a service that takes an event that was moved for another one', async () => {
    const history = {
      ...historyOf([
        ...[step(1, 'outlook-create'), step(2, 'run'), step(3, 'app-edit'), step(4, 'outlook-move'), step(5, 'run')],
      ]),
      hasSeveralCalendars: true,
    };
    expect((await theatre.play(history)).violations).toEqual([]);
    const { violations } = await theatre.play(history, { sabotage: 'no immutable ids' });
    expect(violations.map(({ kind }) => kind)).toContain('doubled');
  });

  it('notices a service that takes back what a run did and does not say so in the journal', async () => {
    const whole = drawThat((chance) => [chance.next(), chance.isLucky(0.5)][1] === true);
    const history = historyOf([step(1, 'outlook-create'), step(2, 'run'), step(3, 'revert', whole)]);
    expect((await theatre.play(history)).violations).toEqual([]);
    const { violations } = await theatre.play(history, { sabotage: 'unrecorded reverts' });
    expect(violations.map(({ kind }) => kind)).toContain('unrecorded');
  });
});

describe('a failing history', () => {
  it('is made smaller down to the steps it fails by', async () => {
    const history = drawHistory(7);
    const ids = idsOf(history);
    const [one, other] = [ids[1], ids[ids.length - 2]];
    const smaller = await shrink(history, async (candidate) => {
      const left = idsOf(candidate);
      return left.includes(one as number) && left.includes(other as number);
    });
    expect(idsOf(smaller).length).toBeLessThanOrEqual(4);
    expect(idsOf(leaveOut(history, new Set(ids)))).toEqual([]);
  });
});

const historyOf = (steps: readonly Step[]): History => ({ seed: 5, steps });

const step = (id: number, kind: Step['kind'], draw = 1): Step => ({ id, kind, draw });

/** @returns a step's own number with which it draws what is wanted */
function drawThat(isWanted: (chance: Chance) => boolean): number {
  for (let draw = 1; ; draw += 1) if (isWanted(new Chance(draw))) return draw;
}

function told(index: number, { violations, script }: Outcome): string {
  const wrong = violations.map(({ kind, what }) => `${kind}: ${what}`);
  const again = `npm run test:model -- --seed ${SEED} --history ${index} makes it smaller`;
  return [`history ${index} of seed ${SEED} breaks a promise; ${again}`, ...wrong, ...script].join('\n');
}
