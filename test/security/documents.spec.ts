import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const text = readFileSync(resolve(ROOT, 'docs/security.md'), 'utf8');

/** A file, and the titles that stand in quotation marks behind it, up to the next file. */
const NAMED = [...text.matchAll(/`((?:src|test)\/[\w./-]+\.spec\.ts)`([^`\n|]*)/g)].map(
  ([, path = '', behind = '']) => ({
    path,
    titles: [...behind.matchAll(/“([^”]+)”/g)].map(([, title = '']) => title),
  }),
);

describe('the tests that docs/security.md names', () => {
  it('are many', () => {
    expect(NAMED.length).toBeGreaterThan(25);
    expect(NAMED.flatMap(({ titles }) => titles).length).toBeGreaterThan(20);
  });

  it.each([...new Set(NAMED.map(({ path }) => path))])('%s exists', (path) => {
    expect(existsSync(resolve(ROOT, path))).toBe(true);
  });

  it.each(NAMED.flatMap(({ path, titles }) => titles.map((title) => [path, title] as const)))(
    '%s has a test “%s”',
    (path, title) => {
      expect(readFileSync(resolve(ROOT, path), 'utf8')).toContain(title);
    },
  );

  it('leave out no quotation: each stands behind a file', () => {
    const quoted = [...text.matchAll(/“[^”]+”/g)].length;
    expect(NAMED.flatMap(({ titles }) => titles)).toHaveLength(quoted);
  });

  it('are told of every attempt that the hostile user makes', () => {
    const spec = readFileSync(resolve(ROOT, 'src/api/hostile-user.spec.ts'), 'utf8');
    const made = [...spec.matchAll(/it\('(\d+)\. /g)].map(([, number]) => number);
    const told = [...text.matchAll(/^\| (\d+) \|/gm)].map(([, number]) => number);
    expect(told).toEqual(made);
  });
});

describe('SECURITY.md', () => {
  const policy = readFileSync(resolve(ROOT, 'SECURITY.md'), 'utf8');

  it('links to what exists, and names commands that there are', () => {
    for (const [, path = ''] of policy.matchAll(/\]\(((?!https?:)[^)#]+)\)/g)) {
      expect(existsSync(resolve(ROOT, path))).toBe(true);
    }
    const { scripts } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    for (const [, script = ''] of policy.matchAll(/npm run (?:-s )?(\w+)/g)) expect(scripts).toHaveProperty(script);
  });

  it('names variables that the configuration reads', () => {
    const files = ['src/config.ts', 'src/graph-config.ts'];
    const config = files.map((file) => readFileSync(resolve(ROOT, file), 'utf8')).join('\n');
    const names = [...policy.matchAll(/`((?:[A-Z]+_)+[A-Z]+)(?:=[^`]*)?`/g)].map(([, name = '']) => name);
    for (const name of names) expect(config).toContain(name.replace(/_FILE$/, ''));
  });
});
