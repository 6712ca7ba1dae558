import { hangingOn } from '../event-resources/hangings.ts';
import { sameId } from '../event-resources/named-properties.ts';
import { GraphError } from '../http/graph-error.ts';
import { iCalUId } from '../mailbox/ids.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { StoredItem } from '../mailbox/model.ts';
import type { Instance } from '../mailbox/series.ts';
import { toLocal, wireInstant, wireLocal } from '../mailbox/zones.ts';

/** What lists are made of: an item, or one member of a series. */
export interface Row {
  mailbox: Mailbox;
  item: StoredItem;
  instance?: Instance | undefined;
  /** The member's original date, for who does not need to know more of it. */
  date?: string;
}

type Test = (row: Row) => boolean;
type Value = string | number | boolean | null;

const content = ({ item, instance }: Row) => instance?.content ?? item.content;
const utc = (ms: number) => wireLocal(toLocal('UTC', ms));

/** Properties `$filter` and `$orderby` know; times as strings in UTC, which is how Graph compares them. */
const READ: Record<string, (row: Row) => Value> = {
  icaluid: ({ item, instance }) => iCalUId(item.uid, instance?.date),
  uid: ({ item }) => iCalUId(item.uid),
  transactionid: ({ item, instance }) => (instance === undefined ? item.transactionId : null),
  subject: (row) => content(row).subject,
  'start/datetime': (row) => utc(content(row).startMs),
  'end/datetime': (row) => utc(content(row).endMs),
  lastmodifieddatetime: ({ item, instance }) => wireInstant(instance?.exception?.modifiedMs ?? item.modifiedMs),
  createddatetime: ({ item }) => wireInstant(item.createdMs),
  type: ({ item, instance }) => typeOf(item, instance),
  isallday: (row) => content(row).isAllDay,
  iscancelled: ({ item, instance }) => instance?.exception?.isCancelled ?? item.isCancelled,
  isorganizer: ({ item }) => item.isOrganizer,
  showas: (row) => content(row).showAs,
  sensitivity: (row) => content(row).sensitivity,
  importance: (row) => content(row).importance,
  'organizer/emailaddress/address': ({ item }) => item.organizer.address,
  seriesmasterid: ({ mailbox, item, instance }) => (instance === undefined ? null : mailbox.itemId(item, 'default')),
};

export const typeOf = (item: StoredItem, instance: Instance | undefined): string =>
  instance === undefined
    ? item.recurrence === null
      ? 'singleInstance'
      : 'seriesMaster'
    : instance.exception === undefined
      ? 'occurrence'
      : 'exception';

export function readerOf(path: string): (row: Row) => Value {
  const name = path.toLowerCase();
  if (!Object.hasOwn(READ, name)) throw unsupported(path);
  return READ[name]!;
}

const unsupported = (path: string): GraphError =>
  new GraphError(400, 'ErrorInvalidUrlQueryFilter', `The query filter contains an unsupported property: '${path}'.`);

/**
 * Compiles the subset of `$filter` Outlook supports: comparisons, `and`/`or`/`not`, `startswith`, `contains`,
 * and `any` over extended properties and categories.
 *
 * @throws {GraphError} 400 `BadRequest` for bad syntax, `ErrorInvalidUrlQueryFilter` for unsupported properties
 */
export function compileFilter(text: string): Test {
  const parser = new FilterParser(text);
  const test = parser.or();
  parser.end();
  return test;
}

/** Parentheses and `not` inside each other. */
const MAX_DEPTH = 100;
const TOKEN = /\s*('(?:[^']|'')*'|[(),:]|[A-Za-z_][\w./]*|-?\d[\w:.+-]*)/y;

