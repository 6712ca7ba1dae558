import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const PACKAGES = resolve(import.meta.dirname, '../../node_modules');

/** A value and the name of the published type it claims to be. */
export interface Claim {
  readonly type: string;
  readonly value: unknown;
}

/** What the compiler says against values being of Microsoft's published types (`@microsoft/microsoft-graph-types`). */
export function typeErrors(claims: readonly Claim[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'graph-types-'));
  try {
    const file = join(folder, 'answers.ts');
    writeFileSync(file, [HEADER, ...claims.map(declaration)].join('\n'));
    const flags = '--noEmit --strict --skipLibCheck --target es2022 --module esnext --pretty false --types';
    const { stdout, error } = spawnSync(join(PACKAGES, '.bin/tsc'), [...flags.split(' '), '', file], {
      encoding: 'utf8',
      cwd: folder,
    });
    if (error) throw error;
    return stdout.split('\n').filter((line) => /error TS/.test(line));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const HEADER = `import type * as MicrosoftGraph from '${PACKAGES}/@microsoft/microsoft-graph-types/microsoft-graph.d.ts';`;

/** One line each, so that a line number of the compiler names the claim. */
const declaration = ({ type, value }: Claim, index: number): string =>
  `export const answer${index}: MicrosoftGraph.${type} = ${JSON.stringify(value)};`;

/** The value without what OData adds to every object, which the types leave out. */
export function withoutAnnotations(value: unknown, dropped: ReadonlySet<string> = new Set()): unknown {
  if (Array.isArray(value)) return value.map((each) => withoutAnnotations(each, dropped));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !name.includes('@') && !dropped.has(name))
      .map(([name, each]) => [name, withoutAnnotations(each, dropped)]),
  );
}
