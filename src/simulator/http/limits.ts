import type { World } from '../mailbox/world.ts';
import { type DialectName, dialect } from './dialects.ts';
import { GraphError } from './graph-error.ts';

/** Outlook's limits per application and mailbox (Microsoft Graph "throttling limits"): four at once, 10,000 in ten minutes. */
const REQUESTS_PERIOD_MS = 600_000;
/** Likewise: 150 MB sent in five minutes. */
const UPLOADS_PERIOD_MS = 300_000;
/** Per application, all mailboxes together: 130,000 in ten seconds. */
const APP_PERIOD_MS = 10_000;

const UPLOADING = new Set(['POST', 'PATCH', 'PUT']);

/** What came within the last while, summed up. */
class Period {
  readonly #ms: number;
  #arrivals: { at: number; amount: number }[] = [];
  #head = 0;
  #sum = 0;

  constructor(ms: number) {
    this.#ms = ms;
  }

  /** @returns the sum with this one */
  add(now: number, amount: number): number {
    while (this.#head < this.#arrivals.length && this.#arrivals[this.#head]!.at <= now - this.#ms) {
      this.#sum -= this.#arrivals[this.#head]!.amount;
      this.#head += 1;
    }
    if (this.#head > 10_000) {
      this.#arrivals = this.#arrivals.slice(this.#head);
      this.#head = 0;
    }
    const last = this.#arrivals.at(-1);
    // A clock that stands still would pile up one entry a request.
    if (last !== undefined && last.at === now && this.#head < this.#arrivals.length) last.amount += amount;
    else this.#arrivals.push({ at: now, amount });
    this.#sum += amount;
    return this.#sum;
  }
}

interface Usage {
  active: number;
  requests: Period;
  uploads: Period;
}

export class Limits {
  readonly #world: World;
  readonly #usage = new Map<string, Usage>();
  readonly #apps = new Map<string, Period>();
  readonly #highestByMailbox = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Counts a request of an application, whatever it addresses. @throws {GraphError} 429 */
  enterApp(app: string): void {
    const { appRequestLimit } = this.#world.switches;
    if (appRequestLimit <= 0) return;
    const period = this.#apps.get(app) ?? new Period(APP_PERIOD_MS);
    this.#apps.set(app, period);
    if (period.add(this.#world.now(), 1) > appRequestLimit) throw this.#refusal('too-many-requests');
  }

  /**
   * Takes a slot; the returned function gives it back.
   *
   * @param request its method, and the bytes of its body
   * @throws {GraphError} 429 or 503; refused requests count as well
   */
  enter(app: string, mailboxId: string, request: { method: string; bytes: number }): () => void {
    const { switches } = this.#world;
    const usage = this.#usageOf(`${app}|${mailboxId}`);
    this.#count(usage.requests, 1, switches.requestLimit);
    if (UPLOADING.has(request.method)) this.#count(usage.uploads, request.bytes, switches.uploadLimitBytes);
    if (switches.concurrencyLimit > 0 && usage.active >= switches.concurrencyLimit) {
      this.#noteHighest(mailboxId, usage.active + 1);
      throw this.#refusal('mailbox-concurrency', switches.concurrencyStatus);
    }
    usage.active += 1;
    this.#noteHighest(mailboxId, usage.active);
    return () => {
      usage.active -= 1;
    };
  }

  #count(period: Period, amount: number, limit: number): void {
    if (limit > 0 && period.add(this.#world.now(), amount) > limit) throw this.#refusal('too-many-requests');
  }

  #refusal(name: DialectName, status?: number): GraphError {
    const { retryAfter, retryAfterSeconds } = this.#world.switches;
    const { code = '', message = '', inner = {}, ...known } = dialect(name);
    if (retryAfter === 'absent') return new GraphError(status ?? known.status, code, message, { inner });
    const value = {
      integer: () => String(Math.ceil(retryAfterSeconds)),
      decimal: () => (retryAfterSeconds + 0.128).toFixed(3),
      date: () => new Date(this.#world.now() + retryAfterSeconds * 1000).toUTCString(),
    }[retryAfter]();
    return new GraphError(status ?? known.status, code, message, { inner, headers: { 'retry-after': value } });
  }

  /** Most requests seen at once, those refused included. */
  highest(mailboxId: string): number {
    return this.#highestByMailbox.get(mailboxId) ?? 0;
  }

  forgetHighest(): void {
    this.#highestByMailbox.clear();
  }

  #noteHighest(mailboxId: string, active: number): void {
    this.#highestByMailbox.set(mailboxId, Math.max(this.highest(mailboxId), active));
  }

  #usageOf(key: string): Usage {
    let usage = this.#usage.get(key);
    if (usage === undefined) {
      usage = { active: 0, requests: new Period(REQUESTS_PERIOD_MS), uploads: new Period(UPLOADS_PERIOD_MS) };
      this.#usage.set(key, usage);
    }
    return usage;
  }
}
