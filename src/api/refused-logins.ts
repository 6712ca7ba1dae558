import { createHmac } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Clock, Logger, Random } from '../core/runtime.ts';
import type { HttpProblem } from './problem.ts';
import type { ApiServices } from './services.ts';

const MINUTE_MS = 60_000;
/** Of one process: somebody with many addresses must not fill the disk either. */
const LINES_A_MINUTE = 60;
const SECRET_BYTES = 32;
const NAME_LENGTH = 16;

/**
 * Tells the audit log of tokens that were not taken: one line for each address and minute. The address itself is written
 * nowhere; what stands for it tells two of them apart for as long as the process lives, and says nothing afterwards.
 */
export class RefusedLogins {
  readonly #audit: ApiServices['auditService'];
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #secret: Uint8Array;
  readonly #seen = new Set<string>();
  #minute = 0;

  constructor(parts: { auditService: ApiServices['auditService']; clock: Clock; random: Random; logger: Logger }) {
    this.#audit = parts.auditService;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#secret = parts.random.bytes(SECRET_BYTES);
  }

  /** Nobody waits for it: that a log cannot be written changes nothing for whoever is refused. */
  note(request: FastifyRequest, { code }: HttpProblem): void {
    // Without a token nobody has tried to be somebody.
    if (code !== 'TOKEN_INVALID' && code !== 'TOKEN_EXPIRED') return;
    const minute = Math.floor(this.#clock.now().getTime() / MINUTE_MS);
    if (minute !== this.#minute) this.#seen.clear();
    this.#minute = minute;
    const origin = createHmac('sha256', this.#secret).update(request.ip).digest('base64url').slice(0, NAME_LENGTH);
    if (this.#seen.has(origin) || this.#seen.size >= LINES_A_MINUTE) return;
    this.#seen.add(origin);
    this.#audit
      .noteRefusedLogin({ origin, reason: code, correlationId: request.id })
      .catch((err: unknown) => this.#logger.warn({ err }, 'a refused login could not be written down'));
  }
}
