import type { Command } from 'commander';
import { readConfig } from '../../config.ts';
import { createLogger } from '../../system-logger.ts';
import { type JsonOption, jsonCommand } from '../options.ts';
import { printJson, printLine, type Terminal } from '../terminal.ts';

export function migrateCommand(terminal: Terminal): Command {
  return jsonCommand(
    'migrate',
    'bring the database to this version’s schema, as `npx prisma migrate deploy` would',
  ).action(async ({ json }: JsonOption) => {
    const config = readConfig(terminal.env);
    // Late, so that commands which only speak HTTP start at once.
    const { migrate, openDatabase } = await import('../../app.ts');
    const logger = createLogger(config.logLevel);
    const db = await openDatabase({ url: config.databaseUrl, logger });
    try {
      const { applied } = await migrate(db, { logger, clock: terminal.clock, random: terminal.random });
      if (json) printJson(terminal.out, { database: db.description, applied });
      else if (applied.length === 0) printLine(terminal.out, `${db.description} is up to date`);
      else printLine(terminal.out, `${db.description}: applied ${applied.join(', ')}`);
    } finally {
      await db.close();
    }
  });
}
