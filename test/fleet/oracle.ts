import type { Fleet, Person } from './fleet.ts';
import { type Load, markerOf, type Tracked } from './load.ts';
import { pause } from './processes.ts';

/** What must be nought once the weather has stopped. */
export interface Verdict {
  /** Acknowledged, and missing on a side. */
  readonly lost: number;
  /** Under one marker more than once on a side, or one `transactionId` twice. */
  readonly doubled: number;
  /** Deleted, and there again. */
  readonly resurrected: number;
  /** On both sides, and not as it was last acknowledged. */
  readonly different: number;
  /** The application's row does not name the event in Outlook that has the same marker. */
  readonly unpaired: number;
  /** Nobody wrote it. */
  readonly foreign: number;
  /** In the application, and not `synced`. */
  readonly unsettled: number;
  readonly examples: readonly string[];
}

export const COUNTS = ['lost', 'doubled', 'resurrected', 'different', 'unpaired', 'foreign', 'unsettled'] as const;

interface LocalView {
  readonly id: string;
  readonly subject: string;
  readonly start: { readonly dateTime: string };
  readonly location: { readonly displayName: string } | null;
  readonly graphEventId: string | null;
  readonly syncState: string;
}

interface RemoteView {
  readonly id: string;
  readonly subject: string;
  readonly start: { readonly dateTime: string };
  readonly location?: { readonly displayName?: string };
  readonly transactionId?: string | null;
}

/** Both sides of everybody's calendar, against the account of what was acknowledged. `undefined`: a side does not answer. */
export async function judge(fleet: Fleet, load: Load): Promise<Verdict | undefined> {
  const tally = new Tally();
  for (const person of fleet.people) {
    const local = await listLocal(fleet, person);
    const answer = await fleet.outlook<RemoteView[]>('GET', `/mailboxes/${person.mailbox}/events`);
    if (!local || answer.status !== 200) return undefined;
    const remote = answer.body;
    const expected = [...load.events.values()].filter((event) => event.person.mailbox === person.mailbox);
    judgePerson(tally, expected, { local, remote });
  }
  return tally.verdict();
}

export const isClean = (verdict: Verdict): boolean => COUNTS.every((name) => verdict[name] === 0);

function judgePerson(
  tally: Tally,
  expected: readonly Tracked[],
  sides: { local: readonly LocalView[]; remote: readonly RemoteView[] },
): void {
  const local = byMarker(sides.local);
  const remote = byMarker(sides.remote);
  const known = new Set(expected.map(({ marker }) => marker));
  for (const marker of new Set([...local.keys(), ...remote.keys()])) {
    if (!known.has(marker)) tally.count('foreign', marker);
  }
  for (const event of expected) {
    const [here, there] = [local.get(event.marker) ?? [], remote.get(event.marker) ?? []];
    if (event.isGone) {
      if (here.length + there.length > 0) tally.count('resurrected', `${event.marker} ${here.length}/${there.length}`);
      continue;
    }
    const [mine, theirs] = [here[0], there[0]];
    if (!mine || !theirs) {
      tally.count('lost', `${event.marker} (${event.origin}) ${here.length}/${there.length}`);
      continue;
    }
    if (here.length > 1 || there.length > 1) tally.count('doubled', `${event.marker} ${here.length}/${there.length}`);
    const wanted = [event.subject, event.place, event.start];
    for (const it of [mine, theirs]) {
      const found = [it.subject, it.location?.displayName ?? '', it.start.dateTime.slice(0, 19)];
      if (found.join('|') !== wanted.join('|')) tally.count('different', `${found.join('|')} for ${wanted.join('|')}`);
    }
    if (mine.graphEventId !== theirs.id) tally.count('unpaired', event.marker);
    if (mine.syncState !== 'synced') tally.count('unsettled', `${event.marker} ${mine.syncState}`);
  }
  const transactions = sides.remote.flatMap(({ transactionId }) => transactionId ?? []);
  const repeated = transactions.length - new Set(transactions).size;
  for (let at = 0; at < repeated; at += 1) tally.count('doubled', 'a transactionId');
}

