import { isSyncError, SyncError } from '../core/errors.ts';
import type { GraphSession } from './calendar-graph.ts';
import { type GraphClient, type GraphRequest, PREFER } from './graph.client.ts';
import { readFailure } from './graph-errors.ts';
import { countFailure } from './graph-stats.ts';
import { parseRetryAfter } from './retry-after.ts';
import { list, members, optionalText, text } from './wire-values.ts';

/** One request of a batch. */
export interface BatchItem extends GraphRequest {
  readonly key: string;
  /** Key of an earlier item that must have been carried out before this one is begun. */
  readonly after?: string;
}

export type BatchOutcome = (
  | { readonly ok: true; readonly body: unknown }
  | { readonly ok: false; readonly error: SyncError }
) & {
  readonly key: string;
  /** Graph broke down over an earlier attempt at this very item, and may have carried it out all the same. */
  readonly isRepeated?: boolean;
};

/** Rounds in which items that were throttled or failed in passing are sent again. */
const MAX_ROUNDS = 5;
/** Graph carries out so many items of a batch side by side (graph contract 7), and allows a mailbox no more at a time. */
const ITEMS_AT_A_TIME = 4;

interface BatchAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

/**
 * Sends items in `$batch` requests. A 200 of the whole hides what became of each: every item is looked at, and those that
 * were throttled or failed in passing are sent again, alone or together, after the wait they were told.
 *
 * @returns an outcome for every item; what became of the others is never lost with the one that failed
 * @throws only the reason of a cancelled run
 */
export async function sendBatch(
  client: GraphClient,
  session: GraphSession,
  items: readonly BatchItem[],
  batchSize: number,
): Promise<BatchOutcome[]> {
  const outcomes: BatchOutcome[] = [];
  for (let from = 0; from < items.length; from += batchSize) {
    const chunk = new Chunk(client, session, items.slice(from, from + batchSize));
    outcomes.push(...(await chunk.send()));
    if (!chunk.failure) continue;
    // The way to Graph is closed: knocking again for every further request would not open it.
    const { failure: error } = chunk;
    outcomes.push(...items.slice(from + batchSize).map(({ key }): BatchOutcome => ({ key, ok: false, error })));
    break;
  }
  return outcomes;
}

/** The items of one `$batch` on their way to their outcomes. */
class Chunk {
  readonly #client: GraphClient;
  readonly #session: GraphSession;
  readonly #outcomes = new Map<string, BatchOutcome>();
  #open: readonly BatchItem[];
  readonly #repeated = new Set<string>();
  /** Graph does not take these together, so each goes as a request of its own. */
  #isSingly = false;
  /** What became of a request as a whole, when nothing else is worth sending. */
  failure: SyncError | undefined;

  constructor(client: GraphClient, session: GraphSession, items: readonly BatchItem[]) {
    this.#client = client;
    this.#session = session;
    this.#open = items;
  }

