import { isSyncError } from '../../src/core/errors.ts';
import type { Logger } from '../../src/core/runtime.ts';
import { silentLogger } from '../../src/core/runtime.ts';
import type { Violation } from './oracle.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What one history came to, in numbers. */
export interface Counts {
  operations: number;
  runs: number;
  faults: Record<string, number>;
  crashes: number;
  stalls: number;
  mails: number;
  /** Writes of the runs that had nothing to do. */
  needlessWrites: number;
  /** Events that such a run could have written needlessly. */
  echoes: number;
  mostRequests: number;
  /** From the end of the weather to the end of the last run that had something to do. */
  convergedAfterMs: number;
}

/** What happens in a world, line by line, and what of it must not be. */
export class Story {
  readonly lines: string[] = [];
  readonly violations: Violation[] = [];
  readonly counts: Counts = {
    operations: 0,
    runs: 0,
    faults: {},
    crashes: 0,
    stalls: 0,
    mails: 0,
    needlessWrites: 0,
    echoes: 0,
    mostRequests: 0,
    convergedAfterMs: 0,
  };
  readonly #time: VirtualTime;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  tell(line: string): void {
    this.lines.push(`${this.#time.now().toISOString().slice(5, 19)} ${line}`);
  }

  blame(kind: Violation['kind'], what: string): void {
    this.violations.push({ kind, what });
  }

  countFault(kind: string): void {
    this.counts.faults[kind] = (this.counts.faults[kind] ?? 0) + 1;
  }

  /** What the service complains about belongs to the story. */
  logger(name: string): Logger {
    const told = (fields: Record<string, unknown>, message: string) => {
      const { err } = fields;
      if (!(err instanceof Error)) return this.tell(`    ${name}: ${message}`);
      // An assertion that failed is a bug, whatever becomes of the run.
      const isBug = !isSyncError(err) && err.name !== 'Killed';
      this.tell(`    ${name}: ${message} (${isBug ? err.stack : err.message})`);
      if (isBug) this.blame('failed', `${message}: ${err.message}`);
    };
    const logger: Logger = { ...silentLogger, warn: told, error: told, child: () => logger };
    return logger;
  }
}
