import type { History, Step } from './history.ts';

/** Worth more than a smaller script once a person waits for it. */
const MOST_TRIES = 250;

/**
 * Makes a failing history smaller: takes steps away, those within runs too, as long as it still fails.
 *
 * @param stillFails  plays a history
 */
export async function shrink(history: History, stillFails: (smaller: History) => Promise<boolean>): Promise<History> {
  let smallest = history;
  let tries = 0;
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    // Half of what there is, then a quarter, and one by one at last.
    for (let chunk = Math.ceil(idsOf(smallest).length / 2); chunk >= 1; chunk = Math.floor(chunk / 2)) {
      const ids = idsOf(smallest);
      for (let from = ids.length - chunk; from > -chunk; from -= chunk) {
        const without = new Set(ids.slice(Math.max(0, from), from + chunk));
        const candidate = leaveOut(smallest, without);
        tries += 1;
        if (tries > MOST_TRIES) return smallest;
        if (!(await stillFails(candidate))) continue;
        smallest = candidate;
        isSmaller = true;
      }
    }
  }
  return smallest;
}

export function idsOf({ steps }: History): number[] {
  return steps.flatMap(({ id, during = [] }) => [id, ...during.map(({ step }) => step.id)]);
}

/** @returns the history without these steps, by their numbers */
export function leaveOut({ steps, ...world }: History, without: ReadonlySet<number>): History {
  const kept = steps.filter(({ id }) => !without.has(id));
  return {
    ...world,
    steps: kept.map((step): Step => {
      const during = (step.during ?? []).filter((strike) => !without.has(strike.step.id));
      const { during: _all, ...bare } = step;
      return during.length > 0 ? { ...bare, during } : bare;
    }),
  };
}
