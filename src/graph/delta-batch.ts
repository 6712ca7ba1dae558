import { isSyncError } from '../core/errors.ts';
import type { DeltaOutcome, DeltaPage, GraphSession } from './calendar-graph.ts';
import type { GraphRequest } from './graph.client.ts';
import { batch, type GraphAccess } from './graph-access.ts';
import type { BatchItem, BatchOutcome } from './graph-batch.ts';

/**
 * The next pages of several delta streams in one `$batch`. What becomes of one says nothing about the others: a token may be
 * dead, or a link lead elsewhere, while the rest is read on.
 */
export async function fetchTogether(
  access: GraphAccess,
  session: GraphSession,
  requests: readonly GraphRequest[],
  readPage: (body: unknown) => Promise<DeltaPage>,
): Promise<DeltaOutcome[]> {
  const outcomes = new Map<string, BatchOutcome>();
  const items: BatchItem[] = [];
  for (const [index, request] of requests.entries()) {
    const item = { ...request, key: String(index) };
    const refusal = refusalOf(access, item);
    if (refusal) outcomes.set(item.key, refusal);
    else items.push(item);
  }
  for (const [key, outcome] of await batch(access, session, items)) outcomes.set(key, outcome);
  const pages: DeltaOutcome[] = [];
  for (const index of requests.keys()) pages.push(await pageOf(outcomes.get(String(index)) as BatchOutcome, readPage));
  return pages;
}

/** A link that must not be followed is found out before it spoils the batch. */
function refusalOf({ client }: GraphAccess, item: BatchItem): BatchOutcome | undefined {
  try {
    client.relativeUrl(item);
    return undefined;
  } catch (error) {
    if (!isSyncError(error)) throw error;
    return { key: item.key, ok: false, error };
  }
}

async function pageOf(outcome: BatchOutcome, readPage: (body: unknown) => Promise<DeltaPage>): Promise<DeltaOutcome> {
  if (!outcome.ok) return outcome;
  try {
    return { ok: true, page: await readPage(outcome.body) };
  } catch (error) {
    if (!isSyncError(error) || error.code === 'cancelled') throw error;
    return { ok: false, error };
  }
}