  async send(): Promise<BatchOutcome[]> {
    for (let round = 1; this.#open.length > 0; ) {
      if (this.#isSingly || this.#open.length === 1) await this.#sendEach();
      else {
        const answers = await this.#sendTogether();
        const retries = answers ? this.#sort(answers, round) : [];
        if (retries.length === 0) continue;
        await this.#wait(retries, round);
        round += 1;
      }
    }
    return [...this.#outcomes.values()];
  }

  /** A batch of one is just a request, and the client retries it as one. */
  async #sendEach(): Promise<void> {
    for (const item of this.#open) {
      const { key } = item;
      try {
        const { body } = await this.#watched([item], () => this.#client.send(this.#session, item));
        this.#settle({ key, ok: true, body });
      } catch (error) {
        if (!isOutcome(error)) throw error;
        this.#settle({ key, ok: false, error });
        const isNoWayThrough =
          error.recovery === 'reauthorize' || (error.recovery === 'retry' && error.httpStatus === undefined);
        if (isNoWayThrough) return this.#fail(error);
      }
    }
  }

  /** @returns the answers, or `undefined` when the batch as such was refused or never arrived */
  async #sendTogether(): Promise<ReadonlyMap<string, BatchAnswer> | undefined> {
    const numbers = new Map(this.#open.map(({ key }, index) => [key, String(index + 1)]));
    const requests = this.#open.map((item) => this.#request(item, numbers));
    const free = requests.filter(({ dependsOn }) => dependsOn === undefined).length;
    const slots = Math.min(ITEMS_AT_A_TIME, free);
    try {
      const path = '/$batch';
      const request: GraphRequest = { method: 'POST', path, body: { requests }, slots };
      const { body } = await this.#watched(this.#open, () => this.#client.send(this.#session, request));
      const byNumber = answersIn(body);
      return new Map(
        [...numbers].flatMap(([key, number]) => {
          const answer = byNumber.get(number);
          return answer ? [[key, answer] as const] : [];
        }),
      );
    } catch (error) {
      if (!isOutcome(error)) throw error;
      if (error.recovery === 'retry' || error.recovery === 'reauthorize') this.#fail(error);
      // Too large, perhaps. What is refused as a whole says nothing about any event in it.
      else this.#isSingly = true;
      return undefined;
    }
  }

  #request(item: BatchItem, numbers: ReadonlyMap<string, string>) {
    const before = item.after === undefined ? undefined : numbers.get(item.after);
    return {
      id: numbers.get(item.key),
      method: item.method,
      url: this.#client.relativeUrl(item),
      headers: {
        Prefer: [...PREFER, ...(item.prefer ?? [])].join(', '),
        'client-request-id': this.#client.clientRequestId(this.#session),
        ...(item.ifMatch ? { 'If-Match': item.ifMatch } : {}),
        ...(item.body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(item.body === undefined ? {} : { body: item.body }),
      ...(before === undefined ? {} : { dependsOn: [before] }),
    };
  }

  /** Settles what is decided; the rest stays open. @returns the errors for which something is to be sent again later */
  #sort(answers: ReadonlyMap<string, BatchAnswer>, round: number): SyncError[] {
    const retries: SyncError[] = [];
    for (const item of this.#open) {
      const answer = answers.get(item.key);
      // Not begun, because the item before it was refused: it goes again at once, that item being settled.
      if (answer?.status === 424 && item.after !== undefined && answers.has(item.after)) continue;
      const outcome = answer ? this.#read(item, answer) : this.#missing(item);
      if (outcome.ok) this.#settle(outcome);
      else if (answer?.status === 401) this.#isSingly = true;
      else if (outcome.error.recovery === 'retry' && round < MAX_ROUNDS) {
        if (outcome.error.code === 'unavailable') this.#repeated.add(item.key);
        retries.push(outcome.error);
      } else {
        if (outcome.error.recovery === 'retry') this.#client.keepSilence(this.#session, outcome.error, round);
        this.#settle(outcome);
      }
    }
    return retries;
  }

  #read(item: BatchItem, answer: BatchAnswer): BatchOutcome {
    const { key } = item;
    if (answer.status >= 200 && answer.status < 300) return { key, ok: true, body: answer.body };
    const names = Object.entries(answer.headers).map(([name, value]) => [name.toLowerCase(), value] as const);
    const headers = new Map(names);
    const failure = readFailure(answer.status, answer.body, {
      retryAfterMs: parseRetryAfter(headers.get('retry-after'), this.#client.serverNow),
      requestId: optionalText(headers.get('request-id')),
    });
    const error = this.#client.errorOf(item, failure, `${item.method} in a batch`);
    countFailure(this.#session.stats, error.code);
    return { key, ok: false, error };
  }

  #missing({ key, method }: BatchItem): BatchOutcome {
    const error = new SyncError('unavailable', `Graph's batch answer left out the request for ${method}`);
    countFailure(this.#session.stats, error.code);
    return { key, ok: false, error };
  }

  /** Sits the longest of the waits out; one that is too long for a run is the outcome of everything still open. */
  async #wait(retries: readonly SyncError[], round: number): Promise<void> {
    const told = retries.filter(({ code, retryAfterMs }) => code === 'throttled' || retryAfterMs !== undefined);
    const worst = (told.length > 0 ? told : retries).reduce((a, b) => (waitOf(b) > waitOf(a) ? b : a));
    try {
      await this.#client.waitForRetry(this.#session, worst, round);
      this.#session.stats.retried += 1;
    } catch (error) {
      if (!isOutcome(error)) throw error;
      for (const { key } of this.#open) this.#settle({ key, ok: false, error });
    }
  }

  #fail(error: SyncError): void {
    this.failure = error;
    for (const { key } of this.#open) this.#settle({ key, ok: false, error });
  }

  /** The client repeats what breaks down on its way, and tells of it in the session's figures alone. */
  async #watched<T>(items: readonly BatchItem[], work: () => Promise<T>): Promise<T> {
    const before = this.#session.stats.byCategory.unavailable ?? 0;
    try {
      return await work();
    } finally {
      const isRepeated = (this.#session.stats.byCategory.unavailable ?? 0) > before;
      for (const { key } of isRepeated ? items : []) this.#repeated.add(key);
    }
  }

  #settle(outcome: BatchOutcome): void {
    const isRepeated = this.#repeated.has(outcome.key);
    this.#outcomes.set(outcome.key, isRepeated ? { ...outcome, isRepeated } : outcome);
    this.#open = this.#open.filter(({ key }) => key !== outcome.key);
  }
}

/** Each item's answer by its number. What is no answer, and what is answered in two ways, is as good as left out. */
function answersIn(body: unknown): ReadonlyMap<string, BatchAnswer> {
  const found = new Map<string, BatchAnswer>();
  const doubled = new Set<string>();
  for (const { id, status: stated, headers, body: answered } of list(members(body)['responses']).map(members)) {
    const number = typeof id === 'number' ? String(id) : text(id);
    const status = typeof stated === 'string' ? Number(stated) : stated;
    if (typeof status !== 'number' || !Number.isInteger(status) || status < 100 || status > 599) continue;
    if (found.has(number)) doubled.add(number);
    found.set(number, { status, headers: members(headers), body: answered });
  }
  for (const number of doubled) found.delete(number);
  return found;
}

function waitOf({ retryAfterMs = 0 }: SyncError): number {
  return retryAfterMs;
}

/** Whatever Graph or the way to it says is an outcome; a cancelled run and a bug are not. */
function isOutcome(error: unknown): error is SyncError {
  return isSyncError(error) && error.code !== 'cancelled';
}
