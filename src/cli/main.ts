import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { Command, CommanderError } from 'commander';
import { isSyncError } from '../core/errors.ts';
import { systemClock, systemRandom } from '../system-runtime.ts';
import { conflictsCommand } from './commands/conflicts.command.ts';
import { doctorCommand } from './commands/doctor.command.ts';
import { eventsCommand } from './commands/events.command.ts';
import { keysCommand } from './commands/keys.command.ts';
import { migrateCommand } from './commands/migrate.command.ts';
import { privacyCommand } from './commands/privacy.command.ts';
import { serveCommand, workerCommand } from './commands/serve.command.ts';
import { simulatorCommand } from './commands/simulator.command.ts';
import { historyCommand, revertCommand, statusCommand } from './commands/status.command.ts';
import { syncCommand } from './commands/sync.command.ts';
import { tokenCommand } from './commands/token.command.ts';
import { CommandError, printLine, type Terminal } from './terminal.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** The program: reads the real command line, and ends with 0, 1 (failed) or 2 (used wrongly). */
export async function main(): Promise<void> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Asked twice, the person means it.
      if (interrupted.signal.aborted) process.exit(EXIT_FAILED);
      interrupted.abort();
    });
  }
  process.exitCode = await runCommand(process.argv.slice(2), {
    out: process.stdout,
    err: process.stderr,
    env: process.env,
    clock: systemClock,
    random: systemRandom,
    interrupted: interrupted.signal,
    readInput: () => text(process.stdin),
  });
}

/** @returns the exit code */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = createProgram(terminal);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) {
      const isAsked = error.code === 'commander.helpDisplayed' || error.code === 'commander.version';
      return isAsked ? 0 : EXIT_USAGE;
    }
    printLine(terminal.err, `error: ${messageOf(error, terminal)}`);
    return EXIT_FAILED;
  }
}

function createProgram(terminal: Terminal): Command {
  const program = new Command('graph-calendar-sync')
    .description('Two-way sync between an application’s own events and Outlook calendars (Microsoft Graph).')
    .version(packageVersion())
    .addCommand(serveCommand(terminal))
    .addCommand(workerCommand(terminal))
    .addCommand(migrateCommand(terminal))
    .addCommand(syncCommand(terminal))
    .addCommand(statusCommand(terminal))
    .addCommand(historyCommand(terminal))
    .addCommand(revertCommand(terminal))
    .addCommand(conflictsCommand(terminal))
    .addCommand(eventsCommand(terminal))
    .addCommand(privacyCommand(terminal))
    .addCommand(simulatorCommand(terminal))
    .addCommand(tokenCommand(terminal))
    .addCommand(keysCommand(terminal))
    .addCommand(doctorCommand(terminal))
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 used wrongly. Settings come from the environment; see the README.',
    );
  for (const command of [program, ...descendants(program)]) {
    command
      .exitOverride()
      .showHelpAfterError('(add --help for what this command takes)')
      .configureOutput({
        writeOut: (text) => terminal.out.write(text),
        writeErr: (text) => terminal.err.write(text),
      });
  }
  return program;
}

/** From src/cli, and from dist/cli when published. */
function packageVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function descendants(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...descendants(child)]);
}

/** What went wrong, for people; where it happened is for whoever asks for it. */
function messageOf(error: unknown, { env }: Terminal): string {
  if (error instanceof CommandError || isSyncError(error)) return error.message;
  if (!(error instanceof Error)) return String(error);
  return env['LOG_LEVEL'] === 'debug' ? (error.stack ?? error.message) : error.message;
}
