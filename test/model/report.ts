import type { Outcome } from './world.ts';

/** A history that broke a promise, or that was never played to its end, with the command's numbers to play it again. */
interface Failure {
  readonly seed: number;
  readonly history: number;
  readonly kinds: readonly string[];
}

/** What all histories of a run came to, as JSON; those of several processes, and of several runs, can be added up. */
export interface Report {
  seed: number;
  from: number;
  histories: number;
  operations: number;
  runs: number;
  faults: Record<string, number>;
  crashes: number;
  stalledWorkers: number;
  /** Histories by the kind of what went wrong in them. */
  failedHistories: Record<string, number>;
  /** Single violations by kind: lost acknowledged edits, duplicates, resurrections, … */
  violations: Record<string, number>;
  unaskedMails: number;
  needlessWrites: number;
  echoes: number;
  mostRequestsAtATime: number;
  /** How many histories took how long. */
  convergedAfterMs: Record<string, number>;
  failures: Failure[];
  seconds: number;
  /** What all processes together kept a core busy for. */
  cpuSeconds: number;
}

export function emptyReport(seed: number, from: number): Report {
  return {
    ...{ seed, from, histories: 0, operations: 0, runs: 0, faults: {}, crashes: 0, stalledWorkers: 0 },
    ...{ failedHistories: {}, violations: {}, unaskedMails: 0, needlessWrites: 0, echoes: 0 },
    ...{ mostRequestsAtATime: 0, convergedAfterMs: {}, failures: [], seconds: 0, cpuSeconds: 0 },
  };
}

export function addOutcome(report: Report, history: number, { counts, violations }: Outcome): void {
  report.histories += 1;
  report.operations += counts.operations;
  report.runs += counts.runs;
  report.crashes += counts.crashes;
  report.stalledWorkers += counts.stalls;
  report.unaskedMails += counts.mails;
  report.needlessWrites += counts.needlessWrites;
  report.echoes += counts.echoes;
  report.mostRequestsAtATime = Math.max(report.mostRequestsAtATime, counts.mostRequests);
  addUp(report.convergedAfterMs, { [counts.convergedAfterMs]: 1 });
  addUp(report.faults, counts.faults);
  for (const { kind } of violations) addUp(report.violations, { [kind]: 1 });
  const kinds = [...new Set(violations.map(({ kind }) => kind))];
  for (const kind of kinds) addUp(report.failedHistories, { [kind]: 1 });
  if (kinds.length > 0) report.failures.push({ seed: report.seed, history, kinds });
}

/** Histories that nobody heard the end of: their process died over one of them. */
export function addUnheard(report: Report, from: number, count: number): void {
  const lost = Array.from({ length: count }, (_, at) => ({
    seed: report.seed,
    history: from + at,
    kinds: ['not played'],
  }));
  report.failures.push(...lost);
}

/** @param o.inTurn  they were made one after the other, not at the same time */
export function addReport(all: Report, part: Report, o: { inTurn?: boolean } = {}): void {
  for (const name of ['histories', 'operations', 'runs', 'crashes', 'stalledWorkers', 'unaskedMails'] as const) {
    all[name] += part[name];
  }
  all.needlessWrites += part.needlessWrites;
  all.echoes += part.echoes;
  all.mostRequestsAtATime = Math.max(all.mostRequestsAtATime, part.mostRequestsAtATime);
  all.failures.push(...part.failures);
  all.seconds = o.inTurn ? all.seconds + part.seconds : Math.max(all.seconds, part.seconds);
  all.cpuSeconds += part.cpuSeconds;
  for (const name of ['faults', 'violations', 'failedHistories', 'convergedAfterMs'] as const)
    addUp(all[name], part[name]);
}

/** As it is shown and kept: with the times to converge by their median and worst, and all that is needed to add it to others. */
export function summary(report: Report): object {
  const { violations, failures, convergedAfterMs, needlessWrites, echoes, ...rest } = report;
  const times = Object.entries(convergedAfterMs)
    .flatMap(([ms, count]) => Array.from({ length: count }, () => Number(ms)))
    .toSorted((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return {
    ...rest,
    lostAcknowledgedEdits: violations['lost'] ?? 0,
    duplicates: violations['doubled'] ?? 0,
    resurrections: violations['resurrected'] ?? 0,
    requestsAboveLimit: violations['too many requests'] ?? 0,
    retryAfterUndercut: violations['undercut'] ?? 0,
    violations,
    needlessWrites,
    needlessWritesPer1000Echoes: echoes === 0 ? 0 : (needlessWrites * 1000) / echoes,
    echoes,
    virtualSecondsToConverge: { median: at(0.5) / 1000, p99: at(0.99) / 1000, worst: (times.at(-1) ?? 0) / 1000 },
    historiesASecond: perSecond(report.histories, report.seconds),
    historiesASecondOfOneCore: perSecond(report.histories, report.cpuSeconds),
    convergedAfterMs,
    failures: failures.toSorted((a, b) => a.seed - b.seed || a.history - b.history),
  };
}

function perSecond(count: number, seconds: number): number {
  return seconds === 0 ? 0 : Number((count / seconds).toFixed(2));
}

function addUp(all: Record<string, number>, part: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(part)) all[name] = (all[name] ?? 0) + count;
}
