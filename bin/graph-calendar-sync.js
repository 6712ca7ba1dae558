#!/usr/bin/env node
// A launcher in plain JavaScript that any Node can read. The service needs Node 24; in the repository that version comes
// with the npm package `node`, and npm scripts find it first on their PATH. Called by its path with an older Node, the
// launcher starts itself again with that one; an installed package has no such copy and says what is needed instead.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED_MAJOR = 24;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');

if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) {
  // A checkout runs its sources, a published package its build.
  const source = join(root, 'src', 'cli', 'main.ts');
  const { main } = await import(existsSync(source) ? source : join(root, 'dist', 'cli', 'main.js'));
  await main();
} else {
  const pinned = join(root, 'node_modules', 'node', 'bin', 'node');
  if (existsSync(pinned)) {
    // `exec` semantics are not to be had: signals reach the whole terminal group, and stdio is shared.
    const result = spawnSync(pinned, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
    if (result.error) throw result.error;
    process.exitCode = result.status ?? 1;
  } else {
    process.stderr.write(`graph-calendar-sync needs Node ${NEEDED_MAJOR} or newer; this is ${process.version}\n`);
    process.exitCode = 1;
  }
}
