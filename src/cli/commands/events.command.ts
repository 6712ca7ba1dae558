import { readFileSync, writeFileSync } from 'node:fs';
import { Argument, type Command, Option } from 'commander';
import { RESPONSE_KINDS } from '../../core/event-response.ts';
import { type ClientOptions, clientCommand, commandGroup, jsonObject, queryOf, wholeNumber } from '../options.ts';
import { ServiceClient } from '../service-client.ts';
import { CommandError, printJson, printLine, printTable, type Terminal } from '../terminal.ts';

interface EventView {
  readonly id: string;
  readonly subject: string;
  readonly start: { readonly dateTime: string; readonly timeZone: string };
  readonly end: { readonly dateTime: string; readonly timeZone: string };
  readonly type: string;
  readonly syncState: string;
}

export function eventsCommand(terminal: Terminal): Command {
  return commandGroup('events', 'the application’s own events')
    .addCommand(listCommand(terminal), { isDefault: true })
    .addCommand(createCommand(terminal))
    .addCommand(respondCommand(terminal))
    .addCommand(importCommand(terminal))
    .addCommand(exportCommand(terminal));
}

interface ListOptions extends ClientOptions {
  readonly calendar?: string;
  readonly start?: string;
  readonly end?: string;
  readonly expand?: string;
  readonly limit: number;
  readonly cursor?: string;
}

function listCommand(terminal: Terminal): Command {
  return clientCommand('list', 'events and series')
    .option('--calendar <id>', 'of this calendar only')
    .option('--start <instant>', 'only what overlaps the time from here …')
    .option('--end <instant>', '… to here (ISO 8601)')
    .addOption(new Option('--expand <what>', 'series as their occurrences').choices(['occurrences']))
    .option('--limit <count>', 'how many', wholeNumber(1, 1000), 50)
    .option('--cursor <cursor>', 'go on after a page')
    .action(async (options: ListOptions) => {
      const client = await ServiceClient.connect(options, terminal);
      const { calendar: calendarId, start, end, expand, limit, cursor } = options;
      const page = await client.json<{ items: EventView[]; nextCursor: string | null }>(
        'GET',
        `/calendar/events${queryOf({ calendarId, start, end, expand, limit, cursor })}`,
      );
      if (options.json) {
        printJson(terminal.out, page);
        return;
      }
      printTable(
        terminal.out,
        ['event', 'start', 'zone', 'type', 'sync', 'subject'],
        page.items.map((item) => [
          item.id,
          item.start.dateTime,
          item.start.timeZone,
          item.type,
          item.syncState,
          item.subject,
        ]),
      );
      if (page.nextCursor) printLine(terminal.out, `more: --cursor ${page.nextCursor}`);
    });
}

interface CreateOptions extends ClientOptions {
  readonly subject?: string;
  readonly start?: string;
  readonly end?: string;
  readonly timeZone: string;
  readonly allDay?: boolean;
  readonly location?: string;
  readonly calendar?: string;
  readonly data?: Record<string, unknown>;
  readonly idempotencyKey?: string;
}

function createCommand(terminal: Terminal): Command {
  return clientCommand('create', 'a new event; it is on its way to Outlook within seconds')
    .option('--subject <text>')
    .option('--start <dateTime>', 'wall clock, e.g. 2026-03-09T09:00:00')
    .option('--end <dateTime>', 'wall clock; exclusive for all-day events')
    .option('--time-zone <zone>', 'Windows or IANA name of the wall clock', 'UTC')
    .option('--all-day', 'from midnight to midnight')
    .option('--location <name>')
    .option('--calendar <id>')
    .option('--data <json>', 'any event fields, in Graph’s names', jsonObject)
    .action(async (options: CreateOptions) => {
      const client = await ServiceClient.connect(options, terminal);
      const at = (dateTime: string) => ({ dateTime, timeZone: options.timeZone });
      const event = await client.json<EventView>('POST', '/calendar/events', {
        ...options.data,
        ...(options.subject === undefined ? {} : { subject: options.subject }),
        ...(options.start === undefined ? {} : { start: at(options.start) }),
        ...(options.end === undefined ? {} : { end: at(options.end) }),
        ...(options.allDay ? { isAllDay: true } : {}),
        ...(options.location === undefined ? {} : { location: { displayName: options.location } }),
        ...(options.calendar === undefined ? {} : { calendarId: options.calendar }),
      });
      if (options.json) printJson(terminal.out, event);
      else printLine(terminal.out, `created ${event.id} (${event.syncState})`);
    });
}

function respondCommand(terminal: Terminal): Command {
  return clientCommand('respond', 'answer somebody else’s meeting, or one date of a series')
    .argument('<id>', 'an event, or an occurrence: <master id>_<yyyy-MM-dd>')
    .addArgument(new Argument('<response>').choices(RESPONSE_KINDS))
    .option('--comment <text>', 'for the organizer')
    .option('--no-send', 'without mailing the organizer')
    .action(async (id: string, response: string, options: ClientOptions & { comment?: string; send: boolean }) => {
      const client = await ServiceClient.connect(options, terminal);
      const event = await client.json<EventView>('POST', `/calendar/events/${encodeURIComponent(id)}/respond`, {
        response,
        sendResponse: options.send,
        ...(options.comment === undefined ? {} : { comment: options.comment }),
      });
      if (options.json) printJson(terminal.out, event);
      else printLine(terminal.out, `${response} for ${event.id} (${event.syncState})`);
    });
}

function importCommand(terminal: Terminal): Command {
  return clientCommand('import', 'take in an iCalendar file; again and again adds nothing twice')
    .argument('<file>', 'an .ics file, or - for standard input')
    .option('--calendar <id>')
    .action(async (file: string, options: ClientOptions & { calendar?: string }) => {
      const client = await ServiceClient.connect(options, terminal);
      const body = file === '-' ? await terminal.readInput() : readIcs(file);
      const answer = await client.text('POST', `/calendar/events/import${queryOf({ calendarId: options.calendar })}`, {
        body,
        contentType: 'text/calendar; charset=utf-8',
      });
      const counts: unknown = JSON.parse(answer);
      if (options.json) printJson(terminal.out, counts);
      else printLine(terminal.out, JSON.stringify(counts, null, 2));
    });
}

function exportCommand(terminal: Terminal): Command {
  return clientCommand('export', 'events as an iCalendar file')
    .option('--out <file>', 'where to; otherwise standard output')
    .option('--calendar <id>')
    .action(async (options: ClientOptions & { out?: string; calendar?: string }) => {
      const client = await ServiceClient.connect(options, terminal);
      const ics = await client.text('GET', `/calendar/events/export.ics${queryOf({ calendarId: options.calendar })}`);
      if (!options.out) {
        terminal.out.write(ics);
        return;
      }
      writeFileSync(options.out, ics);
      const events = ics.match(/^BEGIN:VEVENT/gm)?.length ?? 0;
      if (options.json) printJson(terminal.out, { file: options.out, events });
      else printLine(terminal.out, `${events} events written to ${options.out}`);
    });
}

function readIcs(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`${file} cannot be read: ${reason}`, { cause });
  }
}
