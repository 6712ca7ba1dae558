import { type Command, InvalidArgumentError, Option } from 'commander';
import { CONFLICT_STRATEGIES } from '../../core/settings.ts';
import { type ClientOptions, clientCommand, commandGroup, jsonObject, queryOf, wholeNumber } from '../options.ts';
import { ServiceClient } from '../service-client.ts';
import { printJson, printLine, printTable, type Terminal, type TextStream } from '../terminal.ts';

interface ConflictView {
  readonly id: string;
  readonly eventId: string;
  readonly calendarId: string;
  readonly conflictType: string;
  readonly detectedAt: string;
  readonly fields: readonly { field: string; base: unknown; local: unknown; remote: unknown }[];
  readonly resolution: string | null;
  readonly resolvedAt: string | null;
}

export function conflictsCommand(terminal: Terminal): Command {
  return commandGroup('conflicts', 'what both sides changed differently, and who decides')
    .addCommand(listCommand(terminal), { isDefault: true })
    .addCommand(showCommand(terminal))
    .addCommand(resolveCommand(terminal));
}

function listCommand(terminal: Terminal): Command {
  return clientCommand('list', 'conflicts, newest first')
    .addOption(new Option('--status <status>', 'which').choices(['pending', 'resolved', 'all']).default('pending'))
    .option('--limit <count>', 'how many', wholeNumber(1, 100), 20)
    .option('--offset <count>', 'how many to skip', wholeNumber(0, 1_000_000), 0)
    .action(async (options: ClientOptions & { status: string; limit: number; offset: number }) => {
      const client = await ServiceClient.connect(options, terminal);
      const { status, limit, offset } = options;
      const page = await client.json<{ items: ConflictView[]; total: number }>(
        'GET',
        `/calendar/sync/conflicts${queryOf({ status, limit, offset })}`,
      );
      if (options.json) {
        printJson(terminal.out, page);
        return;
      }
      printTable(
        terminal.out,
        ['conflict', 'event', 'type', 'detected', 'fields', 'resolution'],
        page.items.map((item) => [
          item.id,
          item.eventId,
          item.conflictType,
          item.detectedAt,
          item.fields.map(({ field }) => field).join(','),
          item.resolution,
        ]),
      );
      printLine(terminal.out, `${page.items.length} of ${page.total}`);
    });
}

function showCommand(terminal: Terminal): Command {
  return clientCommand('show', 'the three values of every field in conflict')
    .argument('<conflictId>')
    .action(async (conflictId: string, options: ClientOptions) => {
      const client = await ServiceClient.connect(options, terminal);
      const conflict = await client.json<ConflictView>(
        'GET',
        `/calendar/sync/conflicts/${encodeURIComponent(conflictId)}`,
      );
      if (options.json) printJson(terminal.out, conflict);
      else printConflict(terminal.out, conflict);
    });
}

function resolveCommand(terminal: Terminal): Command {
  return clientCommand('resolve', 'decide a conflict; the run that carries it to Outlook is queued')
    .argument('<conflictId>')
    .requiredOption('--resolution <resolution>', `one of ${CONFLICT_STRATEGIES.join(', ')}`, resolutionOf)
    .option('--event <json>', 'for manual: the fields to keep, e.g. \'{"subject":"Standup"}\'', jsonObject)
    .option('--reason <text>', 'kept with the record')
    .action(
      async (
        conflictId: string,
        options: ClientOptions & { resolution: string; event?: Record<string, unknown>; reason?: string },
      ) => {
        const client = await ServiceClient.connect(options, terminal);
        const data = {
          ...(options.event ? { event: options.event } : {}),
          ...(options.reason ? { reason: options.reason } : {}),
        };
        const answer = await client.json<ConflictView & { jobId?: string }>(
          'PUT',
          `/calendar/sync/conflicts/${encodeURIComponent(conflictId)}/resolve`,
          { resolution: options.resolution, ...(Object.keys(data).length > 0 ? { resolvedData: data } : {}) },
        );
        if (options.json) {
          printJson(terminal.out, answer);
          return;
        }
        printConflict(terminal.out, answer);
        if (answer.jobId) printLine(terminal.out, `carried to Outlook by run ${answer.jobId}`);
      },
    );
}

/** In either case, with `-` or `_`, as people type it. */
function resolutionOf(text: string): string {
  const wanted = text.toLowerCase().replaceAll('-', '_');
  const found = CONFLICT_STRATEGIES.find((strategy) => strategy === wanted);
  if (!found) throw new InvalidArgumentError(`It must be one of ${CONFLICT_STRATEGIES.join(', ')}.`);
  return found.toUpperCase();
}

function printConflict(out: TextStream, conflict: ConflictView): void {
  printLine(
    out,
    `Conflict ${conflict.id}: ${conflict.conflictType}, event ${conflict.eventId}, ${conflict.resolution ?? 'pending'}`,
  );
  for (const { field, base, local, remote } of conflict.fields) {
    printLine(out, `  ${field}`);
    printLine(out, `    agreed last  ${JSON.stringify(base)}`);
    printLine(out, `    application  ${JSON.stringify(local)}`);
    printLine(out, `    Outlook      ${JSON.stringify(remote)}`);
  }
}
