import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const DOCUMENTS = ['docs/reliability.md'] as const;
const SCRIPTS = (JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as { scripts: object }).scripts;

/** What a guide names has to be there: it is a promise to whoever wants to see for themselves. */
describe.each(DOCUMENTS)('%s', (document) => {
  const text = readFileSync(resolve(ROOT, document), 'utf8');
  const named = [...text.matchAll(/`((?:src|test)\/[\w./-]+)`([^`\n|]*)/g)].map(([, path = '', behind = '']) => ({
    path,
    titles: [...behind.matchAll(/“([^”]+)”/g)].map(([, title = '']) => title),
  }));

  it('names files that there are, and tests that are in them', () => {
    expect(named.length).toBeGreaterThan(10);
    const missing = named.flatMap(({ path, titles }) => {
      if (!existsSync(resolve(ROOT, path))) return [path];
      return titles.filter((title) => !readFileSync(resolve(ROOT, path), 'utf8').includes(title));
    });
    expect(missing).toEqual([]);
  });

  it('names commands that there are', () => {
    const commands = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name);
    expect(commands.length).toBeGreaterThan(0);
    for (const name of commands) expect(SCRIPTS).toHaveProperty([name]);
  });

  it('links to what exists', () => {
    for (const [, path = ''] of text.matchAll(/\]\(((?!https?:)[^)#]+)\)/g)) {
      expect(existsSync(resolve(ROOT, dirname(document), path)), path).toBe(true);
    }
  });
});
