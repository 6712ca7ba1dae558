import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryContent, arbitraryEdit, type Edit, edited } from '../../test/support/event-edits.ts';
import { anEvent } from '../../test/support/events.ts';
import { TwoSides } from '../../test/support/two-sides.ts';
import { changedUnits, equalContent, sameUnit, type Unit, unitsOf, withUnit } from './canonical-event.ts';
import type { PersonalDecision } from './conflict-resolver.service.ts';
import type { EventContent } from './event.ts';
import { patchContent } from './event-input.ts';
import { inheritedFields } from './occurrence-fields.ts';
import { CONFLICT_STRATEGIES, type ConflictStrategy } from './settings.ts';
import { planEvent, type SideState } from './sync-plan.ts';

/** Random cases each property is tried on; more of them with PLAN_RUNS=100000. Laws are in test/support/plan-laws.ts. */
const RUNS = Number(process.env['PLAN_RUNS'] ?? 500);
/** The same cases at every change of the code, so that one who changes something else is told nothing new; a long run draws its own. */
const DRAWN = process.env['PLAN_RUNS'] === undefined ? { seed: 20_261_127 } : {};
const TIMEOUT_MS = 120_000 + RUNS * 100;
/** A change settles in one round; what a change of rule leaves behind at single dates, in another. */
const ROUNDS_TO_REST = 2;

const SIDES = ['local', 'remote'] as const;
type Side = (typeof SIDES)[number];
const arbitraryStrategy = () => fc.constantFrom<ConflictStrategy[]>(...CONFLICT_STRATEGIES);

/** What a person did to one side. */
type Deed = Edit | 'delete' | 'nothing';
const arbitraryDeed = (): fc.Arbitrary<Deed> =>
  fc.oneof(
    { weight: 8, arbitrary: arbitraryEdit() },
    { weight: 1, arbitrary: fc.constant('delete' as const) },
    { weight: 1, arbitrary: fc.constant('nothing' as const) },
  );

function did(sides: TwoSides, side: Side, deed: Deed): void {
  if (deed === 'delete') sides.delete(side);
  else if (deed !== 'nothing') sides.edit(side, (content) => edited(content, deed, { dropsDates: side === 'remote' }));
}

/** Runs until nothing is written any more, which must be soon, and one run more, which must not even want to. */
function expectRest(sides: TwoSides, how: ConflictStrategy, rounds: number): void {
  let isQuiet = false;
  for (let round = 0; round <= rounds && !isQuiet; round += 1) isQuiet = !sides.sync(how);
  expect(isQuiet).toBe(true);
  const { local, remote, base } = sides;
  expect(sides.sync(how)).toBe(false);
  expect(sides.local === local && sides.remote === remote).toBe(true);
  expect(sides.base?.conflictUnits).toEqual(base?.conflictUnits);
}

/** Both sides hold the same, or differ in what waits for a decision and in nothing else. */
function expectInStep({ local, remote, base }: TwoSides): void {
  const waiting = base?.conflictUnits ?? [];
  if (local.state !== 'present' || remote.state !== 'present') {
    if (waiting.length === 0) expect(local.state).toBe(remote.state);
    return;
  }
  // What is said about a date means what it means beside the rest of the event: compared as if that were decided.
  const decided = waiting.reduce((content, unit) => withUnit(content, unit, local.content), remote.content);
  const different = unitsOf(local.content, decided).filter((unit) => !sameUnit(local.content, decided, unit));
  expect(different.filter((unit) => !looksAlike(local.content, remote.content, unit, waiting))).toEqual([]);
}

/**
 * A date may come to say what its series says while that waits, said by the series on one side and by the date on the other:
 * what it was meant to say shows once the series is decided, and is an edit of that side then.
 */
function looksAlike(local: EventContent, remote: EventContent, unit: Unit, waiting: readonly Unit[]): boolean {
  if (!unit.startsWith('occurrence:')) return false;
  const date = unit.slice('occurrence:'.length);
  if (waiting.includes(unit)) return false;
  const shown = [local, remote].flatMap((content): EventContent[] => {
    const override = content.occurrences[date];
    if (override?.isCancelled) return [];
    return [{ ...inheritedFields(content, date), ...override?.fields, recurrence: null, occurrences: {} }];
  });
  const [here, there] = shown;
  const isSeriesWaiting = waiting.some((other) => !other.startsWith('occurrence:'));
  return isSeriesWaiting && here !== undefined && there !== undefined && equalContent(here, there);
}

