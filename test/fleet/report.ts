import { writeFileSync } from 'node:fs';

/** Where a report goes, and how it is told that it stands. */
export function writeReport(path: string | undefined, report: unknown): void {
  if (path === undefined) return;
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
  console.log(`report: ${path}`);
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Parses a number of the command line. */
export function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new Error(`--${name} must be a number, not ${text}`);
}
