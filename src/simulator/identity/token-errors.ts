import type { SimulatedRequest, SimulatedResponse } from '../http/http-types.ts';
import type { World } from '../mailbox/world.ts';

/** A refusal of the identity platform (Microsoft identity platform "error codes"). */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
  readonly status: number;
  readonly error: string;
  /** The AADSTS number. */
  readonly number: number;
  readonly more: IdentityErrorMembers;

  constructor(status: number, error: string, number: number, text: string, more: IdentityErrorMembers = {}) {
    super(text);
    this.status = status;
    this.error = error;
    this.number = number;
    this.more = more;
  }
}

/** Members some refusals have besides. */
export interface IdentityErrorMembers {
  suberror?: string;
  /** JSON as text, to be passed on with the next sign-in. */
  claims?: string;
}

interface NamedError {
  readonly error: string;
  readonly number: number;
  readonly text: string;
  readonly suberror?: string;
  readonly status?: number;
  /** A Conditional Access refusal says which claims the next token must have. */
  readonly hasClaims?: true;
}

/** Refusals that something outside a request decides: a password change, a policy, an outage. */
const NAMED = {
  'grant-expired': {
    error: 'invalid_grant',
    number: 70008,
    text: 'The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.',
  },
  'refresh-token-inactive': {
    error: 'invalid_grant',
    number: 700082,
    text: 'The refresh token has expired due to inactivity.',
    suberror: 'bad_token',
  },
  'spa-token-expired': {
    error: 'invalid_grant',
    number: 700084,
    text: 'The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which cannot be extended. It is now expired and a new sign in request must be sent by the SPA to the sign in page.',
  },
  revoked: {
    error: 'invalid_grant',
    number: 50173,
    text: 'The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.',
  },
  'consent-missing': {
    error: 'invalid_grant',
    number: 65001,
    text: 'The user or administrator has not consented to use the application. Send an interactive authorization request for this user and resource.',
    suberror: 'consent_required',
  },
  'admin-consent-missing': {
    error: 'invalid_grant',
    number: 90094,
    text: 'The grant requires administrator permission.',
    suberror: 'consent_required',
  },
  'admin-consent-requested': {
    error: 'invalid_grant',
    number: 90095,
    text: 'Admin consent is required for the permissions requested by this application. An admin consent request may be sent to the admin.',
    suberror: 'consent_required',
  },
  'mfa-required': {
    error: 'invalid_grant',
    number: 50076,
    text: "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '00000003-0000-0000-c000-000000000000'.",
    suberror: 'basic_action',
    hasClaims: true,
  },
  'mfa-enrollment-required': {
    error: 'invalid_grant',
    number: 50079,
    text: "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access '00000003-0000-0000-c000-000000000000'.",
    suberror: 'basic_action',
    hasClaims: true,
  },
  'mfa-expired': {
    error: 'invalid_grant',
    number: 50078,
    text: 'Presented multi-factor authentication has expired due to policies configured by your administrator, you must refresh your multi-factor authentication to access the resource.',
    suberror: 'basic_action',
    hasClaims: true,
  },
  'external-challenge': {
    error: 'interaction_required',
    number: 50158,
    text: 'External security challenge not satisfied. User will be redirected to another page or authentication provider to satisfy additional authentication challenges.',
    hasClaims: true,
  },
  'conditional-access': {
    error: 'invalid_grant',
    number: 53003,
    text: 'Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.',
    suberror: 'message_only',
    hasClaims: true,
  },
  'code-redeemed': {
    error: 'invalid_grant',
    number: 54005,
    text: 'OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.',
  },
  'pkce-mismatch': {
    error: 'invalid_grant',
    number: 501481,
    text: 'The Code_Verifier does not match the code_challenge supplied in the authorization request.',
  },
  'user-unknown': {
    error: 'invalid_grant',
    number: 50034,
    text: 'The user account does not exist in the directory. To sign into this application, the account must be added to the directory.',
  },
  'user-disabled': { error: 'invalid_grant', number: 50057, text: 'The user account is disabled.' },
  'user-of-other-tenant': {
    error: 'invalid_grant',
    number: 50020,
    text: 'User account from identity provider does not exist in the tenant and cannot access the application in that tenant. The account needs to be added as an external user in the tenant first. Sign out and sign in again with a different user account.',
  },
  'secret-wrong': {
    error: 'invalid_client',
    number: 7000215,
    text: 'Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.',
  },
  'secret-expired': {
    error: 'invalid_client',
    number: 7000222,
    text: 'The provided client secret keys are expired. Create new keys for the application to resolve this issue.',
  },
  'app-unknown': {
    error: 'unauthorized_client',
    number: 700016,
    text: 'Application was not found in the directory.',
  },
  'app-disabled': { error: 'unauthorized_client', number: 7000112, text: 'Application is disabled.' },
  unavailable: {
    error: 'temporarily_unavailable',
    number: 90033,
    text: 'A transient error has occurred. Please try again.',
    status: 503,
  },
  'server-error': {
    error: 'server_error',
    number: 90033,
    text: 'A transient error has occurred. Please try again.',
    status: 500,
  },
  'tenant-unknown': {
    error: 'invalid_request',
    number: 90002,
    text: 'Tenant not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.',
  },
  'client-loop': {
    error: 'invalid_request',
    number: 50196,
    text: 'The server terminated an operation because it encountered a client request loop. Please contact your app vendor.',
  },
} as const satisfies Record<string, NamedError>;

