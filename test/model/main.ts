import { fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type History, kindsIn, sizeOf } from './history.ts';
import { historyOf, Theatre } from './play.ts';
import { addOutcome, addReport, addUnheard, emptyReport, type Report, summary } from './report.ts';
import { idsOf, leaveOut, shrink } from './shrink.ts';
import type { Outcome } from './world.ts';

const USAGE = `npm run test:model -- --seed N --histories M [--from K] [--jobs J] [--report FILE] [--no-shrink]
npm run test:model -- --seed N --history K [--whole]     one history again, step by step
npm run test:model -- --merge A.json B.json … [--report FILE]   adds up the reports of several runs

  --seed       the world's seed; the same one gives the same histories (1)
  --histories  how many (200)
  --from       the first one's number (0)
  --jobs       processes that share the work (1)
  --report     where the figures go, as JSON
  --with       only histories in which this deed is, e.g. revert
  --no-shrink  a failing history is told as it was drawn
  --whole      with --history: not made smaller, also when it fails
  --steps      with --history: these of its steps alone, e.g. 3,4,7`;

/** More failures than this are listed and not told. */
const MOST_TOLD = 10;
/** What one process plays before another takes its place: so much is lost at most when one dies. */
const CHUNK = 500;
const PROGRESS_EVERY = 100;

const { values, positionals } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    histories: { type: 'string', default: '200' },
    from: { type: 'string', default: '0' },
    history: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    report: { type: 'string' },
    shrink: { type: 'boolean', default: true },
    whole: { type: 'boolean', default: false },
    steps: { type: 'string' },
    with: { type: 'string' },
    merge: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
  allowNegative: true,
  allowPositionals: true,
});
const seed = Number(values.seed);
const from = Number(values.from);
const histories = Number(values.histories);

if (values.help) console.log(USAGE);
else if (values.merge) process.exitCode = tellReport(merged(positionals));
else if (values.history !== undefined) process.exitCode = await again(Number(values.history));
else process.exitCode = tellReport(Number(values.jobs) > 1 ? await shared(Number(values.jobs)) : await mine());

/** Plays this process's share. */
async function mine(): Promise<Report> {
  const theatre = await Theatre.open();
  const report = emptyReport(seed, from);
  const startedAt = performance.now();
  const cpuAtStart = process.cpuUsage();
  let told = 0;
  for (let index = from; index < from + histories; index += 1) {
    const history = historyOf(seed, index);
    if (values.with !== undefined && !kindsIn(history).has(values.with)) continue;
    const outcome = await theatre.play(history);
    addOutcome(report, index, outcome);
    if ((index + 1 - from) % PROGRESS_EVERY === 0) console.error(`${index + 1 - from} histories of ${histories}`);
    if (outcome.violations.length === 0) continue;
    told += 1;
    if (told <= MOST_TOLD) await tellFailure(theatre, { index, history, outcome, isShrinking: values.shrink });
  }
  report.seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpuAtStart);
  report.cpuSeconds = (user + system) / 1e6;
  await theatre.close();
  process.send?.(report);
  return report;
}

/** Lets several processes of this program share the histories; one that dies takes only its own with it. */
async function shared(jobs: number): Promise<Report> {
  const all = emptyReport(seed, from);
  const startedAt = performance.now();
  const size = Math.min(CHUNK, Math.ceil(histories / jobs));
  let next = from;
  const takeChunks = async (): Promise<void> => {
    while (next < from + histories) {
      const first = next;
      const count = Math.min(size, from + histories - first);
      next += count;
      const part = await played(first, count);
      if (part) addReport(all, part);
      else addUnheard(all, first, count);
      console.error(`${all.histories} histories of ${histories}, ${all.failures.length} failures`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, takeChunks));
  all.seconds = (performance.now() - startedAt) / 1000;
  return all;
}

/** @returns what another process made of these histories; `undefined` if it died */
async function played(first: number, count: number): Promise<Report | undefined> {
  const args = [`--seed=${seed}`, `--from=${first}`, `--histories=${count}`, '--jobs=1'];
  if (!values.shrink) args.push('--no-shrink');
  if (values.with !== undefined) args.push(`--with=${values.with}`);
  const child = fork(import.meta.filename, args);
  let report: Report | undefined;
  child.on('message', (message) => {
    report = message as Report;
  });
  await new Promise((resolve) => child.on('exit', resolve));
  return report;
}

function merged(files: readonly string[]): Report {
  const parts = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Report);
  const all = emptyReport(parts[0]?.seed ?? seed, parts[0]?.from ?? from);
  for (const part of parts) addReport(all, part, { inTurn: true });
  return all;
}

/** Plays one history again and tells it. @returns the exit code */
async function again(index: number): Promise<number> {
  const theatre = await Theatre.open();
  const drawn = historyOf(seed, index);
  const wanted = values.steps?.split(',').map(Number);
  const left = new Set(wanted ? idsOf(drawn).filter((id) => !wanted.includes(id)) : []);
  const history = leaveOut(drawn, left);
  const outcome = await theatre.play(history);
  const hasFailed = outcome.violations.length > 0;
  if (hasFailed && !values.whole) await tellFailure(theatre, { index, history, outcome, isShrinking: values.shrink });
  else tell(outcome);
  await theatre.close();
  return hasFailed ? 1 : 0;
}

async function tellFailure(
  theatre: Theatre,
  failed: { index: number; history: History; outcome: Outcome; isShrinking: boolean },
): Promise<void> {
  const { index, history, outcome } = failed;
  console.log(
    `\nhistory ${index} of seed ${seed} fails; again: npm run test:model -- --seed ${seed} --history ${index}`,
  );
  const [first] = outcome.violations;
  if (!failed.isShrinking || !first) return tell(outcome);
  const smaller = await shrink(history, async (candidate) => {
    const { violations } = await theatre.play(candidate);
    return violations.some(({ kind }) => kind === first.kind);
  });
  console.log(`made smaller: ${sizeOf(smaller)} of ${sizeOf(history)} steps`);
  tell(await theatre.play(smaller));
}

function tell({ script, violations, hash }: Outcome): void {
  for (const line of script) console.log(`  ${line}`);
  for (const { kind, what } of violations) console.log(`  ! ${kind}: ${what}`);
  console.log(`  trace ${hash}`);
}

/** @returns the exit code */
function tellReport(report: Report): number {
  if (process.send) return 0;
  const text = JSON.stringify(summary(report), null, 2);
  console.log(text);
  if (values.report !== undefined) writeFileSync(values.report, `${text}\n`);
  for (const { seed: ofSeed, history, kinds } of report.failures) {
    console.log(`failed: --seed ${ofSeed} --history ${history} (${kinds.join(', ')})`);
  }
  return report.failures.length > 0 || report.histories === 0 ? 1 : 0;
}
