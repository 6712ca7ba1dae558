import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GraphSimulator } from '../index.ts';
import { defaultSwitches } from '../switches.ts';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const GUIDE = read('../../../docs/simulator.md');

interface Row {
  number: number;
  how: string;
  /** `file › title` of each test. */
  tests: string[];
}

function rowsOfGuide(): Row[] {
  const [, section = ''] = GUIDE.split('\n## The sixty traps\n');
  const [table = ''] = section.split('\n## ');
  return [...table.matchAll(/^\| (\d+) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$/gm)].map(([, number, how, tests]) => ({
    number: Number(number),
    how: how!,
    // Titles have semicolons of their own; a further test begins with its file.
    tests: tests!.split(/; (?=\w+\.spec\.ts › )/),
  }));
}

function titlesOfTests(): string[] {
  const files = readdirSync(new URL('.', import.meta.url)).filter((file) => file.endsWith('.spec.ts'));
  return files.flatMap((file) =>
    [...read(file).matchAll(/^ {2}it\('(\d+: .+?)', /gm)].map(([, title]) => `${file} › ${title}`),
  );
}

describe('the table of the sixty traps in docs/simulator.md', () => {
  const rows = rowsOfGuide();

  it('has a row for each, in order', () => {
    expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 60 }, (_, at) => at + 1));
  });

  it('names every test there is, under its own number, and no other', () => {
    expect(rows.flatMap(({ tests }) => tests).sort()).toEqual(titlesOfTests().sort());
    for (const { number, tests } of rows) {
      for (const test of tests) expect(test).toContain(`.spec.ts › ${number}: `);
    }
  });

  it('names switches, functions and faults that exist', () => {
    const simulator = new GraphSimulator();
    const person = simulator.addMailbox({ address: 'ada@example.com' });
    const places = [simulator, person, person.misfortunes, simulator.identity, simulator.notifications];
    for (const { how } of rows) {
      for (const [, names] of how.matchAll(/switch(?:es)? ((?:`\w+`(?:, )?)+)/g)) {
        for (const [, name] of names!.matchAll(/`(\w+)`/g)) expect(defaultSwitches).toHaveProperty(name!);
      }
      for (const [, name] of how.matchAll(/(\w+)\(/g)) {
        expect(places.some((place) => typeof (place as unknown as Record<string, unknown>)[name!] === 'function')).toBe(
          true,
        );
      }
      for (const [, kind] of how.matchAll(/fault `([a-z-]+)`/g)) {
        expect(() => simulator.failNext({ kind, status: 503 } as never)).not.toThrow();
      }
    }
  });
});
