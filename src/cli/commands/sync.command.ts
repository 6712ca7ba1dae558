import { type Command, Option } from 'commander';
import { CONFLICT_STRATEGIES, SYNC_DIRECTIONS } from '../../core/settings.ts';
import { followRun } from '../follow-run.ts';
import { type ClientOptions, clientCommand } from '../options.ts';
import { printRun } from '../run-view.ts';
import { ServiceClient } from '../service-client.ts';
import { CommandError, printJson, printLine, type Terminal } from '../terminal.ts';

interface SyncOptions extends ClientOptions {
  readonly direction?: string;
  readonly calendar?: string;
  readonly conflictResolution?: string;
  readonly full?: boolean;
  readonly start?: string;
  readonly end?: string;
  readonly confirmDeletions?: string;
  readonly dryRun?: boolean;
}

export function syncCommand(terminal: Terminal): Command {
  return clientCommand('sync', 'sync a calendar now and watch it; exit code 1 if the run fails')
    .addOption(new Option('--direction <direction>', 'which way').choices(SYNC_DIRECTIONS))
    .option('--calendar <id>', 'a calendar’s id, "default" or "all"')
    .addOption(new Option('--conflict-resolution <strategy>', 'who wins').choices(CONFLICT_STRATEGIES))
    .option('--full', 'read everything again instead of what changed')
    .option('--start <instant>', 'only events that overlap the time from here …')
    .option('--end <instant>', '… to here (ISO 8601)')
    .option('--confirm-deletions <token>', 'go ahead with deletions a run has asked about')
    .option('--dry-run', 'say what a run would do, and change nothing')
    .action(async (options: SyncOptions, command: Command) => {
      if ((options.start === undefined) !== (options.end === undefined))
        command.error('error: --start and --end go together');
      const client = await ServiceClient.connect(options, terminal);
      const body = requestOf(options);
      if (options.dryRun) {
        const preview = await client.json<unknown>('POST', '/calendar/sync/preview', body);
        if (options.json) printJson(terminal.out, preview);
        else printLine(terminal.out, JSON.stringify(preview, null, 2));
        return;
      }
      const { jobId, status } = await client.json<{ jobId: string; status: string }>(
        'POST',
        '/calendar/sync/start',
        body,
      );
      if (status === 'already_running') printLine(terminal.err, `a run that does just this is under way: ${jobId}`);
      const run = await followRun(client, jobId, terminal, options.json === true);
      if (terminal.err.isTTY === true && !options.json) printRun(terminal.out, run);
      if (run.status !== 'COMPLETED')
        throw new CommandError(`run ${jobId} ended as ${run.status}: ${run.error?.message ?? 'no reason given'}`);
    });
}

function requestOf(options: SyncOptions): Record<string, unknown> {
  return {
    ...(options.direction ? { direction: options.direction } : {}),
    ...(options.calendar ? { calendarId: options.calendar } : {}),
    ...(options.conflictResolution ? { conflictResolution: options.conflictResolution } : {}),
    ...(options.full ? { forceFull: true } : {}),
    ...(options.start && options.end ? { dateRange: { start: options.start, end: options.end } } : {}),
    ...(options.confirmDeletions ? { confirmDeletions: options.confirmDeletions } : {}),
  };
}
