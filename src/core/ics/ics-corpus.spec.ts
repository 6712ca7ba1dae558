import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { equalContent } from '../canonical-event.ts';
import { isSyncError } from '../errors.ts';
import type { EventContent, PatternedRecurrence } from '../event.ts';
import { createContent } from '../event-input.ts';
import { datesBetween } from '../recurrence.ts';
import { singleContent } from './ics-event.ts';
import { type IcsRemark, openIcs, readGroup } from './ics-reader.ts';
import { readRule } from './ics-rule.ts';
import { assembleEvent } from './ics-series.ts';
import { IcsWriter } from './ics-writer.ts';

/** Calendar files of other projects' test suites; they are not part of this one. */
const CORPUS = resolve(import.meta.dirname, '../../../../shared/ics');
const isThere = existsSync(CORPUS);
const NOW = new Date('2026-03-01T00:00:00Z');

interface ReadFile {
  readonly contents: readonly { uid: string | null; content: EventContent }[];
  readonly errors: readonly IcsRemark[];
  readonly notes: readonly IcsRemark[];
  /** VEVENTs in the file, and those that are in `contents`, in `errors`, or said to be superseded. */
  readonly vevents: number;
  readonly accounted: number;
}

function read(text: string): ReadFile | undefined {
  try {
    const file = openIcs(text, 'Europe/Berlin');
    const contents: { uid: string | null; content: EventContent }[] = [];
    const errors = [...file.errors];
    const notes = [...file.notes];
    let vevents = file.errors.length;
    let accounted = file.errors.length;
    for (const group of file.groups) {
      const record = readGroup(group);
      const assembled = record.master && assembleEvent(group.uid, record.master, record);
      const kept = assembled
        ? [assembled.content, ...assembled.detached.map(({ content }) => content)]
        : record.exceptions.map(({ event }) => singleContent(event));
      contents.push(...kept.map((content) => ({ uid: group.uid, content })));
      errors.push(...record.errors, ...(assembled?.errors ?? []));
      notes.push(...record.notes, ...(assembled?.notes ?? []));
      vevents += group.vevents.length;
      accounted +=
        (record.master ? 1 : 0) +
        record.exceptions.length +
        record.errors.length +
        superseded(group.vevents.map(({ lines }) => lines));
    }
    return { contents, errors, notes, vevents, accounted };
  } catch (error) {
    if (isSyncError(error, 'invalid-input')) return undefined;
    throw error;
  }
}

/** Further versions of one date, and repetitions of the same event, which stand for nothing of their own. */
function superseded(vevents: readonly (readonly string[])[]): number {
  const idOf = (lines: readonly string[]) => lines.find((line) => /^RECURRENCE-ID/i.test(line)) ?? '';
  const dates = vevents.map(idOf).filter((id) => id !== '');
  const masters = vevents
    .filter((lines) => idOf(lines) === '')
    .map((lines) =>
      lines
        .filter((line) => !/^(DTSTAMP|SEQUENCE|LAST-MODIFIED|CREATED)/i.test(line))
        .sort()
        .join('\n'),
    );
  return dates.length - new Set(dates).size + masters.length - new Set(masters).size;
}

function write(contents: readonly { content: EventContent }[]): string {
  const writer = new IcsWriter(NOW);
  for (const [index, { content }] of contents.entries()) {
    writer.add({ uid: `${index}@example.com`, content, createdAt: NOW, lastModifiedAt: NOW });
  }
  return writer.end();
}

const files = isThere
  ? readdirSync(CORPUS, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ics'))
      .sort()
  : [];

describe.runIf(isThere)('calendar files of other projects', () => {
  const totals = { files: 0, noCalendar: 0, events: 0, refused: 0, noted: 0 };

  it.each(files)('%s: every event is taken in or refused by name', (name) => {
    const file = read(readFileSync(join(CORPUS, name), 'utf8'));
    totals.files += 1;
    if (!file) {
      totals.noCalendar += 1;
      return;
    }
    totals.events += file.contents.length;
    totals.refused += file.errors.length;
    totals.noted += file.notes.length;
    expect(file.accounted).toBe(file.vevents);
    for (const { content } of file.contents) {
      const { occurrences: _dates, ...input } = content;
      expect(() => createContent(input)).not.toThrow();
    }
    for (const { message } of [...file.errors, ...file.notes]) expect(message).not.toBe('');
  });

  it.each(files)('%s: what was taken in comes back the same', (name) => {
    const file = read(readFileSync(join(CORPUS, name), 'utf8'));
    if (!file) return;
    const again = read(write(file.contents));
    expect(again?.errors).toEqual([]);
    expect(again?.contents).toHaveLength(file.contents.length);
    for (const [index, { content }] of file.contents.entries()) {
      const other = again?.contents.find(({ uid }) => uid === `${index}@example.com`)?.content;
      expect(other && equalContent(content, other), `${basename(name)}, event ${index}`).toBe(true);
    }
  });

  it('says how many there were', () => {
    console.info(
      `calendar files: ${totals.files}, of them without a calendar ${totals.noCalendar}; events taken in ${totals.events}, refused by name ${totals.refused}, notes ${totals.noted}`,
    );
    expect(totals.events).toBeGreaterThan(1_000);
  });
});

interface ExpandedRule {
  readonly source: string;
  readonly name: string;
  readonly dtstart: string;
  readonly timeZone: string | null;
  readonly rrule: string;
  readonly expected: readonly string[];
  readonly complete: boolean;
  readonly graph?: PatternedRecurrence;
  readonly graphNotes?: readonly string[];
}

const rules: ExpandedRule[] = isThere
  ? ['dateutil', 'ical.net'].flatMap((name) =>
      readFileSync(join(CORPUS, `_expansions/${name}.jsonl`), 'utf8')
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map((line) => JSON.parse(line) as ExpandedRule),
    )
  : [];

describe.runIf(isThere)('rules other projects expanded', () => {
  it.each(rules.map((rule) => [`${rule.source}: ${rule.name} ${rule.rrule}`, rule] as const))('%s', (_name, rule) => {
    const start = {
      dateTime: rule.dtstart.length === 10 ? `${rule.dtstart}T00:00:00` : rule.dtstart.slice(0, 19),
      timeZone: rule.timeZone ?? 'UTC',
    };
    let recurrence: PatternedRecurrence;
    try {
      recurrence = readRule(rule.rrule, { start, isAllDay: rule.dtstart.length === 10 }, () => {});
    } catch (error) {
      if (!isSyncError(error, 'impossible-input')) throw error;
      // What Graph can say without reservation is not refused, unless the start does not fit the rule.
      const isPlain = rule.graph !== undefined && rule.graphNotes === undefined;
      const fits = rule.expected[0]?.slice(0, 10) === rule.dtstart.slice(0, 10);
      expect(isPlain && fits, `refused: ${error.message}`).toBe(false);
      return;
    }
    const expected = [...new Set(rule.expected.map((date) => date.slice(0, 10)))];
    const last = expected.at(-1) ?? rule.dtstart.slice(0, 10);
    expect(
      datesBetween(recurrence, '0001-01-01', rule.complete ? '9999-12-31' : last, expected.length + 1).slice(
        0,
        rule.complete ? undefined : expected.length,
      ),
    ).toEqual(expected);
  });
});

describe.runIf(!isThere)('calendar files of other projects', () => {
  it.skip('are not on this machine: ../shared/ics is missing', () => {});
});
