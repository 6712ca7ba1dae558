import { lookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, request } from 'undici';
import type { Clock } from '../core/runtime.ts';
import type { Address, WebhookAddresses } from '../core/webhook-address.ts';
import { readRetryAfter } from '../core/webhook-schedule.ts';
import type { DeliveryFault } from '../store/webhook-delivery.repository.ts';

/** All addresses of a name, as the machine's resolver tells them. Rejects when there are none. */
export type Resolve = (hostname: string) => Promise<readonly Address[]>;

export const systemResolve: Resolve = async (hostname) =>
  (await lookup(hostname, { all: true })).map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));

export type SendOutcome =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterMs: number | undefined }
  | { readonly kind: 'failed'; readonly fault: DeliveryFault };

/** A receiver is to take a delivery in, not to work it off. */
const TIMEOUT_MS = 10_000;
/** Of an answer's body, which nobody reads: enough for the connection to end in good order. */
const BODY_BYTES = 16 * 1024;

/** Codes that name no certificate in their spelling. */
const CERTIFICATE = /CERT|ERR_TLS|ERR_SSL|SELF_SIGNED|UNABLE_TO_/;

/**
 * Sends one delivery, and follows nothing.
 *
 * The connection goes to the very address that was checked: the check stands where the connection asks for the name, and a
 * connection serves one attempt. So there is no second lookup that could be answered differently, and no pool that
 * remembers an older answer.
 */
export class WebhookClient {
  readonly #addresses: WebhookAddresses;
  readonly #resolve: Resolve;
  readonly #clock: Clock;

  constructor(parts: { addresses: WebhookAddresses; resolve?: Resolve | undefined; clock: Clock }) {
    this.#addresses = parts.addresses;
    this.#resolve = parts.resolve ?? systemResolve;
    this.#clock = parts.clock;
  }

  /** Never rejects: what the network says names hosts and addresses, and goes no further than here. */
  async send(delivery: {
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  }): Promise<SendOutcome> {
    // What was allowed when it was entered need not be now; and an address in numbers is never looked up.
    const checked = this.#addresses.check(delivery.url);
    if (checked.kind === 'refused') return { kind: 'failed', fault: 'address' };
    const late = new AbortController();
    const answered = new AbortController();
    this.#clock.sleep(TIMEOUT_MS, answered.signal).then(
      () => late.abort(),
      () => {},
    );
    const agent = new Agent({
      connect: { lookup: this.#checkedLookup() },
      allowH2: false,
      pipelining: 0,
      connections: 1,
    });
    try {
      const answer = await request(checked.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': 'graph-calendar-sync', ...delivery.headers },
        body: delivery.body,
        dispatcher: agent,
        signal: late.signal,
      });
      await answer.body.dump({ limit: BODY_BYTES, signal: late.signal }).catch(() => {});
      const retryAfter = [answer.headers['retry-after']].flat()[0];
      const retryAfterMs = readRetryAfter(retryAfter, this.#clock.now());
      return { kind: 'answered', status: answer.statusCode, retryAfterMs };
    } catch (error) {
      return { kind: 'failed', fault: late.signal.aborted ? 'timeout' : faultOf(error) };
    } finally {
      answered.abort();
      await agent.destroy().catch(() => {});
    }
  }

  #checkedLookup(): LookupFunction {
    return (hostname, options, callback) => {
      this.#resolveChecked(hostname).then(
        (found) => {
          const [first] = found;
          if (options.all) callback(null, [...found]);
          else callback(null, first.address, first.family);
        },
        (error: NodeJS.ErrnoException) => callback(error, '', 0),
      );
    };
  }

  /** One address that is no good makes the name no good: it may be the one that is used the next time. */
  async #resolveChecked(hostname: string): Promise<[Address, ...Address[]]> {
    const found = await this.#resolve(hostname).catch(() => []);
    const [first, ...others] = found;
    const isGood = ({ address }: Address) => isIP(address) !== 0 && this.#addresses.mayCall(hostname, address);
    if (!first || !found.every(isGood)) throw new RefusedAddress();
    return [first, ...others];
  }
}

class RefusedAddress extends Error {}

function faultOf(error: unknown): DeliveryFault {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof RefusedAddress) return 'address';
    const code = String((cause as NodeJS.ErrnoException).code ?? '');
    if (CERTIFICATE.test(code)) return 'certificate';
    if (code.includes('TIMEOUT') || code === 'ETIMEDOUT') return 'timeout';
  }
  return 'unreachable';
}
