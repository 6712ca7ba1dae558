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
    'wrap every user’s key with the first entry of CALENDAR_ENCRYPTION_KEYS; afterwards the older entries can go',
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
      const { rewrapped, currentKey } = await rotateKeys(db, config.encryptionKeys);
      if (json) printJson(terminal.out, { database: db.description, currentKey, rewrapped });
      else
        printLine(terminal.out, `${db.description}: ${rewrapped} users’ keys wrapped anew, all with "${currentKey}"`);
    } finally {
      await db.close();
    }
  });
}
