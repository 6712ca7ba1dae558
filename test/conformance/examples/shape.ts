/**
 * Where an answer falls short of a documented one: names it lacks, values of another type. What the values are is
 * not looked at, and neither is what the answer has besides.
 */
export function shortfalls(documented: unknown, actual: unknown, at = ''): string[] {
  if (documented === null || documented === undefined) return [];
  if (Array.isArray(documented)) {
    if (!Array.isArray(actual)) return [`${at}: ${kindOf(actual)} for a list`];
    if (documented.length > 0 && actual.length === 0) return [`${at}: empty`];
    return [...new Set(documented.flatMap((each) => leastOf(each, actual, `${at}[]`)))];
  }
  if (typeof documented === 'object') {
    if (kindOf(actual) !== 'object') return [`${at}: ${kindOf(actual)} for an object`];
    return Object.entries(documented).flatMap(([name, each]) => {
      const inner = at === '' ? name : `${at}.${name}`;
      return name in (actual as object)
        ? shortfalls(each, (actual as Record<string, unknown>)[name], inner)
        : [`${inner}: missing`];
    });
  }
  return kindOf(actual) === typeof documented ? [] : [`${at}: ${kindOf(actual)} for a ${typeof documented}`];
}

/** Members of a list have no places: each documented one is compared with the likeliest of the answer. */
function leastOf(documented: unknown, actual: readonly unknown[], at: string): string[] {
  return actual
    .map((each) => shortfalls(documented, each, at))
    .reduce((least, each) => (each.length < least.length ? each : least));
}

const kindOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value);
