import { badRequest } from './graph-error.ts';

/** `$batch` (Microsoft Graph "Combine multiple HTTP requests using JSON batching"). */
export interface BatchItem {
  id: string;
  method: string;
  url: string;
  headers: Record<string, string>;
  body: unknown;
  dependsOn: string[];
}

export interface BatchAnswer {
  id: string;
  status: number;
  headers: Record<string, string>;
  body?: unknown;
}

const MAX_ITEMS = 20;
const METHODS = new Set(['GET', 'POST', 'PATCH', 'PUT', 'DELETE']);

/** @throws {GraphError} 400 for the whole batch when it is malformed */
export function readBatch(body: unknown): BatchItem[] {
  const requests = (body as { requests?: unknown } | null | undefined)?.requests;
  if (!Array.isArray(requests)) throw badRequest('Invalid batch payload format.');
  if (requests.length === 0) throw badRequest('The batch has no requests.');
  if (requests.length > MAX_ITEMS) {
    throw badRequest(`Number of batch request steps exceeds the maximum value of ${MAX_ITEMS}.`);
  }
  const items = requests.map(readItem);
  const ids = new Set<string>();
  for (const { id } of items) {
    if (ids.has(id.toLowerCase())) throw badRequest(`Duplicate request id : ${id} found.`);
    ids.add(id.toLowerCase());
  }
  checkDependencies(items);
  return items;
}

function readItem(value: unknown): BatchItem {
  if (typeof value !== 'object' || value === null) throw badRequest('Invalid batch payload format.');
  const { id, method, url, headers, body, dependsOn } = value as Record<string, unknown>;
  if (typeof id !== 'string' || id === '') throw badRequest('Request id is missing or is not a string.');
  if (typeof method !== 'string' || !METHODS.has(method.toUpperCase()))
    throw badRequest(`Invalid method in request id : ${id}.`);
  if (typeof url !== 'string' || url === '' || /^https?:/i.test(url))
    throw badRequest(`Invalid url in request id : ${id}.`);
  const lower = Object.fromEntries(
    Object.entries((headers ?? {}) as object).map(([name, each]) => [name.toLowerCase(), String(each)]),
  );
  if (body !== undefined && body !== null && lower['content-type'] === undefined) {
    throw badRequest(`Write request id : ${id} does not contain Content-Type header or body.`);
  }
  if (dependsOn !== undefined && dependsOn !== null && !Array.isArray(dependsOn))
    throw badRequest(`Invalid dependsOn in request id : ${id}.`);
  return {
    id,
    method: method.toUpperCase(),
    url,
    headers: lower,
    body: body ?? undefined,
    dependsOn: ((dependsOn ?? []) as unknown[]).map(String),
  };
}

/** Every dependency exists, and none is circular. */
function checkDependencies(items: BatchItem[]): void {
  const byId = new Map(items.map((item) => [item.id.toLowerCase(), item]));
  const state = new Map<string, 'open' | 'done'>();
  const visit = (item: BatchItem): void => {
    const key = item.id.toLowerCase();
    if (state.get(key) === 'done') return;
    if (state.get(key) === 'open') throw badRequest(`Circular dependency found in request id : ${item.id}.`);
    state.set(key, 'open');
    for (const id of item.dependsOn) {
      const dependency = byId.get(id.toLowerCase());
      if (dependency === undefined) throw badRequest(`Dependency ${id} of request id : ${item.id} does not exist.`);
      visit(dependency);
    }
    state.set(key, 'done');
  };
  items.forEach(visit);
}

/**
 * Runs the items the way Graph does: up to four unordered ones to a mailbox at a time, one at a time when the
 * batch is ordered; an item whose dependency failed is answered 424 without being run.
 */
export async function runBatch(
  items: BatchItem[],
  o: {
    mailboxOf: (item: BatchItem) => string;
    run: (item: BatchItem) => Promise<BatchAnswer>;
    next: () => number;
    shuffle: boolean;
  },
): Promise<BatchAnswer[]> {
  const lanes = items.some(({ dependsOn }) => dependsOn.length > 0) ? 1 : 4;
  const gates = new Map<string, Gate>();
  const answers = new Map<string, Promise<BatchAnswer>>();
  const start = (item: BatchItem): Promise<BatchAnswer> => {
    const key = item.id.toLowerCase();
    let answer = answers.get(key);
    if (answer === undefined) {
      const dependencies = item.dependsOn.map((id) =>
        start(items.find((each) => each.id.toLowerCase() === id.toLowerCase())!),
      );
      answer = runItem(item, dependencies);
      answers.set(key, answer);
    }
    return answer;
  };
  const runItem = async (item: BatchItem, dependencies: Promise<BatchAnswer>[]): Promise<BatchAnswer> => {
    const done = await Promise.all(dependencies);
    if (done.some(({ status }) => status >= 400)) return failedDependency(item.id);
    const mailbox = o.mailboxOf(item);
    const gate = gates.get(mailbox) ?? new Gate(lanes);
    gates.set(mailbox, gate);
    return gate.run(() => o.run(item));
  };
  const list = await Promise.all(items.map(start));
  return o.shuffle ? shuffled(list, o.next) : list;
}

const failedDependency = (id: string): BatchAnswer => ({
  id,
  status: 424,
  headers: { 'Content-Type': 'application/json' },
  body: {
    error: {
      code: 'FailedDependency',
      message: 'The request was not executed because a request it depends on failed.',
    },
  },
});

/** So many at a time, first come first served. */
class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(lanes: number) {
    this.#free = lanes;
  }

  async run<T>(action: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await action();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

function shuffled<T>(list: T[], next: () => number): T[] {
  const copy = [...list];
  for (let at = copy.length - 1; at > 0; at -= 1) {
    const other = Math.floor(next() * (at + 1));
    [copy[at], copy[other]] = [copy[other]!, copy[at]!];
  }
  return copy;
}
