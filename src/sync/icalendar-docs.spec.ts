import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anEvent, aSeries } from '../../test/support/events.ts';
import { IcsWriter } from '../core/ics/ics-writer.ts';

const SOURCE = resolve(import.meta.dirname, '..');
const GUIDE = readFileSync(resolve(SOURCE, '../docs/icalendar.md'), 'utf8');
const ICS = join(SOURCE, 'core/ics');

/** Where a file's events are judged, and what is said of them. */
const JUDGES = [
  ...readdirSync(ICS)
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
    .map((name) => join(ICS, name)),
  ...['event-import.ts', 'import-candidates.ts'].map((name) => join(import.meta.dirname, name)),
];

const TEXT = String.raw`(?:'((?:\\.|[^'\\\n])*)'|"([^"\n]*)"|${'`'}((?:\\.|[^${'`'}\\])*)${'`'})`;
const SAID = [
  String.raw`\b(?:refused|say)\(\s*`,
  String.raw`\bremark\([^'"${'`'}]*?`,
  String.raw`\bnew SyncError\('[a-z-]+',\s*`,
  String.raw`\bconst message =\s*`,
  String.raw`\n  [A-Z]+: `,
  String.raw`\n  return (?=${'`'}these dates)`,
];

/** Everything that can be said of an event of a file, as the code has it; `…` for what is filled in. */
function saidInCode(): Set<string> {
  const said = new Set<string>();
  for (const path of JUDGES) {
    const code = readFileSync(path, 'utf8').replace(/^\s*(?:\/\/|\/?\*).*$/gm, '');
    for (const start of SAID) {
      for (const [, single, double, template] of code.matchAll(new RegExp(start + TEXT, 'g'))) {
        const text = (single ?? double ?? template ?? '').replace(/\$\{[^}]*\}/g, '…');
        // Names of events without a UID are told to nobody.
        if (text.includes(' ') && !text.startsWith('without UID')) said.add(text);
      }
    }
  }
  return said;
}

function saidInGuide(): Set<string> {
  return new Set([...GUIDE.matchAll(/^\| “(.*?)” \|/gm)].map(([, message = '']) => message));
}

describe('the guide to iCalendar files', () => {
  it('lists everything that is refused or noted, in the words of the code', () => {
    const said = saidInCode();
    expect(said.size).toBeGreaterThan(70);
    expect([...said].sort()).toEqual([...saidInGuide()].sort());
  });

  it('names everything that an export writes', () => {
    const writer = new IcsWriter(new Date('2026-03-01T00:00:00Z'), { name: 'Team', timeZone: 'Europe/Berlin' });
    const told = { createdAt: new Date(0), lastModifiedAt: new Date(0), joinUrl: 'https://example.com/join' };
    const full = {
      body: { contentType: 'html', content: '<p>Hello</p>' },
      locations: [{ displayName: 'Room 1', coordinates: { latitude: 52.5, longitude: 13.4 } }],
      attendees: [
        {
          type: 'resource',
          emailAddress: { name: 'Ben', address: 'ben@example.com' },
          status: { response: 'accepted' },
        },
      ],
      sensitivity: 'personal',
      categories: ['A'],
      isReminderOn: true,
      isOnlineMeeting: true,
    } as const;
    const organizer = { name: 'Ada', address: 'ada@example.com' };
    writer.add({ uid: 'a', content: anEvent(full), organizer, ...told });
    const occurrences = {
      '2026-03-09': { isCancelled: true },
      '2026-03-16': { isCancelled: false, fields: { subject: 'Special' } },
    } as const;
    writer.add({ uid: 'b', content: aSeries({ occurrences }), ...told });
    const text = writer.end().replaceAll('\r\n ', '');
    const zones = /BEGIN:VTIMEZONE[\s\S]*END:VTIMEZONE\r\n/;
    const written = [...text.replace(zones, '').matchAll(/^([A-Z-]+)(?=[:;])/gm)].map(([name]) => name);
    const inAlarm = ['ACTION', 'TRIGGER', 'BEGIN', 'END'];
    const names = [...new Set(written)].filter((name) => !inAlarm.includes(name));
    expect(names).toEqual(expect.arrayContaining(['EXDATE', 'RECURRENCE-ID', 'X-ALT-DESC', 'ORGANIZER', 'GEO']));
    expect(names.filter((name) => !GUIDE.includes(`\`${name}\``))).toEqual([]);
  });
});
