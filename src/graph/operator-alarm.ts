import type { Logger } from '../core/runtime.ts';

/** Errors that nobody but the operator can do anything about, whoever's token was asked for. */
const ALARMING = new Set(['invalid_client', 'unauthorized_client']);

/**
 * Whether Microsoft refuses the application itself: its secret has expired, its registration is gone. Nothing works then,
 * for nobody, and no user can help. Told by the last word of the identity platform to this process.
 */
export class OperatorAlarm {
  readonly #logger: Logger;
  #reason: string | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** What Microsoft said, while it holds; for health checks and metrics. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Every answer of the token endpoint; those about people's grants change nothing. */
  note(answer: { readonly error?: unknown; readonly error_codes?: unknown; readonly access_token?: unknown }): void {
    const { error, error_codes: codes } = answer;
    if (typeof answer.access_token === 'string') {
      if (this.#reason !== undefined) this.#logger.info({}, 'Microsoft accepts the application again');
      this.#reason = undefined;
    } else if (typeof error === 'string' && ALARMING.has(error)) {
      // Once for each time it goes wrong: the loop that tries again would fill the log.
      if (this.#reason !== error) {
        this.#logger.error(
          { error, codes },
          'Microsoft refuses the application itself: check GRAPH_CLIENT_ID, GRAPH_TENANT_ID and the secret or certificate',
        );
      }
      this.#reason = error;
    }
  }
}
