/**
 * The README's commands, word for word, as somebody who has just cloned the repository would type them. Only `npm ci` is left
 * out: whoever runs this has installed already, and the packages are lent to the copy.
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { assert, check, outcome, run, start, withTemporaryFolder } from './checks.ts';
import { blocksOf, ROOT } from './readme.ts';

const START_PATIENCE_MS = 120_000;
const TESTS_TIMEOUT_MS = 600_000;
const READY = 'Ctrl+C stops it';
/** What would make the copy's service another one than a newcomer's. */
const CONFIGURATION = /^(GRAPH_|CALENDAR_|JWT_|DATABASE_URL$|PUBLIC_URL$|HOST$|PORT$|LOG_LEVEL$|WORKERS$|NODE_ENV$)/;
/** What is not in a fresh clone: see .gitignore. */
const NOT_CLONED = new Set(['node_modules', 'dist', 'data', 'coverage', '.tmp', '.git']);

for (const name of Object.keys(process.env)) if (CONFIGURATION.test(name)) delete process.env[name];

/** They take long, so that who has run them already only asks which files the command would run. */
const isEndToEndDone = process.argv.includes('--end-to-end-done');
let clone: string;

await withTemporaryFolder('gcs-readme-', async (folder) => {
  clone = folder;
  copyCheckout();
  const [command = ''] = blocksOf('service');
  await check(`${command}: syncs both ways and finds the conflict`, () => tryService(command));
  for (const line of blocksOf('tests').flatMap((block) => block.split('\n'))) await check(line, () => tryTests(line));
});
process.exitCode = outcome();

function copyCheckout(): void {
  const names = readdirSync(ROOT).filter((name) => !NOT_CLONED.has(name));
  for (const name of names) cpSync(join(ROOT, name), join(clone, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'), 'dir');
}

async function tryService(command: string): Promise<void> {
  const service = await start('bash', ['-c', command.replace(/^npm ci && /, '')], {
    cwd: clone,
    timeoutMs: START_PATIENCE_MS,
    isReady: (out) => out.includes(READY),
  });
  try {
    const { out, err } = service;
    assert(!err.includes('the demonstration stopped'), err);
    assert((out.match(/^Run .+: COMPLETED in /gm) ?? []).length === 2, `not both runs completed:\n${out}`);
    assert(/^ {2}Outlook {6}12 created, 0 updated, 0 deleted$/m.test(out), `not every appointment left:\n${out}`);
    assert(/^ {2}conflicts 1, failed events 0/m.test(out), `the conflict was not found:\n${out}`);
    const curl = /^curl -s .+$/m.exec(out)?.[0];
    assert(curl, `there is no command to paste:\n${out}`);
    const pasted = run('bash', ['-c', curl], { cwd: clone });
    assert(pasted.includes('Treatment plan review'), `the pasted command answered: ${pasted}`);
    for (const block of blocksOf('while it runs')) {
      await check(block.replaceAll(/\s*\\\n\s*/g, ' ').replaceAll('\n', '; '), () => {
        run('bash', ['-euo', 'pipefail', '-c', block], { cwd: clone });
      });
    }
  } finally {
    await service.stop();
  }
}

interface Report {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly { fullName: string; status: string; failureMessages: readonly string[] }[];
  }[];
}

/** @throws unless the command runs exactly the file it names, and all of it passes */
function tryTests(line: string): void {
  const wanted = line.split(' -- ')[1] ?? '';
  if (isEndToEndDone && line.startsWith('npm run test:e2e')) {
    const list = ['vitest', 'list', '--config', 'vitest.e2e.config.ts', '--filesOnly', wanted];
    const listed = run('npx', list, { cwd: clone }).trim().split('\n');
    assert(
      listed.length > 0 && listed.every((name) => basename(name).includes(wanted)),
      `it names ${listed.join(', ')}`,
    );
    return;
  }
  const report = join(clone, 'report.json');
  rmSync(report, { force: true });
  const command = `${line} --reporter=json --outputFile=${report}`;
  try {
    run('bash', ['-c', command], { cwd: clone, timeoutMs: TESTS_TIMEOUT_MS });
  } catch (error) {
    throw existsSync(report) ? new Error(failuresIn(readReport(report))) : error;
  }
  const { testResults, numPassedTests } = readReport(report);
  const files = testResults.map(({ name }) => basename(name));
  assert(files.length > 0 && files.every((name) => name.includes(wanted)), `it ran ${files.join(', ') || 'nothing'}`);
  if (wanted.endsWith('.spec.ts')) assert(files.length === 1, `it ran ${files.join(', ')}`);
  assert(numPassedTests > 0, 'no test passed');
}

function readReport(path: string): Report {
  return JSON.parse(readFileSync(path, 'utf8')) as Report;
}

function failuresIn({ testResults }: Report): string {
  const failures = testResults.flatMap(({ name, message, assertionResults }) => [
    ...(message === '' ? [] : [`${basename(name)}: ${message}`]),
    ...assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => `${fullName}\n${failureMessages.join('\n')}`),
  ]);
  return failures.join('\n') || 'no test was found';
}
