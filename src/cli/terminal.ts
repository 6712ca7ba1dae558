import type { Environment } from '../config.ts';
import type { Clock, Random } from '../core/runtime.ts';

/** What a command may touch, so that a test can stand in for the terminal. */
export interface Terminal {
  readonly out: TextStream;
  readonly err: TextStream;
  readonly env: Environment;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborted when the person asks the program to end (SIGINT, SIGTERM). */
  readonly interrupted: AbortSignal;
  /** `events import -` reads it. */
  readInput(): Promise<string>;
}

export interface TextStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Ends a command with one clear message, exit code 1. */
export class CommandError extends Error {}

export function printLine(stream: TextStream, text = ''): void {
  stream.write(`${text}\n`);
}

export function untilInterrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** One JSON value a line, which programs read as it comes. */
export function printJson(stream: TextStream, value: unknown): void {
  printLine(stream, JSON.stringify(value));
}

/** Left-aligned columns; `null` and `undefined` read as a dash. */
export function printTable(stream: TextStream, header: readonly string[], rows: readonly (readonly unknown[])[]): void {
  const cells = [header, ...rows].map((row) =>
    row.map((cell) => (cell === null || cell === undefined ? '-' : String(cell))),
  );
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  for (const row of cells) {
    printLine(
      stream,
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}
