import { NO_CLAIMS } from './claims-request.ts';
import { EVERYBODY } from './directory.ts';
import type { Platform } from './platform.ts';
import { shortName } from './scopes.ts';
import { isTokenErrorName } from './token-errors.ts';
import type { TokenFailure } from './token-failures.ts';
import type { ClientRegistration } from './tokens.ts';

/** Whose token {@link SimulatedIdentity.accessToken} makes. */
export interface UserTokenRequest {
  /** Address or id of a mailbox. */
  user: string;
  /** Delegated permissions: `Calendars.ReadWrite`. */
  scopes: readonly string[];
  /** The first registered one unless given. */
  client?: ClientRegistration | string;
  /** The client declares `cp1`: a long life, and claims challenges. */
  isCaeCapable?: boolean;
}

/**
 * What administrators, users and policies do to sign-ins. Users are addresses or ids, applications client ids;
 * names nobody has are refused with an error.
 */
export class SimulatedIdentity {
  readonly #platform: Platform;
  readonly #commit: () => void;

  constructor(platform: Platform, commit: () => void) {
    this.#platform = platform;
    this.#commit = commit;
  }

  get clients(): readonly ClientRegistration[] {
    return this.#platform.directory.clients;
  }

  #userId(user: string): string {
    return this.#platform.world.mailbox(user).state.id;
  }

  #clientId(client: string | ClientRegistration | undefined): string {
    return this.#platform.directory.client(client).clientId;
  }

  // --- consent

  /** What a user (and an administrator, for everybody) allowed an application. */
  consents(user: string, client?: string | ClientRegistration): string[] {
    return this.#platform.directory.consentsOf(this.#userId(user), this.#clientId(client));
  }

  /** As if the user had accepted on the consent page. */
  grantConsent(user: string, scopes: readonly string[], client?: string | ClientRegistration): void {
    this.#platform.directory.grant(this.#userId(user), this.#clientId(client), scopes.map(shortName));
    this.#commit();
  }

  /** As if an administrator had accepted for everybody. */
  grantAdminConsent(scopes: readonly string[], client?: string | ClientRegistration): void {
    this.#platform.directory.grant(EVERYBODY, this.#clientId(client), scopes.map(shortName));
    this.#commit();
  }

  /** The next refresh answers 65001. Of one application, or of all; some permissions, or all. */
  revokeConsent(user: string, client?: string | ClientRegistration, scopes?: readonly string[]): void {
    this.#platform.directory.withdraw(this.#userId(user), {
      client: client === undefined ? undefined : this.#clientId(client),
      permissions: scopes?.map(shortName),
    });
    this.#commit();
  }

  revokeAdminConsent(client?: string | ClientRegistration, scopes?: readonly string[]): void {
    this.#platform.directory.withdraw(EVERYBODY, {
      client: client === undefined ? undefined : this.#clientId(client),
      permissions: scopes?.map(shortName),
    });
    this.#commit();
  }

  // --- people

  /** "Sign out everywhere", or an administrator's password reset: refresh answers 50173, CAE tokens are challenged. */
  revokeSessions(user: string): void {
    this.#platform.directory.revoke(this.#userId(user));
    this.#commit();
  }

  /** Refresh answers 50057. */
  disableUser(user: string): void {
    this.#setUsability(user, 'disabled');
  }

  /** The account may sign in again; what was revoked stays revoked. */
  enableUser(user: string): void {
    this.#platform.directory.setUsability(this.#userId(user), 'usable');
    this.#commit();
  }

  /** Refresh answers 50034. The mailbox stays, as in the first thirty days of a real one. */
  deleteUser(user: string): void {
    this.#setUsability(user, 'deleted');
  }

  #setUsability(user: string, usability: 'disabled' | 'deleted'): void {
    const id = this.#userId(user);
    this.#platform.directory.setUsability(id, usability);
    this.#platform.directory.revoke(id);
    this.#commit();
  }

  /**
   * Continuous access evaluation: every CAE token of this user, or of this application, is challenged on its next
   * call until one is requested with the claims of the challenge.
   *
   * @param subject  a user's address or id, or a client id
   */
  requireClaims(subject: string): void {
    this.#platform.directory.demandClaims(this.#subjectId(subject));
    this.#commit();
  }

  /** Takes {@link requireClaims} back. */
  forgetClaims(subject: string): void {
    this.#platform.directory.forgetDemand(this.#subjectId(subject));
    this.#commit();
  }

  #subjectId(subject: string): string {
    const isClient = this.clients.some(({ clientId }) => clientId === subject);
    return isClient ? subject : this.#userId(subject);
  }

  // --- credentials

  /** All secrets of an application expire: 7000222. */
  expireSecret(client?: string | ClientRegistration): void {
    const { directory } = this.#platform;
    const registration = directory.client(client);
    const secrets = directory.secretsOf(registration).map(({ value }) => ({ value, isExpired: true }));
    directory.setSecrets(registration.clientId, secrets);
    this.#commit();
  }

  /** @returns the new secret; the old ones are deleted unless they are to be kept for a while */
  rotateSecret(client?: string | ClientRegistration, o: { secret?: string; keepOld?: boolean } = {}): string {
    const { directory, world } = this.#platform;
    const registration = directory.client(client);
    const secret = o.secret ?? `simulated-secret-${world.hex(16)}`;
    const old = o.keepOld ? directory.secretsOf(registration) : [];
    directory.setSecrets(registration.clientId, [{ value: secret, isExpired: false }, ...old]);
    this.#commit();
    return secret;
  }

  /** Id tokens are signed with a new key from now on; the last two stay published. @returns its `kid` */
  rotateSigningKey(): string {
    const { kid } = this.#platform.directory.rotateSigningKey();
    this.#commit();
    return kid;
  }

  // --- weather

  /**
   * The next token requests (one, `count`, or all) fail in a named way, for everybody or for one user's grants.
   *
   * @throws {Error} for a name that is no refusal
   */
  failTokens(failure: TokenFailure): void {
    if (!isTokenErrorName(failure.name)) throw new Error(`${String(failure.name)} is no refusal of the token endpoint`);
    const { user, client } = failure;
    this.#platform.failures.add({
      ...failure,
      ...(user === undefined ? {} : { user: this.#userId(user) }),
      ...(client === undefined ? {} : { client: this.#clientId(client) }),
    });
  }

  clearFailures(): void {
    this.#platform.failures.clear();
  }

  // --- tokens

  /** An access token without the round trip, for a caller that tests something else. */
  accessToken(of?: ClientRegistration | UserTokenRequest): string {
    const { issuer, directory, world } = this.#platform;
    const token =
      of !== undefined && 'user' in of
        ? issuer.forUser({
            client: directory.client(of.client),
            user: world.mailbox(of.user),
            permissions: of.scopes.map(shortName),
            claims: { ...NO_CLAIMS, isCapable: of.isCaeCapable === true },
          })
        : issuer.forApplication(of ?? directory.client(undefined));
    this.#commit();
    return token.text;
  }
}
