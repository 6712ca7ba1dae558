import type { SimulatedRequest, SimulatedResponse } from '../http/http-types.ts';
import type { World } from '../mailbox/world.ts';
import { errorPage, formPostPage } from './pages.ts';
import { describeError, type IdentityError } from './token-errors.ts';
import type { ClientRegistration } from './tokens.ts';

export type ResponseMode = 'query' | 'fragment' | 'form_post';

/** Where the answer of an authorize request goes, once it is sure that it may go there. */
export interface ReturnAddress {
  readonly redirectUri: string;
  readonly mode: ResponseMode;
  readonly state: string | null;
}

/** Sends the browser back to the application. */
export function sendBack(
  to: ReturnAddress,
  values: Record<string, string>,
  headers: Record<string, string> = {},
): SimulatedResponse {
  const parameters = new Map(Object.entries(values));
  if (to.state !== null) parameters.set('state', to.state);
  if (to.mode === 'form_post') {
    const page = formPostPage(to.redirectUri, parameters);
    return { ...page, headers: { ...page.headers, ...headers } };
  }
  const url = new URL(to.redirectUri);
  if (to.mode === 'fragment') url.hash = new URLSearchParams([...parameters]).toString();
  else for (const [name, value] of parameters) url.searchParams.set(name, value);
  return { status: 302, headers: { location: url.href, 'cache-control': 'no-store, no-cache', ...headers } };
}

/** A refusal the application is told of. */
export function sendErrorBack(
  to: ReturnAddress,
  o: { world: World; error: IdentityError; request: SimulatedRequest; subcode?: string },
): SimulatedResponse {
  const { text, uri } = describeError(o.world, o.error, o.request);
  return sendBack(to, {
    error: o.error.error,
    ...(o.subcode === undefined ? {} : { error_subcode: o.subcode }),
    error_description: text,
    error_uri: uri,
    ...(o.error.more.claims === undefined ? {} : { claims: o.error.more.claims }),
  });
}

/** A refusal only the person in front of the browser is told of. */
export function showError(world: World, error: IdentityError, request: SimulatedRequest): SimulatedResponse {
  return errorPage(describeError(world, error, request).text, error.status);
}

/** Registered exactly as written; only the port of a loopback address may differ. */
export function isRegistered(client: ClientRegistration, redirectUri: string): boolean {
  if (!URL.canParse(redirectUri)) return false;
  const registered = [...(client.redirectUris ?? []), ...(client.spaRedirectUris ?? [])];
  if (registered.length === 0) return isLoopback(new URL(redirectUri));
  return registered.some((each) => isSameAddress(each, redirectUri));
}

export const isSpaAddress = (client: ClientRegistration, redirectUri: string): boolean =>
  (client.spaRedirectUris ?? []).some((each) => isSameAddress(each, redirectUri));

function isSameAddress(registered: string, given: string): boolean {
  if (registered === given) return true;
  if (!URL.canParse(registered)) return false;
  const [one, other] = [new URL(registered), new URL(given)];
  if (!isLoopback(one) || !isLoopback(other)) return false;
  one.port = '';
  other.port = '';
  return one.href === other.href;
}

const isLoopback = ({ protocol, hostname }: URL): boolean =>
  /^https?:$/.test(protocol) && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
