import type { Outcome } from './world.ts';

/** What all histories of a run came to, as JSON; those of several processes can be added up. */
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
  convergedAfterMs: number[];
  seconds: number;
  /** What all processes together kept a core busy for. */
  cpuSeconds: number;
}

export function emptyReport(seed: number, from: number): Report {
  return {
    ...{ seed, from, histories: 0, operations: 0, runs: 0, faults: {}, crashes: 0, stalledWorkers: 0 },
    ...{ failedHistories: {}, violations: {}, unaskedMails: 0, needlessWrites: 0, echoes: 0 },
    ...{ mostRequestsAtATime: 0, convergedAfterMs: [], seconds: 0, cpuSeconds: 0 },
  };
}

export function addOutcome(report: Report, { counts, violations }: Outcome): void {
  report.histories += 1;
  report.operations += counts.operations;
  report.runs += counts.runs;
  report.crashes += counts.crashes;
  report.stalledWorkers += counts.stalls;
  report.unaskedMails += counts.mails;
  report.needlessWrites += counts.needlessWrites;
  report.echoes += counts.echoes;
  report.mostRequestsAtATime = Math.max(report.mostRequestsAtATime, counts.mostRequests);
  report.convergedAfterMs.push(counts.convergedAfterMs);
  addUp(report.faults, counts.faults);
  for (const { kind } of violations) addUp(report.violations, { [kind]: 1 });
  for (const kind of new Set(violations.map((violation) => violation.kind)))
    addUp(report.failedHistories, { [kind]: 1 });
}

export function addReport(all: Report, part: Report): void {
  for (const name of ['histories', 'operations', 'runs', 'crashes', 'stalledWorkers', 'unaskedMails'] as const) {
    all[name] += part[name];
  }
  all.needlessWrites += part.needlessWrites;
  all.echoes += part.echoes;
  all.mostRequestsAtATime = Math.max(all.mostRequestsAtATime, part.mostRequestsAtATime);
  all.convergedAfterMs.push(...part.convergedAfterMs);
  all.seconds = Math.max(all.seconds, part.seconds);
  all.cpuSeconds += part.cpuSeconds;
  for (const name of ['faults', 'violations', 'failedHistories'] as const) addUp(all[name], part[name]);
}

/** As it is shown and kept: the times to converge by their median and worst. */
export function summary(report: Report): object {
  const { convergedAfterMs, violations, needlessWrites, echoes, ...rest } = report;
  const times = convergedAfterMs.toSorted((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return {
    ...rest,
    lostAcknowledgedEdits: violations['lost'] ?? 0,
    duplicates: violations['doubled'] ?? 0,
    resurrections: violations['resurrected'] ?? 0,
    requestsAboveLimit: violations['too many requests'] ?? 0,
    retryAfterUndercut: violations['undercut'] ?? 0,
    violations,
    needlessWritesPer1000Echoes: echoes === 0 ? 0 : (needlessWrites * 1000) / echoes,
    echoes,
    virtualSecondsToConverge: { median: at(0.5) / 1000, p99: at(0.99) / 1000, worst: (times.at(-1) ?? 0) / 1000 },
    historiesASecond: perSecond(report.histories, report.seconds),
    historiesASecondOfOneCore: perSecond(report.histories, report.cpuSeconds),
  };
}

function perSecond(count: number, seconds: number): number {
  return seconds === 0 ? 0 : Number((count / seconds).toFixed(2));
}

function addUp(all: Record<string, number>, part: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(part)) all[name] = (all[name] ?? 0) + count;
}
