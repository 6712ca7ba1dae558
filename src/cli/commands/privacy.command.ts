import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { type ClientOptions, clientCommand, commandGroup, queryOf } from '../options.ts';
import { ServiceClient } from '../service-client.ts';
import { CommandError, printJson, printLine, type Terminal } from '../terminal.ts';

export function privacyCommand(terminal: Terminal): Command {
  return commandGroup('privacy', 'what is held about a person')
    .addCommand(exportCommand(terminal))
    .addCommand(eraseCommand(terminal));
}

function exportCommand(terminal: Terminal): Command {
  return clientCommand('export', 'everything held about the caller, as a zip archive')
    .option('--out <file>', 'where to', 'calendar-data.zip')
    .action(async (options: ClientOptions & { out: string }) => {
      const client = await ServiceClient.connect(options, terminal);
      await client.download('/calendar/privacy/export', options.out);
      const bytes = statSync(options.out).size;
      if (options.json) printJson(terminal.out, { file: options.out, bytes });
      else printLine(terminal.out, `${bytes} bytes written to ${options.out}`);
    });
}

function eraseCommand(terminal: Terminal): Command {
  return clientCommand('erase', 'erase everything held about a person; what is in Outlook stays')
    .option('--of <user>', 'for administrators: whom; otherwise the caller')
    .option('--yes', 'it is meant: nothing of it comes back')
    .action(async (options: ClientOptions & { of?: string; yes?: boolean }) => {
      if (!options.yes) throw new CommandError('nothing was erased: say --yes, because nothing of it comes back');
      const client = await ServiceClient.connect(options, terminal);
      await client.json('DELETE', `/calendar/privacy/data${queryOf({ userId: options.of })}`);
      if (options.json) printJson(terminal.out, { erased: true });
      else printLine(terminal.out, 'erased');
    });
}
