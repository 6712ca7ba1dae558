import { errors, type JWTPayload, type JWTVerifyOptions, type JWTVerifyResult, jwtVerify } from 'jose';
import { SyncError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import type { Clock, Fetch } from '../core/runtime.ts';
import { KeySet } from './key-set.ts';
import { HttpProblem } from './problem.ts';
import type { Caller, Role, TokenRules } from './services.ts';

/** A secret that two parties share signs with this one only. */
const SECRET_ALGORITHMS = ['HS256'];
/** Public keys verify these only: a token "signed" with a public key as if it were a secret is refused by name. */
const KEY_SET_ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
/** How far the clocks of the token's issuer and ours may differ. */
const CLOCK_SKEW_SECONDS = 30;
const USER_ID_LENGTH = 255;
/** Identity providers that put somebody's three hundred groups into a token stay below it. */
const TOKEN_LENGTH = 12 * 1024;
/** What a token for an API calls itself (RFC 7519, RFC 9068), if it says anything: not one for logging out, or of a proof. */
const TOKEN_TYPES = ['jwt', 'at+jwt'];
const MAX_ROLES = 100;
/** The longest address there is (RFC 5321). */
const ADDRESS_LENGTH = 254;
const ROLES: readonly Role[] = ['user', 'operator', 'admin'];
const MAILBOX_CLAIMS = ['email', 'preferred_username', 'upn'];
const CHALLENGE = 'Bearer realm="graph-calendar-sync"';

/** Tells who calls from the JWT they bring. */
export class TokenVerifier {
  readonly #rules: TokenRules;
  readonly #secret: Uint8Array | undefined;
  readonly #keySet: KeySet | undefined;
  readonly #clock: Clock;

  constructor(parts: { rules: TokenRules; clock: Clock; fetch: Fetch }) {
    const { rules, clock, fetch } = parts;
    this.#rules = rules;
    this.#clock = clock;
    this.#secret = rules.secret === undefined ? undefined : new TextEncoder().encode(rules.secret);
    this.#keySet = rules.jwksUrl === undefined ? undefined : new KeySet({ url: rules.jwksUrl, fetch, clock });
  }

  /**
   * @param authorization  the request's `Authorization` header
   * @throws {HttpProblem} 401 `TOKEN_MISSING`, `TOKEN_EXPIRED` or `TOKEN_INVALID`
   * @throws {SyncError} `unavailable` when the key server does not answer
   */
  async verify(authorization: string | undefined): Promise<Caller> {
    const token = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization ?? '')?.[1];
    if (!token) {
      throw new HttpProblem(401, 'TOKEN_MISSING', 'this needs a token: Authorization: Bearer <JWT>', {
        headers: { 'www-authenticate': CHALLENGE },
      });
    }
    if (token.length > TOKEN_LENGTH) throw invalid(`it is longer than ${TOKEN_LENGTH} characters`);
    try {
      return callerOf(await this.#payloadOf(token));
    } catch (error) {
      throw refusalOf(error);
    }
  }

  async #payloadOf(token: string): Promise<JWTPayload> {
    const { issuer, audience } = this.#rules;
    const options: JWTVerifyOptions = {
      currentDate: this.#clock.now(),
      clockTolerance: CLOCK_SKEW_SECONDS,
      requiredClaims: ['exp', 'sub'],
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
    };
    if (this.#keySet) {
      const verified = await jwtVerify(token, this.#keySet.find, { ...options, algorithms: KEY_SET_ALGORITHMS });
      return payloadForUs(verified);
    }
    if (!this.#secret) {
      throw new SyncError(
        'misconfigured',
        'neither JWT_SECRET nor JWT_JWKS_URL is set, so that no token can be verified',
      );
    }
    return payloadForUs(await jwtVerify(token, this.#secret, { ...options, algorithms: SECRET_ALGORITHMS }));
  }
}

/** A token of the same issuer that was made for something else is none for this. */
function payloadForUs({ payload, protectedHeader }: JWTVerifyResult): JWTPayload {
  const { typ } = protectedHeader;
  const type = typ?.toLowerCase().replace(/^application\//, '');
  if (type !== undefined && !TOKEN_TYPES.includes(type))
    throw invalid('its header typ is not that of a token for an API');
  return payload;
}

function callerOf(payload: JWTPayload): Caller {
  const { sub, roles } = payload;
  if (typeof sub !== 'string' || sub.trim() === '' || sub.length > USER_ID_LENGTH || sub.includes('\0')) {
    throw invalid(`its claim sub must be a user's id, 1 to ${USER_ID_LENGTH} characters`);
  }
  const named = Array.isArray(roles) ? roles.slice(0, MAX_ROLES) : [roles];
  const known = ROLES.filter((role) => named.includes(role));
  const mailboxes = MAILBOX_CLAIMS.map((claim) => payload[claim])
    .filter((value) => typeof value === 'string')
    .map((value) => value.trim().toLowerCase())
    .filter((value) => value.includes('@') && value.length <= ADDRESS_LENGTH);
  return { userId: sub as UserId, roles: known.length > 0 ? known : ['user'], mailboxes: [...new Set(mailboxes)] };
}

function refusalOf(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) {
    return unauthorized('TOKEN_EXPIRED', 'the token has expired', error);
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    return invalid(
      `its claim ${error.claim} is ${error.reason === 'missing' ? 'missing' : 'not what it must be'}`,
      error,
    );
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return invalid('its algorithm is not accepted here', error);
  if (error instanceof errors.JWSSignatureVerificationFailed) return invalid('its signature is wrong', error);
  if (error instanceof errors.JWKSNoMatchingKey) return invalid('it was signed with an unknown key', error);
  if (error instanceof errors.JWKSMultipleMatchingKeys) return invalid('its header must name its key (kid)', error);
  if (error instanceof errors.JOSEError || error instanceof TypeError) return invalid('it is not a signed JWT', error);
  return error;
}

function invalid(why: string, cause?: unknown): HttpProblem {
  return unauthorized('TOKEN_INVALID', `the token is refused: ${why}`, cause);
}

function unauthorized(code: string, detail: string, cause?: unknown): HttpProblem {
  const description = detail.replaceAll('"', "'");
  return new HttpProblem(401, code, detail, {
    cause,
    headers: { 'www-authenticate': `${CHALLENGE}, error="invalid_token", error_description="${description}"` },
  });
}