/** The refusals a script can name. */
export type TokenErrorName = keyof typeof NAMED;

/** What Conditional Access asks for, unless a script says otherwise. */
const POLICY_CLAIMS = JSON.stringify({
  access_token: { capolids: { essential: true, values: ['33333333-3333-4333-8333-333333333333'] } },
});

export const isTokenErrorName = (name: string): name is TokenErrorName => Object.hasOwn(NAMED, name);

/** @param change  another wording, or other members, than the usual ones */
export function tokenError(
  name: TokenErrorName,
  change: IdentityErrorMembers & { text?: string; error?: string } = {},
): IdentityError {
  const { error, number, text, suberror, status, hasClaims }: NamedError = NAMED[name];
  const claims = change.claims ?? (hasClaims ? POLICY_CLAIMS : undefined);
  const sub = change.suberror ?? suberror;
  return new IdentityError(
    status ?? (error === 'invalid_client' ? 401 : 400),
    change.error ?? error,
    number,
    change.text ?? text,
    {
      ...(sub === undefined || sub === '' ? {} : { suberror: sub }),
      ...(claims === undefined ? {} : { claims }),
    },
  );
}

export const malformedRequest = (error = 'invalid_request'): IdentityError =>
  new IdentityError(400, error, 9002313, 'Invalid request. Request is malformed or invalid.');

export const missingParameter = (name: string): IdentityError =>
  new IdentityError(
    400,
    'invalid_request',
    900144,
    `The request body must contain the following parameter: '${name}'.`,
  );

/** The sentence every refusal tells people, with the ids their administrator needs. */
export function describeError(world: World, error: IdentityError, request: SimulatedRequest) {
  const timestamp = new Date(world.now()).toISOString().slice(0, 19).replace('T', ' ').concat('Z');
  const trace = world.guid();
  const correlation = request.headers['client-request-id'] ?? world.guid();
  const text = `AADSTS${error.number}: ${error.message} Trace ID: ${trace} Correlation ID: ${correlation} Timestamp: ${timestamp}`;
  return { text, timestamp, trace, correlation, uri: `${request.url.origin}/error?code=${error.number}` };
}

/** A refusal as the token endpoint answers it. */
export function answerError(world: World, error: IdentityError, request: SimulatedRequest): SimulatedResponse {
  const { text, timestamp, trace, correlation, uri } = describeError(world, error, request);
  return identityJson(error.status, {
    error: error.error,
    error_description: text,
    error_codes: [error.number],
    timestamp,
    trace_id: trace,
    correlation_id: correlation,
    error_uri: uri,
    ...error.more,
  });
}

export const identityJson = (status: number, body: object): SimulatedResponse => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store, no-cache' },
  body,
});
