import { printLine, type TextStream } from './terminal.ts';

/** A run as the HTTP API shows it. */
export interface RunView {
  readonly jobId: string;
  readonly status: 'PENDING' | 'IN_PROGRESS' | 'COMPLETED' | 'FAILED' | 'CANCELLED';
  readonly direction: string;
  readonly calendarId: string;
  readonly progress: { readonly total: number; readonly processed: number; readonly percentage: number };
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  readonly result: {
    readonly conflictsDetected: number;
    readonly failedEvents: number;
    readonly local: SideView;
    readonly remote: SideView;
    readonly graphRequests: number;
    readonly durationMs: number | null;
  } | null;
  readonly error: { readonly code: string; readonly message: string; readonly details?: unknown } | null;
}

interface SideView {
  readonly created: number;
  readonly updated: number;
  readonly deleted: number;
}

export function isEnded(run: Pick<RunView, 'status'>): boolean {
  return run.status !== 'PENDING' && run.status !== 'IN_PROGRESS';
}

/** A run's outcome for people. */
export function printRun(out: TextStream, run: RunView): void {
  const { result } = run;
  const took =
    result?.durationMs === null || result?.durationMs === undefined ? '' : ` in ${seconds(result.durationMs)}`;
  printLine(out, `Run ${run.jobId}: ${run.status}${took} (${run.direction}, calendar ${run.calendarId})`);
  if (!isEnded(run)) {
    printLine(out, `  ${run.progress.processed} of ${run.progress.total} events, ${run.progress.percentage} %`);
  }
  if (result) {
    printLine(out, `  application  ${sideText(result.local)}`);
    printLine(out, `  Outlook      ${sideText(result.remote)}`);
    printLine(
      out,
      `  conflicts ${result.conflictsDetected}, failed events ${result.failedEvents}, Graph requests ${result.graphRequests}`,
    );
  }
  if (run.error) printLine(out, `  ${run.error.code}: ${run.error.message}`);
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function sideText({ created, updated, deleted }: SideView): string {
  return `${created} created, ${updated} updated, ${deleted} deleted`;
}