function byMarker<T extends { readonly subject: string }>(events: readonly T[]): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const event of events) {
    const marker = markerOf(event.subject);
    found.set(marker, [...(found.get(marker) ?? []), event]);
  }
  return found;
}

async function listLocal(fleet: Fleet, person: Person): Promise<LocalView[] | undefined> {
  const events: LocalView[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const query: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
    const path = `/calendar/events?limit=1000${query}`;
    const answer = await fleet.call<{ items: LocalView[]; nextCursor: string | null }>(person, 'GET', path);
    if (answer.status !== 200) return undefined;
    events.push(...answer.body.items);
    cursor = answer.body.nextCursor;
  }
  return events;
}

class Tally {
  readonly #counts = new Map<(typeof COUNTS)[number], number>();
  readonly #examples: string[] = [];

  count(what: (typeof COUNTS)[number], example: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
    if (this.#examples.length < 8) this.#examples.push(`${what}: ${example}`);
  }

  verdict(): Verdict {
    const counts = Object.fromEntries(COUNTS.map((name) => [name, this.#counts.get(name) ?? 0]));
    return { ...(counts as Record<(typeof COUNTS)[number], number>), examples: this.#examples };
  }
}

/**
 * Waits until both sides are as they must be, asking for runs meanwhile as an impatient user would.
 *
 * @returns the last verdict, and how long it took
 */
export async function converge(
  fleet: Fleet,
  load: Load,
  withinMs: number,
): Promise<{ verdict: Verdict | undefined; tookMs: number }> {
  const began = Date.now();
  for (;;) {
    for (const person of fleet.people) await fleet.call(person, 'POST', '/calendar/sync/start', {});
    await pause(1_000);
    const verdict = await judge(fleet, load);
    const tookMs = Date.now() - began;
    if ((verdict && isClean(verdict)) || tookMs > withinMs) return { verdict, tookMs };
  }
}

interface RunView {
  readonly jobId: string;
  readonly status: string;
  readonly result: { readonly local: Record<string, number>; readonly remote: Record<string, number> };
}

const ENDED = new Set(['COMPLETED', 'FAILED', 'CANCELLED']);
const QUIET_PATIENCE_MS = 60_000;

/** Runs that were under way already may each be followed by one more: what came meanwhile, or a continuation. */
const MOST_UNDER_WAY = 20;

/** One more run for everybody, begun when none is under way. @returns what should not be: writes, or a run that did not complete */
export async function quietRun(fleet: Fleet): Promise<string[]> {
  const complaints: string[] = [];
  for (const person of fleet.people) {
    let run: RunView | undefined;
    for (let round = 0; round < MOST_UNDER_WAY; round += 1) {
      const { body } = await fleet.call<{ jobId?: string; status?: string }>(
        person,
        'POST',
        '/calendar/sync/start',
        {},
      );
      run = await ended(fleet, person, body?.jobId);
      // What another run still had to do, after its database was cut off say, is no needless write.
      if (body?.status !== 'already_running') break;
    }
    const written = run?.result ? [...Object.values(run.result.local), ...Object.values(run.result.remote)] : [];
    const sum = written.reduce((total, count) => total + count, 0);
    if (run?.status !== 'COMPLETED' || sum > 0) {
      complaints.push(`a further run of ${person.userId}: ${run?.status ?? 'unknown'}, ${sum} writes`);
    }
  }
  return complaints;
}

async function ended(fleet: Fleet, person: Person, jobId: string | undefined): Promise<RunView | undefined> {
  let run: RunView | undefined;
  for (const until = Date.now() + QUIET_PATIENCE_MS; Date.now() < until; await pause(200)) {
    run = (await fleet.call<RunView>(person, 'GET', `/calendar/sync/status/${jobId}`)).body;
    if (run && ENDED.has(run.status)) break;
  }
  return run;
}
