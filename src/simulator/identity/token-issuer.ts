import type { Mailbox } from '../mailbox/mailbox.ts';
import type { World } from '../mailbox/world.ts';
import { seededRandom } from '../runtime.ts';
import { type ClaimsRequest, NO_CLAIMS } from './claims-request.ts';
import { type Directory, tenantIdOf } from './directory.ts';
import { readScopes } from './scopes.ts';
import { signJwt } from './signing-keys.ts';
import { type ClientRegistration, DEFAULT_ROLES, signToken } from './tokens.ts';

/** A simulator whose tokens live so long was not told how long they should: CAE may lengthen it. */
export const DEFAULT_LIFETIME_SECONDS = 3599;

/** Tokens of clients that can be challenged live 24 to 28 hours (Microsoft Entra "continuous access evaluation"). */
const LONG_LIFETIME_SECONDS = 24 * 3600;
const LONG_LIFETIME_SPREAD_SECONDS = 4 * 3600;

const ID_TOKEN_SECONDS = 3600;
export const SPA_LIFETIME_MS = 24 * 3_600_000;

export interface IssuedToken {
  text: string;
  seconds: number;
}

/** What a refresh token says of itself: it is signed, not stored, so that old ones stay good. */
export interface RefreshGrant {
  client: string;
  user: string;
  /** As it was asked for. */
  scope: string;
  seq: number;
  issuedMs: number;
  /** When a single-page application's dies, used or not. */
  diesMs?: number;
}

export interface UserGrant {
  client: ClientRegistration;
  user: Mailbox;
  permissions: readonly string[];
  claims?: ClaimsRequest;
}

/** Makes the platform's tokens. */
export class TokenIssuer {
  readonly #directory: Directory;
  readonly #lifetimeSeconds: () => number;
  /** Of its own: how long a token lives is stored nowhere. */
  readonly #next: () => number;

  constructor(directory: Directory, o: { lifetimeSeconds: () => number; seed: number }) {
    this.#directory = directory;
    this.#lifetimeSeconds = o.lifetimeSeconds;
    this.#next = seededRandom(o.seed + 4);
  }

  get #world(): World {
    return this.#directory.world;
  }

  forApplication(client: ClientRegistration, claims: ClaimsRequest = NO_CLAIMS): IssuedToken {
    const roles = [...(client.roles ?? DEFAULT_ROLES)];
    const facts = {
      appid: client.clientId,
      tid: client.tenantId,
      ...(roles.length === 0 ? {} : { roles }),
      idtyp: 'app' as const,
    };
    return this.#issue(facts, client.clientId, claims);
  }

  forUser({ client, user, permissions, claims = NO_CLAIMS }: UserGrant): IssuedToken {
    const facts = {
      appid: client.clientId,
      tid: tenantIdOf(user, client),
      oid: user.state.id,
      scp: permissions.join(' '),
      idtyp: 'user' as const,
    };
    return this.#issue(facts, user.state.id, claims);
  }

  #issue(facts: Omit<Parameters<typeof signToken>[1], 'seq'>, subject: string, claims: ClaimsRequest): IssuedToken {
    const seconds = this.#secondsFor(claims);
    const demand = this.#directory.demandOf(subject);
    const isMet = demand !== undefined && (claims.notBefore ?? 0) >= Math.floor(demand.atMs / 1000);
    const text = signToken(
      this.#world,
      {
        ...facts,
        ...(claims.isCapable ? { xms_cc: ['cp1'] } : {}),
        seq: this.#directory.nextInOrder(),
        ...(isMet ? { met: demand.seq } : {}),
      },
      seconds,
    );
    return { text, seconds };
  }

  #secondsFor({ isCapable }: ClaimsRequest): number {
    const seconds = this.#lifetimeSeconds();
    if (!isCapable || seconds !== DEFAULT_LIFETIME_SECONDS) return seconds;
    return LONG_LIFETIME_SECONDS + Math.floor(this.#next() * LONG_LIFETIME_SPREAD_SECONDS);
  }

  /** Who signed in, for the application (OpenID Connect): never for Graph. */
  idToken(o: {
    client: ClientRegistration;
    user: Mailbox;
    origin: string;
    scope: string;
    nonce: string | null;
  }): string {
    const { client, user, origin, scope, nonce } = o;
    const { id, name, address } = user.state;
    const tid = tenantIdOf(user, client);
    const now = Math.floor(this.#world.now() / 1000);
    const has = (wanted: string) => readScopes(scope).written.some((each) => each.toLowerCase() === wanted);
    return signJwt(this.#directory.signingKeys[0]!, {
      aud: client.clientId,
      iss: `${origin}/${tid}/v2.0`,
      iat: now,
      nbf: now,
      exp: now + ID_TOKEN_SECONDS,
      ...(has('email') ? { email: address } : {}),
      ...(has('profile') ? { name, preferred_username: address } : {}),
      ...(nonce === null ? {} : { nonce }),
      oid: id,
      sub: this.subject(client.clientId, id),
      tid,
      ver: '2.0',
    });
  }

  /** Pairwise: the same person is somebody else for every application. */
  subject(clientId: string, userId: string): string {
    return this.#world.sign(`subject ${clientId} ${userId}`);
  }

  refreshToken(grant: Omit<RefreshGrant, 'seq' | 'issuedMs'>): string {
    const full: RefreshGrant = { ...grant, seq: this.#directory.nextInOrder(), issuedMs: this.#world.now() };
    const text = Buffer.from(JSON.stringify(full)).toString('base64url');
    return `1.${text}.${this.#world.sign(`refresh ${text}`)}`;
  }

  /** @returns undefined for what this platform never issued */
  readRefreshToken(token: string): RefreshGrant | undefined {
    const [version, text = '', signature = ''] = token.split('.');
    if (version !== '1' || !this.#world.isSigned(`refresh ${text}`, signature)) return undefined;
    return JSON.parse(Buffer.from(text, 'base64url').toString()) as RefreshGrant;
  }
}

/** Who an account is, as MSAL wants to be told. */
export const clientInfo = (user: Mailbox, client: ClientRegistration): string =>
  Buffer.from(JSON.stringify({ uid: user.state.id, utid: tenantIdOf(user, client) })).toString('base64url');
