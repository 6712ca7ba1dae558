/**
 * The built package as an application gets it: packed, unpacked into a folder of its own where only its declared
 * dependencies can be found, imported, compiled against and started. Needs `npm run build` before; no network.
 */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { assert, check, outcome, run, start, withTemporaryFolder } from './checks.ts';
import { blocksOf, ROOT } from './readme.ts';

const MANIFEST = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  version: string;
  dependencies: Record<string, string>;
};
/** What an application in TypeScript brings itself. */
const APPLICATIONS_OWN = ['typescript', '@types/node'];
const NEEDED = [
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'bin/graph-calendar-sync.js',
  'dist/index.js',
  'dist/index.d.ts',
];

let application: string;
let installed: string;
let launcher: string;

await withTemporaryFolder('gcs-package-', async (folder) => {
  application = folder;
  installed = join(application, 'node_modules', 'graph-calendar-sync');
  launcher = join(installed, 'bin', 'graph-calendar-sync.js');
  await check('holds what it needs, and nothing of the tests', unpack);
  link([...Object.keys(MANIFEST.dependencies), ...APPLICATIONS_OWN]);
  await check('says its version', () => {
    const version = run(process.execPath, [launcher, '--version'], { cwd: application }).trim();
    assert(version === MANIFEST.version, `it says ${version}, not ${MANIFEST.version}`);
  });
  await check('exports the service and the simulator', importBoth);
  await check('compiles the README’s example', compileExample);
  await check('runs the README’s example', () => {
    const out = run(process.execPath, ['example.ts'], { cwd: application });
    assert(out.includes('COMPLETED'), `the run of the example did not complete:\n${out}`);
  });
  await check('serves: first sync, and again after a restart', serveTwice);
  await check('simulates', async () => {
    const isReady = (out: string): boolean => out.includes('"ready":true');
    const args = [launcher, 'simulator', '--port', '0', '--json'];
    const simulator = await start(process.execPath, args, { cwd: application, isReady });
    await simulator.stop();
  });
});
process.exitCode = outcome();

function unpack(): void {
  const packed = run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', application], { cwd: ROOT });
  mkdirSync(installed, { recursive: true });
  const archive = join(application, packed.trim().split('\n').at(-1) ?? '');
  run('tar', ['-xzf', archive, '-C', installed, '--strip-components=1'], { cwd: application });
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' });
  for (const name of NEEDED) assert(files.includes(name), `${name} is missing`);
  assert(
    files.some((name) => /^prisma\/migrations\/.+\/migration\.sql$/.test(name)),
    'the migrations are missing',
  );
  const strangers = files.filter((name) => /\.spec\.|^(src|test|bench|docs|\.ci)(\/|$)/.test(name));
  assert(strangers.length === 0, `it holds ${strangers.slice(0, 5).join(', ')}`);
}

/** Only these can be found: a package that is merely a development dependency of ours is missing, as it will be elsewhere. */
function link(names: readonly string[]): void {
  for (const name of names) {
    const target = join(application, 'node_modules', name);
    mkdirSync(dirname(target), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), target, 'dir');
  }
}

function importBoth(): void {
  const script = `
    import { createApp, readConfig, SyncError } from 'graph-calendar-sync';
    import { GraphSimulator, startGraphSimulator } from 'graph-calendar-sync/simulator';
    for (const each of [createApp, readConfig, SyncError, GraphSimulator, startGraphSimulator])
      if (typeof each !== 'function') throw new Error('something is missing');
    await import('graph-calendar-sync/dist/app.js').then(
      () => { throw new Error('the inside can be imported'); },
      (error) => { if (error.code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') throw error; });`;
  run(process.execPath, ['--input-type=module', '--eval', script], { cwd: application });
}

function compileExample(): void {
  writeFileSync(join(application, 'package.json'), '{ "type": "module", "private": true }');
  writeFileSync(join(application, 'example.ts'), `${blocksOf('example').join('\n')}\n`);
  const compilerOptions = {
    target: 'es2024',
    lib: ['es2024', 'dom', 'dom.iterable'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
  };
  writeFileSync(join(application, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['example.ts'] }));
  run(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.'], { cwd: application });
}

async function serveTwice(): Promise<void> {
  const env = { LOG_LEVEL: 'warn', CALENDAR_SYNC_INTERVAL: '0' };
  const args = [launcher, 'serve', '--port', '0', '--json'];
  for (const runs of [2, 1]) {
    const isReady = (out: string): boolean => runsIn(out).length >= runs;
    const service = await start(process.execPath, args, { cwd: application, env, isReady });
    await service.stop();
    const failed = runsIn(service.out).filter(({ status }) => status !== 'COMPLETED');
    assert(failed.length === 0, `a run ended as ${failed[0]?.status}`);
    assert(service.err === '', `it complained:\n${service.err}`);
  }
}

function runsIn(out: string): { status: string }[] {
  return out
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => (JSON.parse(line) as { run?: { status: string } }).run)
    .filter((each) => each !== undefined);
}
