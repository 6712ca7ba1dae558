import type { Command } from 'commander';
import { type ClientOptions, clientCommand, queryOf, wholeNumber } from '../options.ts';
import { printRun, type RunView, seconds } from '../run-view.ts';
import { ServiceClient } from '../service-client.ts';
import { CommandError, printJson, printLine, printTable, type Terminal } from '../terminal.ts';

interface Page {
  readonly items: readonly RunView[];
  readonly total: number;
}

export function statusCommand(terminal: Terminal): Command {
  return clientCommand('status', 'how a run stands; without an id, the latest one')
    .argument('[jobId]')
    .action(async (jobId: string | undefined, options: ClientOptions) => {
      const client = await ServiceClient.connect(options, terminal);
      const run = jobId
        ? await client.json<RunView>('GET', `/calendar/sync/status/${encodeURIComponent(jobId)}`)
        : (await client.json<Page>('GET', '/calendar/sync/history?limit=1')).items[0];
      if (!run) throw new CommandError('there has been no run yet; start one with: sync');
      if (options.json) printJson(terminal.out, run);
      else printRun(terminal.out, run);
    });
}

interface HistoryOptions extends ClientOptions {
  readonly limit: number;
  readonly offset: number;
  readonly calendar?: string;
  readonly status?: string;
}

interface RevertReport {
  readonly jobIds: readonly string[];
  readonly reverted: readonly {
    eventId: string;
    action: string;
    fields: readonly string[];
    newEventId: string | null;
  }[];
  readonly kept: readonly { eventId: string; field: string; why: string }[];
}

export function revertCommand(terminal: Terminal): Command {
  return clientCommand('revert', 'take back what a run did, on both sides')
    .argument('<jobId>')
    .option('--event <id...>', 'only these events')
    .action(async (jobId: string, options: ClientOptions & { readonly event?: readonly string[] }) => {
      const client = await ServiceClient.connect(options, terminal);
      const path = `/calendar/sync/history/${encodeURIComponent(jobId)}/revert`;
      const report = await client.json<RevertReport>('POST', path, options.event ? { eventIds: options.event } : {});
      if (options.json) {
        printJson(terminal.out, report);
        return;
      }
      printTable(
        terminal.out,
        ['event', 'what', 'fields'],
        [
          ...report.reverted.map(({ eventId, action, fields }) => [eventId, action, fields.join(', ')]),
          ...report.kept.map(({ eventId, field, why }) => [eventId, `kept: ${why}`, field]),
        ],
      );
      printLine(terminal.out, `${report.reverted.length} taken back, ${report.kept.length} kept`);
    });
}

export function historyCommand(terminal: Terminal): Command {
  return clientCommand('history', 'past runs, newest first')
    .option('--limit <count>', 'how many', wholeNumber(1, 100), 10)
    .option('--offset <count>', 'how many to skip', wholeNumber(0, 1_000_000), 0)
    .option('--calendar <id>', 'of this calendar only')
    .option('--status <status>', 'with this status only')
    .action(async (options: HistoryOptions) => {
      const client = await ServiceClient.connect(options, terminal);
      const { limit, offset, calendar, status } = options;
      const query = queryOf({ limit, offset, calendarId: calendar, status: status?.toUpperCase() });
      const page = await client.json<Page>('GET', `/calendar/sync/history${query}`);
      if (options.json) {
        printJson(terminal.out, page);
        return;
      }
      printTable(
        terminal.out,
        ['run', 'status', 'calendar', 'started', 'took', 'application', 'Outlook', 'conflicts'],
        page.items.map(rowOf),
      );
      printLine(terminal.out, `${page.items.length} of ${page.total}`);
    });
}

function rowOf({ jobId, status, calendarId, startedAt, result }: RunView): unknown[] {
  const side = (counts: { created: number; updated: number; deleted: number } | undefined) =>
    counts && `+${counts.created} ~${counts.updated} -${counts.deleted}`;
  const took = typeof result?.durationMs === 'number' ? seconds(result.durationMs) : null;
  return [
    jobId,
    status,
    calendarId,
    startedAt,
    took,
    side(result?.local),
    side(result?.remote),
    result?.conflictsDetected,
  ];
}
