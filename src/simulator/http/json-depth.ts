/** Far deeper than any request needs, and shallow enough to be written as JSON again, whoever keeps it. */
const MAX_DEPTH = 100;

export function isTooDeep(value: unknown, left = MAX_DEPTH): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return left === 0 || Object.values(value).some((member) => isTooDeep(member, left - 1));
}
