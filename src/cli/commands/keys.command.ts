import cliProgress from 'cli-progress';
import type { Command } from 'commander';
import { readConfig } from '../../config.ts';
import { createLogger } from '../../system-logger.ts';
import { commandGroup, type JsonOption, jsonCommand } from '../options.ts';
import { CommandError, printJson, printLine, type Terminal } from '../terminal.ts';

export function keysCommand(terminal: Terminal): Command {
  return commandGroup('keys', 'the key ring that the users’ own keys are wrapped with').addCommand(
    rotateCommand(terminal),
  );
}

function rotateCommand(terminal: Terminal): Command {
  return jsonCommand(
    'rotate',
    'wrap every user’s key with the first entry of CALENDAR_ENCRYPTION_KEYS; afterwards the older entries can go. The service may go on; start it with the new ring first',
  ).action(async ({ json }: JsonOption) => {
    const config = readConfig(terminal.env);
    if (config.encryptionKeys === undefined) {
      throw new CommandError(
        'CALENDAR_ENCRYPTION_KEYS is not set: put a new key in front of the old ones first, e.g. CALENDAR_ENCRYPTION_KEYS=k2:$(openssl rand -base64 32),k1:…',
      );
    }
    const { migrate, openDatabase, rotateKeys } = await import('../../app.ts');
    const logger = createLogger(config.logLevel);
    const db = await openDatabase({ url: config.databaseUrl, logger });
    try {
      await migrate(db, { logger, clock: terminal.clock, random: terminal.random });
      const show = rotationView(terminal, json === true);
      const outcome = await rotateKeys(db, config.encryptionKeys, {
        onProgress: show.progress,
        signal: terminal.interrupted,
      }).finally(show.end);
      if (json) printJson(terminal.out, { database: db.description, ...outcome });
      else for (const line of linesOf(outcome)) printLine(terminal.out, line);
      if (!outcome.mayRemoveOldKeys) throw new CommandError(whatIsLeft(outcome, terminal.interrupted.aborted));
    } finally {
      await db.close();
    }
  });
}

interface Progress {
  readonly total: number;
  readonly rewrapped: number;
  readonly failed: number;
}

interface Outcome extends Progress {
  readonly currentKey: string;
  readonly remaining: Readonly<Record<string, number>>;
}

/** A bar where a person looks, a JSON line a chunk for programs. */
function rotationView(terminal: Terminal, isJson: boolean): { progress: (at: Progress) => void; end: () => void } {
  if (isJson) return { progress: (at) => printJson(terminal.out, { progress: at }), end: () => {} };
  if (terminal.err.isTTY !== true) return { progress: () => {}, end: () => {} };
  const bar = new cliProgress.SingleBar({
    format: 'keys |{bar}| {percentage} % · {value}/{total} users',
    barCompleteChar: '█',
    hideCursor: true,
    stream: terminal.err as NodeJS.WriteStream,
  });
  let isOn = false;
  return {
    progress: ({ total, rewrapped, failed }) => {
      if (!isOn) bar.start(total, 0);
      isOn = true;
      bar.setTotal(total);
      bar.update(rewrapped + failed);
    },
    end: () => {
      if (isOn) bar.stop();
    },
  };
}

function linesOf({ rewrapped, currentKey, remaining }: Outcome): string[] {
  const lines = [`${rewrapped} users’ keys wrapped anew with "${currentKey}"`];
  if (Object.keys(remaining).length > 0) return lines;
  return [...lines, `no other key is in use: all but "${currentKey}" may be taken out of CALENDAR_ENCRYPTION_KEYS now`];
}

function whatIsLeft({ failed, remaining }: Outcome, isInterrupted: boolean): string {
  const left = Object.entries(remaining).map(([key, count]) => `"${key}" (${count} users)`);
  const why = isInterrupted
    ? 'it was stopped: run it again'
    : failed > 0
      ? `${failed} users’ keys do not open with the ring and stay as they are: they were changed by somebody, or belong to another ring`
      : 'a process with the old ring still makes keys: start all of them with the new ring, then run it again';
  return `these keys are still in use and must stay in CALENDAR_ENCRYPTION_KEYS: ${left.join(', ')}; ${why}`;
}