describe('whatever became of two sides that had agreed', () => {
  it(
    'nothing unseen is lost or overwritten, everything else flows, and one round is enough',
    () => {
      const deeds = [arbitraryDeed(), arbitraryDeed(), arbitraryStrategy()] as const;
      fc.assert(
        fc.property(arbitraryContent(), ...deeds, (agreed, here, there, how) => {
          const sides = TwoSides.agreedOn(agreed);
          did(sides, 'local', here);
          did(sides, 'remote', there);
          sides.sync(how);
          expectRest(sides, how, 0);
          expectInStep(sides);
        }),
        { ...DRAWN, numRuns: 3 * RUNS },
      );
    },
    TIMEOUT_MS,
  );

  it(
    'a side alone in having changed is simply followed, whatever the strategy',
    () => {
      fc.assert(
        fc.property(
          arbitraryContent(),
          arbitraryDeed(),
          fc.constantFrom(...SIDES),
          arbitraryStrategy(),
          (agreed, deed, side, how) => {
            const sides = TwoSides.agreedOn(agreed);
            did(sides, side, deed);
            const changed = sides[side];
            sides.sync(how);
            const now = sides[side];
            expect(sides.records).toEqual([]);
            if (changed.state === 'present' && now.state === 'present') {
              expect(changedUnits(changed.content, now.content)).toEqual([]);
            }
            expectInStep(sides);
          },
        ),
        { ...DRAWN, numRuns: RUNS },
      );
    },
    TIMEOUT_MS,
  );
});

describe('the same event made on both sides', () => {
  it(
    'is joined: nothing is doubled or lost, and both come to hold the same',
    () => {
      fc.assert(
        fc.property(arbitraryContent(), arbitraryEdit(), arbitraryStrategy(), (made, difference, how) => {
          const sides = TwoSides.madeTwice(made, edited(made, { ...difference, rule: null }, { dropsDates: false }));
          expectRest(sides, how, ROUNDS_TO_REST);
          expectInStep(sides);
          for (const record of sides.records) expect(record).toMatchObject({ type: 'DUPLICATE_CREATE', base: null });
        }),
        { ...DRAWN, numRuns: RUNS },
      );
    },
    TIMEOUT_MS,
  );
});

/** One thing that happens in the life of an event on two sides. */
type Step =
  | { readonly kind: 'did'; readonly side: Side; readonly deed: Deed }
  | { readonly kind: 'sync' }
  | { readonly kind: 'decide'; readonly resolution: ConflictStrategy };

const arbitraryStep = (): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('did' as const),
        side: fc.constantFrom(...SIDES),
        deed: arbitraryDeed(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('sync' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('decide' as const), resolution: arbitraryStrategy() }) },
  );

function decisionOf(resolution: ConflictStrategy, sides: TwoSides): PersonalDecision {
  const seen = [sides.local, sides.remote].find((state) => state.state === 'present');
  if (resolution !== 'manual' || seen?.state !== 'present') return { resolution };
  const content = patchContent(seen.content, { subject: 'as decided', showAs: 'tentative' });
  return { resolution, values: { content, units: ['subject', 'showAs'] } };
}

describe('a long life on both sides', () => {
  it(
    'ends in step when the changes stop, but for what waits; and in step altogether once that is decided',
    () => {
      const life = fc.array(arbitraryStep(), { maxLength: 10 });
      fc.assert(
        fc.property(
          arbitraryContent(),
          life,
          arbitraryStrategy(),
          arbitraryStrategy(),
          (begun, steps, how, resolution) => {
            const sides = TwoSides.agreedOn(begun);
            for (const step of steps) {
              if (step.kind === 'did') did(sides, step.side, step.deed);
              else if (step.kind === 'sync') sides.sync(how);
              else sides.decide(decisionOf(step.resolution, sides));
            }
            expectRest(sides, how, ROUNDS_TO_REST);
            expectInStep(sides);
            if (how !== 'merge' && how !== 'manual') expect(sides.base?.conflictUnits ?? []).toEqual([]);
            sides.decide(decisionOf(resolution, sides));
            expectRest(sides, how, ROUNDS_TO_REST);
            expect(sides.base?.conflictUnits ?? []).toEqual([]);
            expectInStep(sides);
          },
        ),
        { ...DRAWN, numRuns: RUNS },
      );
    },
    TIMEOUT_MS,
  );
});

describe('every state an event can be in', () => {
  const content = (subject: string): EventContent => anEvent({ subject });
  const states = (subject: string): SideState[] => [
    { state: 'absent' },
    { state: 'deleted' },
    { state: 'present', content: content(subject) },
    { state: 'present', content: content('agreed') },
  ];

  it('has a plan: no input reaches what cannot be', () => {
    const base = { local: content('agreed'), remote: content('agreed'), conflictUnits: [] };
    for (const agreed of [null, base, { ...base, conflictUnits: ['subject' as const] }]) {
      for (const local of states('here')) {
        for (const remote of states('there')) {
          for (const strategy of CONFLICT_STRATEGIES) {
            expect(() => planEvent({ base: agreed, local, remote, strategy })).not.toThrow();
            for (const resolution of CONFLICT_STRATEGIES) {
              const decision = { resolution, values: { content: content('mine'), units: ['subject'] } };
              expect(() => planEvent({ base: agreed, local, remote, strategy, decision })).not.toThrow();
            }
          }
        }
      }
    }
  });
});
