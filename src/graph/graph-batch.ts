import { isSyncError, SyncError } from '../core/errors.ts';
import type { GraphSession } from './calendar-graph.ts';
import type { GraphClient, GraphRequest } from './graph.client.ts';
import { readFailure, toSyncError } from './graph-errors.ts';
import { countFailure } from './graph-stats.ts';
import { parseRetryAfter } from './retry-after.ts';

/** One request of a batch; its path is below `/v1.0`. */
export interface BatchItem extends GraphRequest {
  readonly key: string;
  /** Key of an earlier item that must have been carried out before this one is begun. */
  readonly after?: string;
}

export type BatchOutcome =
  | { readonly key: string; readonly ok: true; readonly body: unknown }
  | { readonly key: string; readonly ok: false; readonly error: SyncError };

/** Rounds in which items that were throttled or failed in passing are sent again. */
const MAX_ROUNDS = 5;
const PREFER = 'IdType="ImmutableId", outlook.timezone="UTC", outlook.body-content-type="html"';

interface BatchAnswer {
  readonly id: string;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/**
 * Sends items in `$batch` requests. A 200 of the whole hides what became of each: every item is looked at, and those that
 * were throttled or failed in passing are sent again, alone or together, after the wait they were told.
 *
 * @returns an outcome for every item
 */
export async function sendBatch(
  client: GraphClient,
  session: GraphSession,
  items: readonly BatchItem[],
  batchSize: number,
): Promise<BatchOutcome[]> {
  const outcomes: BatchOutcome[] = [];
  for (let from = 0; from < items.length; from += batchSize) {
    outcomes.push(...(await sendChunk(client, session, items.slice(from, from + batchSize))));
  }
  return outcomes;
}

async function sendChunk(
  client: GraphClient,
  session: GraphSession,
  items: readonly BatchItem[],
): Promise<BatchOutcome[]> {
  const outcomes = new Map<string, BatchOutcome>();
  let open = items;
  for (let round = 1; open.length > 0; round += 1) {
    const answered =
      open.length === 1 ? await sendAlone(client, session, open) : await sendTogether(client, session, open);
    const again: BatchItem[] = [];
    let slowest: SyncError | undefined;
    for (const item of open) {
      const outcome = answered.get(item.key) ?? missing(item);
      const mayRepeat = !outcome.ok && outcome.error.recovery === 'retry' && round < MAX_ROUNDS && open.length > 1;
      if (!mayRepeat || outcome.ok) {
        outcomes.set(item.key, outcome);
        continue;
      }
      again.push(item);
      if ((outcome.error.retryAfterMs ?? 0) >= (slowest?.retryAfterMs ?? 0)) slowest = outcome.error;
    }
    if (slowest) {
      session.stats.retried += 1;
      await client.pauseAfterThrottle(session, slowest, round);
    }
    open = again;
  }
  return [...outcomes.values()];
}

/** A batch of one is just a request, and the client retries it as one. */
async function sendAlone(
  client: GraphClient,
  session: GraphSession,
  [item]: readonly BatchItem[],
): Promise<Map<string, BatchOutcome>> {
  if (!item) return new Map();
  try {
    const { body } = await client.send(session, item);
    return new Map([[item.key, { key: item.key, ok: true, body }]]);
  } catch (error) {
    if (!isSyncError(error) || error.code === 'cancelled') throw error;
    return new Map([[item.key, { key: item.key, ok: false, error }]]);
  }
}

async function sendTogether(
  client: GraphClient,
  session: GraphSession,
  items: readonly BatchItem[],
): Promise<Map<string, BatchOutcome>> {
  const requests = items.map((item, index) => ({
    id: String(index + 1),
    method: item.method,
    url: item.path,
    headers: {
      Prefer: PREFER,
      ...(item.ifMatch ? { 'If-Match': item.ifMatch } : {}),
      ...(item.body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(item.body === undefined ? {} : { body: item.body }),
  }));
  const { body } = await client.send(session, { method: 'POST', path: '/$batch', body: { requests } });
  const answers = ((body as { responses?: BatchAnswer[] } | undefined)?.responses ?? []).map(
    (answer) => [answer.id.toLowerCase(), answer] as const,
  );
  const byId = new Map(answers);
  const outcomes = new Map<string, BatchOutcome>();
  for (const [index, item] of items.entries()) {
    const answer = byId.get(String(index + 1));
    if (answer) outcomes.set(item.key, outcomeOf(session, item, answer));
  }
  return outcomes;
}

function outcomeOf(session: GraphSession, item: BatchItem, answer: BatchAnswer): BatchOutcome {
  if (answer.status >= 200 && answer.status < 300) return { key: item.key, ok: true, body: answer.body };
  const headers = Object.fromEntries(
    Object.entries(answer.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const failure = readFailure(answer.status, answer.body, {
    // A date in an item counts from the same clock as everything else; the client has no better one here.
    retryAfterMs: parseRetryAfter(headers['retry-after'], new Date(Date.parse(headers['date'] ?? '') || 0)),
    requestId: headers['request-id'],
  });
  const error = toSyncError(failure, `${item.method} in a batch`);
  countFailure(session.stats, error.code);
  return { key: item.key, ok: false, error };
}

function missing(item: BatchItem): BatchOutcome {
  const error = new SyncError('unavailable', `Graph's batch answer left out the request for ${item.method}`);
  return { key: item.key, ok: false, error };
}
