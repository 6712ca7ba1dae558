/**
 * Reads `Retry-After` as Graph and its gateways send it: whole seconds, decimal seconds, or an HTTP date.
 *
 * @param now  what a date is counted from: Graph's own clock where it is known
 * @returns milliseconds, 0 for a date in the past, `undefined` when absent or unreadable
 */
export function parseRetryAfter(header: string | null | undefined, now: Date): number | undefined {
  const text = header?.trim();
  if (!text) return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  // `Date` reads a year into almost anything, even into -5.
  const date = /\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}