class FilterParser {
  readonly #tokens: string[] = [];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.trimEnd().length) {
      const found = TOKEN.exec(text);
      if (found === null) throw syntaxError();
      this.#tokens.push(found[1]!);
    }
  }

  #peek = (offset = 0): string => this.#tokens[this.#at + offset] ?? '';

  #take(expected?: string): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined || (expected !== undefined && token.toLowerCase() !== expected)) throw syntaxError();
    return token;
  }

  end(): void {
    if (this.#at < this.#tokens.length) throw syntaxError();
  }

  or(): Test {
    let test = this.#and();
    while (this.#peek().toLowerCase() === 'or') {
      this.#take();
      const [left, right] = [test, this.#and()];
      test = (row) => left(row) || right(row);
    }
    return test;
  }

  #and(): Test {
    let test = this.#primary();
    while (this.#peek().toLowerCase() === 'and') {
      this.#take();
      const [left, right] = [test, this.#primary()];
      test = (row) => left(row) && right(row);
    }
    return test;
  }

  #primary(): Test {
    if (this.#depth === MAX_DEPTH) throw new GraphError(400, 'BadRequest', 'Recursion depth exceeded allowed limit.');
    this.#depth += 1;
    const test = this.#innermost();
    this.#depth -= 1;
    return test;
  }

  #innermost(): Test {
    const token = this.#take();
    const lower = token.toLowerCase();
    if (token === '(') {
      const inner = this.or();
      this.#take(')');
      return inner;
    }
    if (lower === 'not') {
      const inner = this.#primary();
      return (row) => !inner(row);
    }
    if (this.#peek() !== '(') return this.#comparison(readerOf(token));
    this.#take('(');
    if (lower.endsWith('/any')) return this.#any(lower.slice(0, -4));
    const path = this.#take();
    this.#take(',');
    const literal = String(literalOf(this.#take())).toLowerCase();
    this.#take(')');
    return textTest(lower, readerOf(path), literal);
  }

  #comparison(read: (row: Row) => Value): Test {
    const operator = this.#take().toLowerCase();
    if (!Object.hasOwn(COMPARE, operator)) throw syntaxError();
    const compare = COMPARE[operator]!;
    const literal = literalOf(this.#take());
    return (row) => compare(order(read(row), literal));
  }

  /** `singleValueExtendedProperties/any(ep: ep/id eq '…' and ep/value eq '…')` and `categories/any(c: c eq '…')`. */
  #any(collection: string): Test {
    const variable = this.#take();
    this.#take(':');
    const conditions: { member: string; operator: string; literal: string }[] = [];
    do {
      if (this.#peek().toLowerCase() === 'and') this.#take();
      const first = this.#take();
      if (this.#peek() === '(') {
        this.#take('(');
        const member = this.#take();
        this.#take(',');
        conditions.push({ member, operator: first.toLowerCase(), literal: String(literalOf(this.#take())) });
        this.#take(')');
      } else {
        conditions.push({
          member: first,
          operator: this.#take().toLowerCase(),
          literal: String(literalOf(this.#take())),
        });
      }
    } while (this.#peek().toLowerCase() === 'and');
    this.#take(')');
    for (const { member, operator } of conditions) {
      const isId = member === `${variable}/id`;
      if (!['eq', 'ne', 'contains', 'startswith'].includes(operator) || (isId && operator !== 'eq'))
        throw syntaxError();
      if (collection === 'singlevalueextendedproperties' && !isId && member !== `${variable}/value`)
        throw syntaxError();
    }
    const holds = (value: string, condition: { operator: string; literal: string }) =>
      textOperator(condition.operator)(value.toLowerCase(), condition.literal.toLowerCase());
    if (collection === 'categories') {
      return (row) => content(row).categories.some((category) => conditions.every((each) => holds(category, each)));
    }
    if (collection !== 'singlevalueextendedproperties') throw unsupported(collection);
    return ({ item, instance }) =>
      hangingOn(item, instance?.date ?? '').extended.some((property) =>
        conditions.every((each) =>
          each.member === `${variable}/id` ? sameId(property.id, each.literal) : holds(property.value, each),
        ),
      );
  }
}

const COMPARE: Record<string, (order: number) => boolean> = {
  eq: (order) => order === 0,
  ne: (order) => order !== 0,
  gt: (order) => order > 0,
  ge: (order) => order >= 0,
  lt: (order) => order < 0,
  le: (order) => order <= 0,
};

function order(value: Value, literal: Value): number {
  if (value === null || literal === null) return value === literal ? 0 : 1;
  if (typeof value === 'string') return compareText(value, String(literal));
  return Number(value) - Number(literal);
}

/** Times compare as text, so they are brought to one number of digits first. */
function compareText(a: string, b: string): number {
  const time = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?Z?$/i;
  const [left, right] = [time.exec(a), time.exec(b)];
  const even = (found: RegExpExecArray) => `${found[1]!.padEnd(19, ':00')}.${(found[2] ?? '').padEnd(7, '0')}`;
  if (left !== null && right !== null) return even(left) < even(right) ? -1 : even(left) > even(right) ? 1 : 0;
  return a < b ? -1 : a > b ? 1 : 0;
}

function textTest(name: string, read: (row: Row) => Value, literal: string): Test {
  const operator = textOperator(name);
  return (row) => operator(String(read(row) ?? '').toLowerCase(), literal);
}

function textOperator(name: string): (value: string, literal: string) => boolean {
  if (name === 'eq') return (value, literal) => value === literal;
  if (name === 'ne') return (value, literal) => value !== literal;
  if (name === 'startswith') return (value, literal) => value.startsWith(literal);
  if (name === 'contains') return (value, literal) => value.includes(literal);
  throw syntaxError();
}

function literalOf(token: string): Value {
  if (token.startsWith("'")) return token.slice(1, -1).replaceAll("''", "'");
  if (token === 'true' || token === 'false') return token === 'true';
  if (token === 'null') return null;
  return /^-?\d+(\.\d+)?$/.test(token) ? Number(token) : token;
}

const syntaxError = (): GraphError =>
  new GraphError(400, 'BadRequest', 'Invalid filter clause: the expression has a syntax error.');
