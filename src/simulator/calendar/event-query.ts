import { expandHangings } from '../event-resources/event-expand.ts';
import { badRequest, GraphError } from '../http/graph-error.ts';
import { occurrenceId, renderInstance, renderItem, type View } from '../mailbox/event-render.ts';
import { EVENT_PROPERTIES } from '../mailbox/event-schema.ts';
import { instanceOf } from '../mailbox/series.ts';
import { wireInstant } from '../mailbox/zones.ts';
import type { SimulatorSwitches } from '../switches.ts';
import { renderCalendar } from './calendar-routes.ts';
import { compileFilter, type Row, readerOf } from './event-filter.ts';

/** The query options of event lists (Microsoft Graph "Use query parameters"). */
export interface EventQuery {
  /** Lower-case names, or undefined for everything. */
  select: Set<string> | undefined;
  expand: Map<string, string>;
  filter: ((row: Row) => boolean) | undefined;
  /** A copy in the wanted order. */
  orderBy: ((rows: readonly Row[]) => Row[]) | undefined;
  top: number;
  skip: number;
  count: boolean;
}

const KNOWN = new Set([...EVENT_PROPERTIES].map((name) => name.toLowerCase()));
const EXPANDABLE = new Set([
  'exceptionoccurrences',
  'singlevalueextendedproperties',
  'multivalueextendedproperties',
  'extensions',
  'calendar',
  'attachments',
  'instances',
]);
/** Graph's page when nobody says otherwise. */
const DEFAULT_PAGE = 10;

/** @throws {GraphError} 400 for options Graph refuses */
export function readEventQuery(query: ReadonlyMap<string, string>, switches: SimulatorSwitches): EventQuery {
  if (query.has('$search'))
    throw badRequest('The parameter $search is not currently supported on the Events resource.');
  const select = query
    .get('$select')
    ?.split(',')
    .map((name) => name.trim().toLowerCase());
  for (const name of select ?? []) {
    if (name !== '*' && !KNOWN.has(name)) {
      throw new GraphError(
        400,
        'RequestBroker--ParseUri',
        `Could not find a property named '${name}' on type 'microsoft.graph.event'.`,
      );
    }
  }
  const filter = query.get('$filter');
  return {
    select: select === undefined || select.includes('*') ? starred(select) : new Set(select),
    expand: readExpand(query.get('$expand')),
    filter: filter === undefined ? undefined : compileFilter(filter),
    orderBy: readOrder(query.get('$orderby')),
    top: readTop(query.get('$top'), switches),
    skip: readCount('$skip', query.get('$skip') ?? query.get('skip'), 0, 0),
    count: query.get('$count') === 'true',
  };
}

/** `$select=*` is everything there is, `originalStart` included. */
const starred = (select: string[] | undefined): Set<string> | undefined =>
  select === undefined ? undefined : new Set(['*']);

function readTop(text: string | undefined, switches: SimulatorSwitches): number {
  const top = readCount('$top', text, DEFAULT_PAGE, 1);
  if (top <= switches.maxTop) return top;
  if (switches.topOverMax === 'clamp') return switches.maxTop;
  throw new GraphError(400, 'ErrorInvalidUrlQuery', `The value of $top must be between 1 and ${switches.maxTop}.`);
}

function readCount(name: string, text: string | undefined, fallback: number, least: number): number {
  if (text === undefined) return fallback;
  if (!/^\d+$/.test(text) || Number(text) < least)
    throw badRequest(`Invalid value '${text}' for ${name} query option found.`);
  return Number(text);
}

function readExpand(text: string | undefined): Map<string, string> {
  const expand = new Map<string, string>();
  for (const [, name, options] of (text ?? '').matchAll(/([A-Za-z]+)(?:\(((?:'(?:[^']|'')*'|[^()'])*)\))?/g)) {
    if (!EXPANDABLE.has(name!.toLowerCase())) {
      throw badRequest(
        `Parsing OData Select and Expand failed: Could not find a property named '${name}' on type 'microsoft.graph.event'.`,
      );
    }
    expand.set(name!.toLowerCase(), options ?? '');
  }
  return expand;
}

function readOrder(text: string | undefined): EventQuery['orderBy'] {
  if (text === undefined) return undefined;
  const keys = text.split(',').map((part) => {
    const [path, direction] = part.trim().split(/\s+/);
    return { read: readerOf(path ?? ''), sign: direction?.toLowerCase() === 'desc' ? -1 : 1 };
  });
  // Each row's keys are read once, not at every comparison.
  return (rows) =>
    rows
      .map((row) => ({ row, values: keys.map(({ read }) => read(row) ?? '') }))
      .sort((a, b) => {
        for (const [at, { sign }] of keys.entries()) {
          const [left, right] = [a.values[at]!, b.values[at]!];
          if (left !== right) return left < right ? -sign : sign;
        }
        return 0;
      })
      .map(({ row }) => row);
}

/** One row as the query wants it: complete or selected, expanded, with the properties only `$select` brings out. */
export function renderRow(
  row: Row,
  view: View,
  query: Pick<EventQuery, 'select' | 'expand'> & { isEntity?: boolean },
): Record<string, unknown> {
  const { mailbox, item, instance } = row;
  const full: Record<string, unknown> =
    instance === undefined ? renderItem(mailbox, item, view) : renderInstance(mailbox, item, instance, view);
  const { select, expand } = query;
  const wants = (name: string) => select !== undefined && (select.has(name) || select.has('*'));
  if (wants('originalstart')) {
    full['originalStart'] = instance === undefined ? null : wireInstant(instance.originalStartMs);
  }
  // Lists never have what is excluded from a series: it takes a GET of the master.
  const isMaster = query.isEntity === true && instance === undefined && item.recurrence !== null;
  if (wants('cancelledoccurrences') && isMaster) {
    full['cancelledOccurrences'] = item.cancelled.map((date) => occurrenceId(mailbox, item, date, view));
  }
  const shown = select === undefined || select.has('*') ? full : pick(full, select);
  if (expand.has('exceptionoccurrences') && wants('exceptionoccurrences') && isMaster) {
    shown['exceptionOccurrences'] = Object.keys(item.exceptions)
      .sort()
      .filter((date) => !item.exceptions[date]!.isCancelled)
      .map((date) => {
        const nested = /\$select=([\w,\s]+)/i.exec(expand.get('exceptionoccurrences')!)?.[1];
        const chosen =
          nested === undefined ? undefined : new Set(nested.split(',').map((name) => name.trim().toLowerCase()));
        const inner = { select: chosen, expand: new Map<string, string>() };
        return renderRow({ mailbox, item, instance: instanceOf(item, date) }, view, inner);
      });
  }
  if (expand.has('calendar')) {
    const calendar = mailbox.calendarByFolder(item.folder);
    if (calendar !== undefined) shown['calendar'] = renderCalendar(mailbox, calendar);
  }
  return { ...shown, ...expandHangings({ mailbox, item, date: instance?.date ?? '', view }, expand) };
}

function pick(full: Record<string, unknown>, select: Set<string>): Record<string, unknown> {
  const picked: Record<string, unknown> = { '@odata.etag': full['@odata.etag'], id: full['id'] };
  for (const [name, value] of Object.entries(full)) if (select.has(name.toLowerCase())) picked[name] = value;
  // A list that does not select isOnlineMeeting gets the meeting without its link.
  if (select.has('onlinemeeting') && !select.has('isonlinemeeting') && picked['onlineMeeting']) {
    picked['onlineMeeting'] = { ...(picked['onlineMeeting'] as object), joinUrl: null };
  }
  return picked;
}
