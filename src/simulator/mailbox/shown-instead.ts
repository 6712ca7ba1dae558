import type { StoredItem } from './model.ts';

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `over` laid over `under`: nested objects likewise, lists and plain values replaced. What has no base stays out. */
export function laidOver(under: Json, over: Json, isOpen = true): Json {
  const result: Json = { ...under };
  for (const [name, value] of Object.entries(over)) {
    const before = result[name];
    if (isObject(value) && isObject(before)) result[name] = laidOver(before, value);
    else if (isOpen || !isObject(value) || before === undefined) result[name] = value;
  }
  return result;
}

/** An event as it is shown when its stored data is damaged. A recurrence is laid over masters only. */
export function shownInstead<T extends object>(item: StoredItem, event: T): T {
  if (item.shown === undefined) return event;
  return laidOver(event as unknown as Json, item.shown, false) as unknown as T;
}

/** A write mends the properties it names. */
export function mended(shown: StoredItem['shown'], input: Json): StoredItem['shown'] {
  if (shown === undefined) return undefined;
  const left = Object.entries(shown).filter(([name]) => input[name] === undefined);
  return left.length === 0 ? undefined : Object.fromEntries(left);
}
