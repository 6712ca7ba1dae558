import { restartUrl } from '../calendar/delta-token.ts';
import { bodyText } from './answers.ts';
import { type DialectName, dialect } from './dialects.ts';
import type { ScriptedFault } from './faults.ts';
import { GraphError } from './graph-error.ts';
import type { SimulatedRequest, SimulatedResponse } from './http-types.ts';

/** What a bare status says. */
const BY_STATUS: Record<number, DialectName> = {
  401: 'token-expired',
  403: 'access-denied',
  404: 'item-not-found',
  409: 'conflict-409',
  410: 'sync-state-not-found',
  412: 'conflict-412',
  423: 'locked',
  429: 'too-many-requests',
  500: 'transient-error',
  503: 'service-not-available',
  507: 'quota-507',
  509: 'bandwidth-limit',
};

/**
 * The refusal a fault stands for: an answer when its body is not Graph's envelope, otherwise thrown.
 *
 * @throws {GraphError}
 */
export function refused(fault: ScriptedFault, fallback = 503): SimulatedResponse {
  const named = fault.like === undefined ? undefined : dialect(fault.like);
  const status = fault.status ?? named?.status ?? fallback;
  // A bare status has no headers of its own: whoever wants a Retry-After says which.
  const plain = named ?? (BY_STATUS[status] === undefined ? undefined : dialect(BY_STATUS[status]));
  const headers = { ...named?.headers, ...retryAfterOf(fault), ...fault.headers };
  if (fault.retryAfter === null) delete headers['retry-after'];
  const text = fault.text ?? (fault.body === undefined && fault.code === undefined ? named?.text : undefined);
  if (text !== undefined) return { status, headers, ...(text === '' ? {} : { text }) };
  if (fault.body !== undefined) return { status, headers, body: fault.body };
  const code = fault.code ?? plain?.code ?? 'UnknownError';
  const inner = named?.inner === undefined ? {} : { inner: named.inner };
  throw new GraphError(status, code, fault.message ?? plain?.message ?? '', { headers, ...inner });
}

function retryAfterOf({ retryAfter }: ScriptedFault): Record<string, string> {
  return retryAfter === undefined || retryAfter === null ? {} : { 'retry-after': String(retryAfter) };
}

/** @throws {GraphError} 401 that asks for a token with the claims it names */
export function challengeClaims(request: SimulatedRequest, nowMs: number): never {
  const wanted = { access_token: { nbf: { essential: true, value: String(Math.floor(nowMs / 1000)) } } };
  const claims = Buffer.from(JSON.stringify(wanted)).toString('base64');
  const challenge = `Bearer realm="", authorization_uri="${request.url.origin}/common/oauth2/authorize", error="insufficient_claims", claims="${claims}"`;
  throw new GraphError(
    401,
    'InvalidAuthenticationToken',
    'Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp',
    { headers: { 'www-authenticate': challenge } },
  );
}

/** A dead delta token. With `location`, the way to start again: the same window, an empty token. */
export function tokenDied(fault: ScriptedFault, request: SimulatedRequest): SimulatedResponse {
  const location = fault.location === true ? { location: restartUrl(request.url) } : {};
  const named = fault.like === undefined && fault.status === undefined ? { like: 'sync-state-not-found' as const } : {};
  return refused({ ...fault, ...named, headers: { ...location, ...fault.headers } });
}

/** A page that leads to itself. An answer that is no page stays as it is. */
export function repeated(page: SimulatedResponse, request: SimulatedRequest): SimulatedResponse {
  const body = listOf(page);
  if (body === undefined) return page;
  const { '@odata.deltaLink': _end, ...rest } = body;
  return withBody(page, { ...rest, '@odata.nextLink': request.url.href });
}

/** A round in which nothing happened; it begins again at the same place. */
export function silent(request: SimulatedRequest): SimulatedResponse {
  return {
    status: 200,
    headers: { 'cache-control': 'private' },
    body: {
      '@odata.context': `${request.url.origin}/v1.0/$metadata#Collection(event)`,
      value: [],
      '@odata.deltaLink': request.url.href,
    },
  };
}

export function doubled(page: SimulatedResponse): SimulatedResponse {
  const body = listOf(page);
  return body === undefined ? page : withBody(page, { ...body, value: [...body.value, ...body.value] });
}

function listOf(page: SimulatedResponse): (Record<string, unknown> & { value: unknown[] }) | undefined {
  if (page.body === undefined && page.json === undefined) return undefined;
  const read: unknown = page.body ?? JSON.parse(bodyText(page));
  if (typeof read !== 'object' || read === null || !Array.isArray((read as { value?: unknown }).value))
    return undefined;
  return read as Record<string, unknown> & { value: unknown[] };
}

function withBody({ status, headers }: SimulatedResponse, body: unknown): SimulatedResponse {
  return { status, headers, body };
}
