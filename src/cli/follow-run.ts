import cliProgress from 'cli-progress';
import { isEnded, type RunView } from './run-view.ts';
import type { ServiceClient } from './service-client.ts';
import { CommandError, printJson, type Terminal } from './terminal.ts';

/**
 * Watches a run until it ends: a progress bar where a person looks, JSON lines for programs.
 *
 * @throws {CommandError} when the stream breaks off before the end
 */
export async function followRun(
  client: ServiceClient,
  jobId: string,
  terminal: Terminal,
  isJson: boolean,
): Promise<RunView> {
  const isBar = terminal.err.isTTY === true && !isJson;
  const bar = isBar ? startBar(terminal) : undefined;
  let last: RunView | undefined;
  try {
    for await (const run of client.stream<RunView>(`/calendar/sync/status/${encodeURIComponent(jobId)}/stream`)) {
      last = run;
      if (bar) {
        bar.setTotal(Math.max(run.progress.total, 1));
        bar.update(run.progress.processed, { status: run.status });
      } else {
        printJson(terminal.out, run);
      }
      if (isEnded(run)) break;
    }
  } finally {
    bar?.stop();
  }
  if (!last || !isEnded(last))
    throw new CommandError(`the service stopped telling about run ${jobId}; ask again with: status ${jobId}`);
  return last;
}

function startBar(terminal: Terminal): cliProgress.SingleBar {
  const bar = new cliProgress.SingleBar({
    format: 'sync |{bar}| {percentage} % · {value}/{total} events · {status}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    stream: terminal.err as NodeJS.WriteStream,
  });
  bar.start(1, 0, { status: 'PENDING' });
  return bar;
}
