import { badRequest, GraphError } from '../http/graph-error.ts';
import type { SimulatedResponse } from '../http/http-types.ts';
import { metadataUrl, ok, type RouteContext, requireMethod } from '../http/routing.ts';

/** A small list (calendars, groups, permissions) and what its query options may speak of. */
export interface Collection {
  /** Behind `$metadata#users('…')/`. */
  path: string;
  /** `microsoft.graph.…`, for messages. */
  type: string;
  properties: readonly string[];
  /** What `$expand` may name; all of it is empty here. */
  expandable?: readonly string[];
}

type Row = Record<string, unknown>;

const DEFAULT_PAGE = 10;

/**
 * The rows as `$filter`, `$orderby`, `$skip`, `$top`, `$count` and `$select` want them, with a nextLink.
 *
 * @throws {GraphError} 400 for options Graph refuses
 */
export function answerCollection(context: RouteContext, rows: Row[], about: Collection): SimulatedResponse {
  requireMethod(context, 'GET');
  const { query, request } = context;
  if (query.has('$search')) throw badRequest(`The parameter $search is not supported on '${about.type}'.`);
  const found = ordered(filtered(rows, query.get('$filter'), about), query.get('$orderby'), about);
  const skip = numberOf('$skip', query.get('$skip'), 0, 0);
  const top = numberOf('$top', query.get('$top'), context.preferences.maxPageSize ?? DEFAULT_PAGE, 1);
  const body: Row = { '@odata.context': metadataUrl(context, about.path) };
  if (query.get('$count') === 'true') body['@odata.count'] = found.length;
  body['value'] = found.slice(skip, skip + top).map((row) => selected(context, row, about));
  if (skip + top < found.length) {
    const next = new URL(request.url);
    next.searchParams.set('$skip', String(skip + top));
    body['@odata.nextLink'] = next.href;
  }
  return ok(body);
}

/** `…/$count`. */
export function answerCount(context: RouteContext, rows: Row[], about: Collection): SimulatedResponse {
  requireMethod(context, 'GET');
  const count = filtered(rows, context.query.get('$filter'), about).length;
  return { status: 200, headers: { 'content-type': 'text/plain' }, text: String(count) };
}

/** One row as `$select` wants it. @throws {GraphError} 400 for an unknown property in `$select` or `$expand` */
export function selected(context: RouteContext, row: Row, about: Collection): Row {
  const { query } = context;
  const expandable = (about.expandable ?? []).map((name) => name.toLowerCase());
  for (const [name] of (query.get('$expand') ?? '').matchAll(/[A-Za-z]+(?=[,(]|$)/g)) {
    if (!expandable.includes(name.toLowerCase())) throw noProperty(name, about);
    break;
  }
  const select = query.get('$select');
  if (select === undefined) return row;
  const names = select.split(',').map((name) => propertyNamed(name.trim(), about));
  return names.includes('*') ? row : pick(row, ['@odata.etag', 'id', ...names]);
}

const pick = (row: Row, names: string[]): Row =>
  Object.fromEntries(Object.entries(row).filter(([name]) => names.includes(name)));

const noProperty = (name: string, { type }: Collection): GraphError =>
  new GraphError(400, 'RequestBroker--ParseUri', `Could not find a property named '${name}' on type '${type}'.`);

function propertyNamed(name: string, about: Collection): string {
  if (name === '*') return name;
  const found = about.properties.find((each) => each.toLowerCase() === name.toLowerCase());
  if (found === undefined) throw noProperty(name, about);
  return found;
}

function numberOf(name: string, text: string | undefined, fallback: number, least: number): number {
  if (text === undefined) return fallback;
  if (!/^\d+$/.test(text) || Number(text) < least)
    throw badRequest(`Invalid value '${text}' for ${name} query option found.`);
  return Number(text);
}

function ordered(rows: Row[], text: string | undefined, about: Collection): Row[] {
  if (text === undefined) return rows;
  const [path = '', direction = 'asc'] = text.trim().split(/\s+/);
  const name = propertyNamed(path, about);
  const sign = direction.toLowerCase() === 'desc' ? -1 : 1;
  return [...rows].sort((a, b) => sign * String(a[name]).localeCompare(String(b[name])));
}

const CLAUSE =
  /^\s*(?:(startswith|contains)\(\s*(\w+)\s*,\s*'((?:[^']|'')*)'\s*\)|(\w+)\s+(eq|ne)\s+('(?:[^']|'')*'|true|false|null))\s*/i;

/** Comparisons with `eq` and `ne`, `startswith` and `contains`, joined by `and`. */
function filtered(rows: Row[], text: string | undefined, about: Collection): Row[] {
  if (text === undefined) return rows;
  let rest = text;
  let found = rows;
  for (;;) {
    const clause = CLAUSE.exec(rest);
    if (clause === null) throw badRequest('Invalid filter clause: the expression has a syntax error.');
    const test = testOf(clause, about);
    found = found.filter(test);
    rest = rest.slice(clause[0].length);
    if (rest === '') return found;
    if (!/^and\s/i.test(rest)) throw badRequest('Invalid filter clause: the expression has a syntax error.');
    rest = rest.slice(4);
  }
}

function testOf(clause: RegExpExecArray, about: Collection): (row: Row) => boolean {
  const [, call, member, part, path, operator, literal] = clause;
  const name = propertyNamed(member ?? path ?? '', about);
  const textOf = (row: Row) => String(row[name] ?? '').toLowerCase();
  if (call !== undefined) {
    const sought = part!.replaceAll("''", "'").toLowerCase();
    return (row) => (call.toLowerCase() === 'contains' ? textOf(row).includes(sought) : textOf(row).startsWith(sought));
  }
  const wanted = literal!.startsWith("'") ? literal!.slice(1, -1).replaceAll("''", "'") : literal!;
  const isEqual = (row: Row) => (wanted === 'null' ? row[name] === null : textOf(row) === wanted.toLowerCase());
  return (row) => isEqual(row) === (operator!.toLowerCase() === 'eq');
}
