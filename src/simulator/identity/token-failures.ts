import { type IdentityErrorMembers, type TokenErrorName, tokenError } from './token-errors.ts';

/** A scripted refusal of the token endpoint. */
export interface TokenFailure extends IdentityErrorMembers {
  name: TokenErrorName;
  /** Address or id: only this user's grants fail. */
  user?: string;
  /** Only this application's requests fail. */
  client?: string;
  /** How many requests it hits; 1 unless said otherwise, `all` until it is cleared. */
  count?: number | 'all';
  /** Another `error` than the usual one: the platform's versions differ (`interaction_required`). */
  error?: string;
}

/** The script: first match wins, each failure is used up. */
export class TokenFailures {
  #failures: { failure: TokenFailure; left: number }[] = [];

  add(failure: TokenFailure): void {
    this.#failures.push({ failure, left: failure.count === 'all' ? Number.POSITIVE_INFINITY : (failure.count ?? 1) });
  }

  clear(): void {
    this.#failures = [];
  }

  /**
   * @param target.user  nobody, as long as the request has not said whose grant it brings
   * @throws {IdentityError} what the script wants
   */
  strike(target: { client: string; user?: string }): void {
    const hit = this.#failures.find(
      ({ failure }) =>
        failure.user?.toLowerCase() === target.user?.toLowerCase() &&
        (failure.client === undefined || failure.client.toLowerCase() === target.client.toLowerCase()),
    );
    if (hit === undefined) return;
    hit.left -= 1;
    if (hit.left <= 0) this.#failures = this.#failures.filter((each) => each !== hit);
    throw tokenError(hit.failure.name, hit.failure);
  }
}
