import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type History, sizeOf } from './history.ts';
import { historyOf, Theatre } from './play.ts';
import { addOutcome, addReport, emptyReport, type Report, summary } from './report.ts';
import { idsOf, leaveOut, shrink } from './shrink.ts';
import type { Outcome } from './world.ts';

const USAGE = `npm run test:model -- --seed N --histories M [--from K] [--jobs J] [--report FILE] [--no-shrink]
npm run test:model -- --seed N --history K [--whole]     one history again, step by step

  --seed       the world's seed; the same one gives the same histories (1)
  --histories  how many (200)
  --from       the first one's number (0)
  --jobs       processes that share the work (1)
  --report     where the figures go, as JSON
  --no-shrink  a failing history is told as it was drawn
  --whole      with --history: not made smaller, also when it fails
  --steps      with --history: these of its steps alone, e.g. 3,4,7`;

/** More failures than this are counted and not told. */
const MOST_TOLD = 10;
const PROGRESS_EVERY = 100;

const { values } = parseArgs({
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
    help: { type: 'boolean', default: false },
  },
  allowNegative: true,
});
const seed = Number(values.seed);
const from = Number(values.from);
const histories = Number(values.histories);

if (values.help) console.log(USAGE);
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
    const outcome = await theatre.play(history);
    addOutcome(report, outcome);
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

/** Lets several processes of this program share the histories. */
async function shared(jobs: number): Promise<Report> {
  const all = emptyReport(seed, from);
  const share = Math.ceil(histories / jobs);
  const parts = Array.from({ length: jobs }, (_, job) => ({
    from: from + job * share,
    count: Math.min(share, histories - job * share),
  })).filter(({ count }) => count > 0);
  await Promise.all(
    parts.map(async (part) => {
      const args = [`--seed=${seed}`, `--from=${part.from}`, `--histories=${part.count}`, '--jobs=1'];
      const child = fork(import.meta.filename, values.shrink ? args : [...args, '--no-shrink']);
      child.on('message', (report) => addReport(all, report as Report));
      await new Promise((resolve) => child.on('exit', resolve));
    }),
  );
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
  return Object.keys(report.failedHistories).length > 0 || report.histories < histories ? 1 : 0;
}
