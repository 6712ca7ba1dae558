import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEMO_MAILBOX, type RunningSimulator } from './built-in-simulator.ts';
import { CONTESTED_HERE, CONTESTED_IN_OUTLOOK, CONTESTED_SUBJECT, demoEvents } from './demo-events.ts';
import { followRun } from './follow-run.ts';
import type { RunView } from './run-view.ts';
import type { ServiceClient } from './service-client.ts';
import { CommandError, type Terminal } from './terminal.ts';

const MARKER_FILE = 'demo.json';

/** Tells a later start how far the demonstration got: one that was killed half way does it again, and books nothing twice. */
interface Marker {
  /** In words: a marker left by another database says nothing about this one. */
  readonly database: string;
  /** The appointments lie around this instant, so that the same ones are booked again. */
  readonly beganAt: string;
  readonly completedAt?: string;
}

/**
 * Shows the main job on a service that has just started, as a program of its user would, over HTTP: connects the sample
 * mailbox, books the practice's appointments, syncs both ways, and lets both sides change the same one.
 */
export async function showDemo(parts: {
  client: ServiceClient;
  simulator: Pick<RunningSimulator, 'editEvent'>;
  /** Where it is remembered that the demonstration has been set up; nowhere, it is set up by every start. */
  folder: string | undefined;
  database: string;
  terminal: Terminal;
  /** Told what is about to be done, and what came of it. */
  report: (step: { headline: string; run?: RunView }) => void;
}): Promise<void> {
  const { client, simulator, folder, database, terminal, report } = parts;
  const now = (): string => terminal.clock.now().toISOString();
  const syncAndReport = async (headline: string, sync = syncNow): Promise<void> => {
    report({ headline });
    report({ headline, run: await sync(client, terminal) });
  };
  const left = readMarker(folder);
  const known = left?.database === database ? left : undefined;
  if (known?.completedAt !== undefined) return syncAndReport('Going on from where it stopped:');
  const marker: Marker = known ?? { database, beganAt: now() };
  writeMarker(folder, marker);
  const events = demoEvents(new Date(marker.beganAt));
  const ids = await bookAll(client, events);
  await client.json('PUT', '/calendar/sync/settings', { conflictResolution: 'merge' });
  await client.json('PUT', '/calendar/connection', { mode: 'application', mailbox: DEMO_MAILBOX });
  await syncAndReport(
    `First sync, ${events.length} appointments of the application with the mailbox of ${DEMO_MAILBOX}:`,
  );
  await contest(client, simulator, ids.get(CONTESTED_SUBJECT));
  await syncAndReport('Then an appointment is renamed in Outlook, and differently by the application:', meetConflict);
  writeMarker(folder, { ...marker, completedAt: now() });
}

/** @returns `undefined` without one, or with one that cannot be read */
function readMarker(folder: string | undefined): Marker | undefined {
  if (folder === undefined) return undefined;
  try {
    return JSON.parse(readFileSync(join(folder, MARKER_FILE), 'utf8')) as Marker;
  } catch {
    return undefined;
  }
}

function writeMarker(folder: string | undefined, marker: Marker): void {
  if (folder !== undefined) writeFileSync(join(folder, MARKER_FILE), `${JSON.stringify(marker)}\n`);
}

async function syncNow(client: ServiceClient, terminal: Terminal): Promise<RunView> {
  const { jobId } = await client.json<{ jobId: string }>('POST', '/calendar/sync/start', {});
  // Only the bar is wanted here: the lines for programs would drown the summary.
  const quiet = { ...terminal, out: { write: () => {} } };
  return followRun(client, jobId, quiet, false);
}

/** The application's write has queued a run of its own, which may have met the conflict before the one asked for here. */
async function meetConflict(client: ServiceClient, terminal: Terminal): Promise<RunView> {
  const run = await syncNow(client, terminal);
  const { items } = await client.json<{ items: RunView[] }>('GET', '/calendar/sync/history?limit=10');
  return items.find(({ result }) => (result?.conflictsDetected ?? 0) > 0) ?? run;
}

/** Each under a key of its own: a start that was killed and begins again books nothing twice. */
async function bookAll(client: ServiceClient, events: ReturnType<typeof demoEvents>): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  for (const [index, event] of events.entries()) {
    const { id } = await client.json<{ id: string }>('POST', '/calendar/events', event, {
      'idempotency-key': `demo-${index + 1}`,
    });
    ids.set(event.subject, id);
  }
  return ids;
}

async function contest(
  client: ServiceClient,
  simulator: Pick<RunningSimulator, 'editEvent'>,
  id: string | undefined,
): Promise<void> {
  const event = await client.json<{ graphEventId: string | null }>('GET', `/calendar/events/${id}`);
  if (!event.graphEventId)
    throw new CommandError(`the appointment ${id} did not reach Outlook; see GET /calendar/events/${id}`);
  simulator.editEvent(event.graphEventId, { subject: CONTESTED_IN_OUTLOOK });
  await client.json('PATCH', `/calendar/events/${id}`, { subject: CONTESTED_HERE });
}
