import ICAL from 'ical.js';
import { SyncError } from '../errors.ts';

/** iCalendar text as nested components of unfolded lines (RFC 5545, 3.1 and 3.6): the part of it that never fails. */
export interface IcsComponent {
  /** Upper case. */
  readonly name: string;
  readonly lines: readonly string[];
  readonly components: readonly IcsComponent[];
}

/** The lines of a component, read; a line that cannot be read is known by its name only. */
export interface IcsProperties {
  first(name: string): ICAL.Property | undefined;
  all(name: string): readonly ICAL.Property[];
  has(name: string): boolean;
  /** What stands after a property's colon, as it stands there. */
  raw(property: ICAL.Property): string;
  readonly names: readonly string[];
  readonly unreadable: readonly string[];
}

/** What cannot be held, said so that its owner can find and mend it; never with a word of its content. */
export function refused(message: string): SyncError {
  return new SyncError('impossible-input', message);
}

interface OpenComponent {
  readonly name: string;
  readonly lines: string[];
  readonly components: IcsComponent[];
}

const EDGE = /^(BEGIN|END)[ \t]*:[ \t]*([\w-]+)[ \t]*$/i;
/** Deeper than any calendar, and not deep enough to matter. */
const MAX_DEPTH = 20;

/**
 * Components at the top of a file, mostly one VCALENDAR. Files cut off in the middle, and ends that match no beginning, are
 * taken for what they can be.
 */
export function readComponents(text: string): IcsComponent[] {
  const root: OpenComponent = { name: '', lines: [], components: [] };
  const open: OpenComponent[] = [root];
  for (const line of unfold(text)) {
    const [, edge = '', name = ''] = (/^[be]/i.test(line) && EDGE.exec(line)) || [];
    const current = open.at(-1) ?? root;
    if (edge === '') {
      if (/\S/.test(line)) current.lines.push(line);
    } else if (edge.toUpperCase() === 'BEGIN') {
      if (open.length > MAX_DEPTH) continue;
      const component: OpenComponent = { name: name.toUpperCase(), lines: [], components: [] };
      current.components.push(component);
      open.push(component);
    } else {
      const at = open.findLastIndex((component) => component.name === name.toUpperCase());
      if (at > 0) open.splice(at);
    }
  }
  return root.components;
}

/** Long lines are folded anywhere, also within a character's bytes once a program mixed the two up; a byte order mark is none. */
function unfold(text: string): string[] {
  const rows = text
    .replace(/^\ufeff/, '')
    .replaceAll('\r\n', '\n')
    .replaceAll('\r', '\n')
    .split('\n');
  const lines: string[] = [];
  for (let at = 0; at < rows.length; ) {
    const first = rows[at] ?? '';
    const more: string[] = [];
    for (at += 1; isContinued(rows[at]); at += 1) more.push((rows[at] ?? '').slice(1));
    lines.push(more.length === 0 ? first : first + more.join(''));
  }
  return lines;
}

function isContinued(row: string | undefined): boolean {
  return row !== undefined && (row.startsWith(' ') || row.startsWith('\t'));
}

export function readProperties(component: IcsComponent): IcsProperties {
  const found = new Map<string, ICAL.Property[]>();
  const raw = new Map<ICAL.Property, string>();
  const unreadable = new Set<string>();
  for (const line of component.lines) {
    const name = nameOf(line);
    const property = parseLine(line);
    if (!property) {
      unreadable.add(name);
      continue;
    }
    raw.set(property, afterColon(line));
    const known = found.get(name);
    if (known) known.push(property);
    else found.set(name, [property]);
  }
  return {
    first: (name) => found.get(name)?.[0],
    all: (name) => found.get(name) ?? [],
    has: (name) => found.has(name),
    raw: (property) => raw.get(property) ?? '',
    names: [...found.keys()],
    unreadable: [...unreadable],
  };
}

/** The times and rules of an event are read from their text: many are written a little wrong, and can be understood. */
const READ_AS_THEY_STAND = new Set(['DTSTART', 'DTEND', 'EXDATE', 'RECURRENCE-ID', 'RDATE', 'RRULE']);

/** Reading parameters takes a time that grows with the square of their number; no program writes a tenth of these. */
const MOST_PARAMETER_SIGNS = 1_000;

function hasTooManyParameters(line: string): boolean {
  let isQuoted = false;
  let signs = 0;
  for (const character of line) {
    if (character === '"') isQuoted = !isQuoted;
    else if (isQuoted) continue;
    else if (character === ':') return false;
    else if (character === ';' || character === ',' || character === '=') signs += 1;
    if (signs > MOST_PARAMETER_SIGNS) return true;
  }
  return false;
}

function parseLine(line: string): ICAL.Property | undefined {
  if (hasTooManyParameters(line)) return undefined;
  try {
    const parsed = ICAL.parse.property(line.trimStart());
    if (!Array.isArray(parsed)) return undefined;
    const property = new ICAL.Property(parsed);
    // Values are read when they are first asked for, and may be found wrong only then.
    if (!READ_AS_THEY_STAND.has(nameOf(line))) property.getValues();
    return property;
  } catch {
    return undefined;
  }
}

function nameOf(line: string): string {
  return (/^\s*([\w-]+)/.exec(line)?.[1] ?? '?').toUpperCase();
}

/** The colon that ends the name and the parameters is the first one outside of quotes. */
function afterColon(line: string): string {
  let isQuoted = false;
  for (let index = 0; index < line.length; index += 1) {
    const character = line[index];
    if (character === '"') isQuoted = !isQuoted;
    else if (character === ':' && !isQuoted) return line.slice(index + 1);
  }
  return '';
}

/** The values of a property, as they stand there. */
export function rawValues(component: IcsComponent, name: string): string[] {
  return component.lines.filter((line) => nameOf(line) === name).map(afterColon);
}

/** @returns the property's text, unescaped, also for names iCalendar does not know, whose type it cannot know either */
export function textOf(property: ICAL.Property | undefined): string | undefined {
  if (!property) return undefined;
  const value: unknown = property.getFirstValue();
  if (typeof value !== 'string') return value === null || value === undefined ? undefined : String(value);
  return property.type === 'unknown' ? unescapeText(value) : value;
}

export function unescapeText(text: string): string {
  return text.replace(/\\([\\;,nN])/g, (_pair, escaped: string) => (escaped.toLowerCase() === 'n' ? '\n' : escaped));
}

export function parameterOf(property: ICAL.Property, name: string): string | undefined {
  const value: unknown = property.getFirstParameter(name);
  return typeof value === 'string' && value !== '' ? value : undefined;
}
