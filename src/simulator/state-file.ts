import { appendFileSync, closeSync, existsSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import type { GraphSimulator } from './graph-simulator.ts';
import { linesOf, snapshotOf } from './snapshot-lines.ts';
import { readLines, writeLines } from './text-lines.ts';
import type { WorldChanges } from './world-journal.ts';

/**
 * Keeps a simulator's state across restarts, `kill -9` included: a snapshot, and a journal of what came after.
 *
 * A change is in the journal before its request is answered; otherwise a killed simulator would forget events
 * its clients have seen committed. No fsync: a killed process loses nothing the kernel has taken, and surviving
 * a power cut is not a simulator's business.
 */
const COMPACT_AT_BYTES = 16 * 1024 * 1024;
/** So many at once, as a mailbox being furnished has, would be one huge line, and a compaction right after. */
const COMPACT_AT_ITEMS = 5_000;

export class StateFile {
  readonly #path: string;
  readonly #simulator: GraphSimulator;
  /** Names the journal that belongs to the snapshot, so an old one is never played onto a newer snapshot. */
  #generation = 0;
  #journal: number | undefined;
  #journalBytes = 0;

  constructor(simulator: GraphSimulator, path: string) {
    this.#simulator = simulator;
    this.#path = path;
  }

  /** @returns whether there was a state to go on from */
  open(): boolean {
    const isKnown = existsSync(this.#path);
    if (isKnown) {
      const lines = readLines(this.#path);
      this.#generation = Number(lines.next().value);
      this.#simulator.restoreState(snapshotOf(lines));
      this.#replay();
    }
    this.compact();
    this.#simulator.onChange(
      (changes) => this.#append(changes),
      () => this.compact(),
    );
    return isKnown;
  }

  close(): void {
    this.#simulator.onChange(undefined);
    this.compact();
    if (this.#journal !== undefined) closeSync(this.#journal);
    this.#journal = undefined;
  }

  #journalPath(generation: number): string {
    return `${this.#path}.journal-${generation}`;
  }

  #replay(): void {
    const path = this.#journalPath(this.#generation);
    if (!existsSync(path)) return;
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      const changes = parseLine(line);
      // The last line may be cut short by the kill; its request was never answered.
      if (changes === undefined) return;
      this.#simulator.replay(changes);
    }
  }

  #append(changes: WorldChanges): void {
    const items = changes.mailboxes.reduce((sum, mailbox) => sum + mailbox.items.length, 0);
    if (items > COMPACT_AT_ITEMS) {
      this.compact();
      return;
    }
    const line = `${JSON.stringify(changes)}\n`;
    appendFileSync(this.#journal!, line);
    this.#journalBytes += line.length;
    if (this.#journalBytes > COMPACT_AT_BYTES) this.compact();
  }

  *#lines(): Generator<string> {
    yield String(this.#generation);
    yield* linesOf(this.#simulator.state);
  }

  /** Writes a new snapshot, swaps it in, and starts its journal. */
  compact(): void {
    const old = this.#journalPath(this.#generation);
    this.#generation += 1;
    const next = `${this.#path}.next`;
    writeLines(next, this.#lines());
    if (this.#journal !== undefined) closeSync(this.#journal);
    this.#journal = openSync(this.#journalPath(this.#generation), 'w');
    this.#journalBytes = 0;
    renameSync(next, this.#path);
    rmSync(old, { force: true });
  }
}

function parseLine(line: string): WorldChanges | undefined {
  try {
    return JSON.parse(line) as WorldChanges;
  } catch {
    return undefined;
  }
}
