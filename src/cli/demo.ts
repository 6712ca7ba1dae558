import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEMO_MAILBOX, type RunningSimulator } from './built-in-simulator.ts';
import { CONTESTED_HERE, CONTESTED_IN_OUTLOOK, CONTESTED_SUBJECT, demoEvents } from './demo-events.ts';
import { followRun } from './follow-run.ts';
import type { RunView } from './run-view.ts';
import type { ServiceClient } from './service-client.ts';
import { CommandError, type Terminal } from './terminal.ts';

/** Written when the demonstration has been set up whole, so that a start that was killed half way does it again. */
const MARKER = 'demo.json';

/**
 * Shows the main job on a service that has just started, as a program of its user would, over HTTP: connects the sample
 * mailbox, books the practice's appointments, syncs both ways, and lets both sides change the same one.
 */
export async function showDemo(parts: {
  client: ServiceClient;
  simulator: RunningSimulator;
  /** Where it is remembered that the demonstration has been set up; nowhere, it is set up by every start. */
  folder: string | undefined;
  /** In words: a marker left by another database says nothing about this one. */
  database: string;
  terminal: Terminal;
  /** Told what is about to be done, and what came of it. */
  report: (step: { headline: string; run?: RunView }) => void;
}): Promise<void> {
  const { client, simulator, folder, database, terminal, report } = parts;
  const syncAndReport = async (headline: string): Promise<void> => {
    report({ headline });
    report({ headline, run: await syncNow(client, terminal) });
  };
  const marker = folder === undefined ? undefined : join(folder, MARKER);
  if (marker !== undefined && databaseIn(marker) === database) {
    return syncAndReport('Going on from where it stopped:');
  }
  const events = demoEvents(terminal.clock.now());
  const ids = await bookAll(client, events);
  await client.json('PUT', '/calendar/sync/settings', { conflictResolution: 'merge' });
  await client.json('PUT', '/calendar/connection', { mode: 'application', mailbox: DEMO_MAILBOX });
  await syncAndReport(
    `First sync, ${events.length} appointments of the application with the mailbox of ${DEMO_MAILBOX}:`,
  );
  await contest(client, simulator, ids.get(CONTESTED_SUBJECT));
  await syncAndReport('Then an appointment is renamed in Outlook, and differently by the application:');
  if (marker === undefined) return;
  writeFileSync(marker, `${JSON.stringify({ database, completedAt: terminal.clock.now().toISOString() })}\n`);
}

/** @returns `undefined` without a marker, or with one that cannot be read: setting up again books nothing twice */
function databaseIn(marker: string): unknown {
  try {
    return (JSON.parse(readFileSync(marker, 'utf8')) as { database?: unknown }).database;
  } catch {
    return undefined;
  }
}

async function syncNow(client: ServiceClient, terminal: Terminal): Promise<RunView> {
  const { jobId } = await client.json<{ jobId: string }>('POST', '/calendar/sync/start', {});
  // Only the bar is wanted here: the lines for programs would drown the summary.
  const quiet = { ...terminal, out: { write: () => {} } };
  return followRun(client, jobId, quiet, false);
}

/** Each under a key of its own: a start that was killed and begins again books nothing twice. */
async function bookAll(client: ServiceClient, events: ReturnType<typeof demoEvents>): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  for (const event of events) {
    const { id } = await client.json<{ id: string }>('POST', '/calendar/events', event, {
      'idempotency-key': `demo ${event.subject}`,
    });
    ids.set(event.subject, id);
  }
  return ids;
}

async function contest(client: ServiceClient, simulator: RunningSimulator, id: string | undefined): Promise<void> {
  const event = await client.json<{ graphEventId: string | null }>('GET', `/calendar/events/${id}`);
  if (!event.graphEventId)
    throw new CommandError(`the appointment ${id} did not reach Outlook; see GET /calendar/events/${id}`);
  simulator.editEvent(event.graphEventId, { subject: CONTESTED_IN_OUTLOOK });
  await client.json('PATCH', `/calendar/events/${id}`, { subject: CONTESTED_HERE });
}
