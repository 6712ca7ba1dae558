/** Graph asks for minutes. Who asks for more than a day has a wrong clock, and would silence a mailbox for good. */
const LONGEST_MS = 24 * 60 * 60 * 1000;

/**
 * Reads `Retry-After` as Graph and its gateways send it: whole seconds, decimal seconds, or an HTTP date.
 *
 * @param header  a header's text, or what stands for one in a batch's answer
 * @param now     what a date is counted from: Graph's own clock where it is known
 * @returns milliseconds, a day at most, 0 for a date in the past, `undefined` when absent or unreadable
 */
export function parseRetryAfter(header: unknown, now: Date): number | undefined {
  const text = typeof header === 'number' ? String(header) : typeof header === 'string' ? header.trim() : '';
  if (/^\d+(\.\d+)?$/.test(text)) return Math.min(Math.ceil(Number(text) * 1000), LONGEST_MS);
  // `Date` reads a year into almost anything, even into -5.
  const date = /\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.min(Math.max(0, date - now.getTime()), LONGEST_MS);
}
