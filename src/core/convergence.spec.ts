import { describe, expect, it } from 'vitest';
import { anEvent } from '../../test/support/events.ts';
import type { Unit } from './canonical-event.ts';
import { type Round, restlessUnits, withRounds } from './convergence.ts';

const HOUR_MS = 60 * 60_000;
const START = Date.parse('2026-03-02T08:00:00Z');
const ours = anEvent({ subject: 'ours' });
const theirs = anEvent({ subject: 'theirs' });

/** Ours is sent and theirs comes back, this often. */
function quarrel(times: number, o: { everyMs?: number; units?: readonly Unit[] } = {}) {
  const { everyMs = HOUR_MS, units = ['subject'] } = o;
  let rounds: Round[] = [];
  let at = START;
  for (let count = 0; count < times; count += 1, at += everyMs) {
    rounds = withRounds(rounds, { kind: 'sent', content: ours, units, at: new Date(at) });
    rounds = withRounds(rounds, { kind: 'pulled', content: theirs, units, at: new Date(at + 1) });
  }
  return { rounds, now: new Date(at) };
}

const restless = (content = ours, { rounds, now }: ReturnType<typeof quarrel>, units: readonly Unit[] = ['subject']) =>
  restlessUnits(rounds, { content, units, now });

describe('an event that is changed back again and again', () => {
  it('is restless after three identical rounds, in the fields that are', () => {
    expect(restless(ours, quarrel(2))).toEqual([]);
    expect(restless(ours, quarrel(3))).toEqual(['subject']);
    expect(restless(ours, quarrel(3), ['subject', 'body'])).toEqual(['subject']);
  });

  it('is in all fields that go round together', () => {
    const units = ['subject', 'showAs'] as const;
    expect(restless(ours, quarrel(3, { units }), units)).toEqual(units);
    expect(restless(ours, quarrel(2, { units }), units)).toEqual([]);
  });

  it('is not when something else is to be sent', () => {
    expect(restless(anEvent({ subject: 'another' }), quarrel(5))).toEqual([]);
  });

  it('is not when that happens once a day', () => {
    expect(restless(ours, quarrel(10, { everyMs: 12 * HOUR_MS }))).toEqual([]);
  });

  it('is heard again a day later', () => {
    const { rounds, now } = quarrel(5);
    expect(
      restlessUnits(rounds, { content: ours, units: ['subject'], now: new Date(now.getTime() + 24 * HOUR_MS) }),
    ).toEqual([]);
  });
});

describe('a person who changes their mind', () => {
  it('may do so as often as they like', () => {
    let rounds: Round[] = [];
    for (let count = 0; count < 20; count += 1) {
      const content = count % 2 === 0 ? ours : theirs;
      rounds = withRounds(rounds, { kind: 'sent', content, units: ['subject'], at: new Date(START + count) });
    }
    for (const content of [ours, theirs]) expect(restless(content, { rounds, now: new Date(START + 30) })).toEqual([]);
  });

  it('may also say what others have fought over in Outlook, as long as it was not sent from here', () => {
    let rounds: Round[] = [];
    for (let count = 0; count < 20; count += 1) {
      const content = count % 2 === 0 ? ours : theirs;
      rounds = withRounds(rounds, { kind: 'pulled', content, units: ['subject'], at: new Date(START + count) });
    }
    for (const content of [ours, theirs]) expect(restless(content, { rounds, now: new Date(START + 30) })).toEqual([]);
  });
});

it('remembers a bounded number of steps, whatever happens to an event', () => {
  expect(quarrel(500, { everyMs: 1 }).rounds).toHaveLength(100);
});

it('forgets what is a day old, and keeps what is not', () => {
  const step = (ms: number) => ({
    ...{ kind: 'sent' as const, content: ours, units: ['subject' as const] },
    at: new Date(START + ms),
  });
  const first = withRounds(undefined, step(0));
  expect(first).toMatchObject([{ kind: 'sent', unit: 'subject', at: new Date(START).toISOString() }]);
  const second = withRounds(first, step(24 * HOUR_MS - 1));
  expect(second).toHaveLength(2);
  expect(withRounds(second, step(24 * HOUR_MS))).toEqual([second[1], ...withRounds([], step(24 * HOUR_MS))]);
});

it('knows nothing of an event that has been through nothing', () => {
  expect(restlessUnits(undefined, { content: ours, units: ['subject'], now: new Date(START) })).toEqual([]);
});
