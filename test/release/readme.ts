import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

/**
 * What the README promises of a block, in a comment above it: `service` is started, `while it runs` is run against that
 * service, `example` is compiled and run with the built package, `tests` run exactly the files they name.
 */
export type Mark = 'service' | 'while it runs' | 'example' | 'tests';

/** @returns the README’s blocks with that mark, in order; at least one, or the README and its checks have parted */
export function blocksOf(mark: Mark): string[] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const pattern = /<!-- ci: ([a-z ]+) -->\n```\w+\n([\s\S]*?)\n```/g;
  const blocks = [...readme.matchAll(pattern)].filter(([, name]) => name === mark).map(([, , text]) => text ?? '');
  if (blocks.length === 0) throw new Error(`the README has no block marked "ci: ${mark}"`);
  return blocks;
}
