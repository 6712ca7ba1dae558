import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const SOURCE = resolve(import.meta.dirname, '../src');

/** Who may import whom, besides their own folder. A file directly in src/ is a room of its own. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  simulator: [],
  store: ['core'],
  graph: ['core'],
  sync: ['core', 'store', 'graph'],
  jobs: ['core', 'store', 'sync'],
  api: ['core', 'store', 'sync', 'jobs'],
  cli: ['app.ts', 'config.ts', 'system-runtime.ts', 'system-logger.ts', 'development-secrets.ts', 'core', 'simulator'],
  'config.ts': ['core', 'environment-reader.ts', 'graph-config.ts'],
  'graph-config.ts': ['core', 'environment-reader.ts'],
  'environment-reader.ts': ['core'],
  'system-runtime.ts': ['core'],
  'system-logger.ts': ['core', 'config.ts'],
  'development-secrets.ts': ['core'],
  'certificate.ts': ['core'],
  'diagnosis.ts': ['core', 'config.ts', 'store', 'graph'],
  // What app.ts constructs, in three parts.
  'app-store.ts': ['core', 'store', 'sync', 'api'],
  'app-graph.ts': ['core', 'store', 'graph', 'config.ts', 'certificate.ts'],
  'app-services.ts': ['core', 'store', 'graph', 'sync', 'jobs', 'config.ts', 'app-store.ts'],
  'app.ts': [
    ...['core', 'store', 'graph', 'sync', 'jobs', 'api', 'app-store.ts', 'app-graph.ts', 'app-services.ts'],
    ...['config.ts', 'system-runtime.ts', 'system-logger.ts', 'certificate.ts', 'diagnosis.ts'],
  ],
  'index.ts': ['app.ts', 'config.ts', 'core', 'sync', 'store', 'api'],
};

/** The only files that may ask the machine for time, chance or a timer. */
const TIME_AND_CHANCE = ['system-runtime.ts', 'simulator/runtime.ts'];
const FORBIDDEN_CALLS: readonly [name: string, pattern: RegExp][] = [
  ['Date.now()', /\bDate\.now\(/],
  ['new Date()', /\bnew Date\(\)/],
  ['Math.random()', /\bMath\.random\(/],
  ['randomUUID()', /\brandomUUID\(/],
  ['randomBytes()', /\brandomBytes\(/],
  ['a timer', /(?<![.\w])set(Timeout|Interval|Immediate)\(/],
  ['performance.now()', /\bperformance\.now\(/],
];

interface SourceFile {
  readonly path: string;
  readonly room: string;
  readonly text: string;
  readonly imports: readonly string[];
  /** Those that load a file while the importing one loads; a late `import()` makes no cycle. */
  readonly loads: readonly string[];
}

const files = sourceFiles();

describe('architecture', () => {
  it('knows every room', () => {
    expect(new Set(files.map(({ room }) => room))).toEqual(new Set(Object.keys(ARROWS)));
  });

  it('has no arrow that points up', () => {
    const wrong = files.flatMap(({ path, room, imports }) =>
      imports
        .filter((target) => roomOf(target) !== room && !ARROWS[room]?.includes(roomOf(target)))
        .map((target) => `${path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('has no cycles between files', () => {
    expect(cyclesIn(new Map(files.map(({ path, loads }) => [path, loads])))).toEqual([]);
  });

  it('imports by full relative path, which Node runs as it stands', () => {
    const wrong = files.flatMap(({ path, imports }) =>
      imports
        .filter((target) => !files.some((file) => file.path === target))
        .map((target) => `${path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('asks for time and chance in one place only', () => {
    const wrong = files
      .filter(({ path }) => !TIME_AND_CHANCE.includes(path))
      .flatMap(({ path, text }) =>
        FORBIDDEN_CALLS.filter(([, pattern]) => pattern.test(code(text))).map(([name]) => `${path} calls ${name}`),
      );
    expect(wrong).toEqual([]);
  });

  it('reads the environment in one place only: the command line hands it to config.ts', () => {
    const readers = files.filter(({ text }) => /\bprocess\.env\b/.test(code(text))).map(({ path }) => path);
    expect(readers.filter((path) => path !== 'cli/main.ts')).toEqual([]);
  });
});

function sourceFiles(): SourceFile[] {
  return readdirSync(SOURCE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.spec.ts'))
    .map((entry) => {
      const absolute = join(entry.parentPath, entry.name);
      const path = relative(SOURCE, absolute);
      const text = readFileSync(absolute, 'utf8');
      return {
        path,
        room: roomOf(path),
        text,
        imports: importsOf(absolute, text, /(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'/g),
        loads: importsOf(absolute, text, /(?:\bfrom|\bimport)\s*'(\.[^']+)'/g),
      };
    });
}

function importsOf(absolute: string, text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => relative(SOURCE, resolve(dirname(absolute), match[1] ?? '')));
}

function roomOf(path: string): string {
  return path.split('/')[0] ?? path;
}

/** Without comments, where the names may well be spoken of. */
function code(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '');
}

function cyclesIn(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      cycles.push([...trail.slice(start), path].join(' → '));
      return;
    }
    if (done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return cycles;
}
