import type { SimulatedRequest, SimulatedResponse } from '../http/http-types.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import {
  type Asker,
  type AuthorizeRequest,
  readAsker,
  readAuthorizeRequest,
  readParameters,
} from './authorize-request.ts';
import { isPersonal } from './directory.ts';
import { consentPage } from './pages.ts';
import type { Platform } from './platform.ts';
import { sendBack, sendErrorBack, showError } from './redirects.ts';
import { areGranted } from './scopes.ts';
import { sessionCookie, signedInUser } from './sessions.ts';
import { IdentityError, tokenError } from './token-errors.ts';
import { clientInfo } from './token-issuer.ts';

/** The specification says ten minutes at most; Microsoft keeps to about that. */
const CODE_LIFETIME_MS = 600_000;

interface Visit extends Asker {
  readonly platform: Platform;
  readonly request: SimulatedRequest;
  readonly asked: AuthorizeRequest;
  readonly accounts: readonly Mailbox[];
  /** Who the application thinks it is. */
  readonly hinted: Mailbox | undefined;
}

/** `/{tenant}/oauth2/v2.0/authorize`: GET by the application, POST by its consent page (or by the application). */
export function answerAuthorize(request: SimulatedRequest, segment: string, platform: Platform): SimulatedResponse {
  const { world } = platform;
  const parameters = readParameters(request);
  let asker: Asker;
  try {
    asker = readAsker(platform, segment, parameters);
  } catch (error) {
    if (error instanceof IdentityError) return showError(world, error, request);
    throw error;
  }
  try {
    const asked = readAuthorizeRequest(asker, parameters);
    const accounts = hintedAccounts(platform, asker, asked);
    const hinted = asked.loginHint === undefined ? undefined : find(accounts, asked.loginHint);
    const visit: Visit = { ...asker, platform, request, asked, accounts, hinted };
    const decision = parameters.get('decision');
    if (request.method === 'POST' && decision !== null) return decide(visit, decision, parameters.get('account'));
    if (asked.prompt === 'none') return silently(visit);
    return world.switches.autoConsent ? byItself(visit) : ask(visit);
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    const subcode = error.number === DECLINED ? { subcode: 'cancel' } : {};
    return sendErrorBack(asker.to, { world, error, request, ...subcode });
  }
}

const DECLINED = 65004;

const declined = () => new IdentityError(400, 'access_denied', DECLINED, 'User declined to consent to access the app.');

function hintedAccounts({ directory }: Platform, { tenant }: Asker, { domainHint }: AuthorizeRequest): Mailbox[] {
  const all = directory.accounts(tenant);
  if (domainHint === undefined) return all;
  if (domainHint === 'organizations' || domainHint === 'consumers') {
    return all.filter((user) => isPersonal(user) === (domainHint === 'consumers'));
  }
  const there = all.filter(({ state }) => state.address.toLowerCase().endsWith(`@${domainHint.toLowerCase()}`));
  return there.length === 0 ? all : there;
}

const find = (accounts: readonly Mailbox[], key: string | null): Mailbox | undefined =>
  accounts.find(({ state }) => [state.id, state.address].some((each) => each.toLowerCase() === key?.toLowerCase()));

function decide(visit: Visit, decision: string, account: string | null): SimulatedResponse {
  if (decision !== 'accept') throw declined();
  const user = find(visit.accounts, account);
  if (user === undefined) return showError(visit.platform.world, tokenError('user-unknown'), visit.request);
  if (!mayConsent(visit, user)) throw declined();
  return signIn(visit, user);
}

/** Nobody is asked: somebody who tests an application has no time for pages. */
function byItself(visit: Visit): SimulatedResponse {
  const user = visit.asked.loginHint === undefined ? visit.accounts[0] : visit.hinted;
  if (user === undefined) return showError(visit.platform.world, tokenError('user-unknown'), visit.request);
  if (!mayConsent(visit, user)) {
    throw new IdentityError(400, 'access_denied', 90094, 'The grant requires administrator permission.');
  }
  return signIn(visit, user);
}

/** `prompt=none`: an answer at once, or why there is none. */
function silently(visit: Visit): SimulatedResponse {
  const { platform, request, asked, hinted } = visit;
  const isAutomatic = platform.world.switches.autoConsent;
  const session = signedInUser(platform, request) ?? (isAutomatic ? (hinted ?? visit.accounts[0]) : undefined);
  if (session === undefined) {
    const text = 'Session information is not sufficient for single-sign-on.';
    throw new IdentityError(400, 'login_required', 50058, text);
  }
  if ((asked.loginHint !== undefined && hinted !== session) || !visit.accounts.includes(session)) {
    const text =
      'Either multiple user identities are available for the current request or selected account is not supported for the scenario.';
    throw new IdentityError(400, 'interaction_required', 16000, text);
  }
  if (platform.directory.usability(session.state.id) === 'disabled') {
    throw new IdentityError(400, 'interaction_required', 50057, 'The user account is disabled.');
  }
  if (!hasConsent(visit, session)) {
    const text = `The user or administrator has not consented to use the application with ID '${visit.client.clientId}'. Send an interactive authorization request for this user and resource.`;
    throw new IdentityError(400, 'consent_required', 65001, text);
  }
  return signIn(visit, session);
}

function ask(visit: Visit): SimulatedResponse {
  const { platform, request, client, asked, accounts, hinted } = visit;
  const session = signedInUser(platform, request);
  const isExpected = session !== undefined && accounts.includes(session) && (hinted ?? session) === session;
  if (asked.prompt === undefined && isExpected && hasConsent(visit, session)) return signIn(visit, session);
  const selected = hinted ?? (isExpected ? session : accounts.length === 1 ? accounts[0] : undefined);
  const { url } = request;
  // A posted request's parameters go on in the form's address: the page has no other memory.
  const query = request.method === 'POST' ? `?${readParameters(request)}` : url.search;
  return consentPage({
    action: url.pathname + query,
    application: client.displayName ?? client.clientId,
    accounts: accounts.map(({ state }) => state),
    selected: selected?.state.id,
    permissions: asked.scopes.written,
    isForAdministrators: accounts.every((user) => !mayConsent(visit, user)),
  });
}

function hasConsent({ platform, client, asked }: Visit, user: Mailbox): boolean {
  const granted = platform.directory.consentsOf(user.state.id, client.clientId);
  return granted.length > 0 && areGranted(asked.scopes.permissions, granted);
}

const mayConsent = (visit: Visit, user: Mailbox): boolean =>
  visit.platform.world.switches.userConsent === 'allowed' || hasConsent(visit, user);

function signIn(visit: Visit, user: Mailbox): SimulatedResponse {
  const { platform, client, asked, to, request } = visit;
  const { directory, world } = platform;
  if (directory.usability(user.state.id) !== 'usable') return showError(world, tokenError('user-disabled'), request);
  if (!hasConsent(visit, user) || asked.prompt === 'consent') {
    const openId = asked.scopes.written.filter((scope) => /^(openid|profile|email|offline_access)$/i.test(scope));
    directory.grant(user.state.id, client.clientId, [...openId, ...asked.scopes.permissions]);
  }
  const code = directory.addCode({
    client: client.clientId,
    user: user.state.id,
    redirectUri: to.redirectUri,
    scope: asked.scopes.written.join(' '),
    challenge: asked.challenge,
    method: asked.method,
    nonce: asked.nonce,
    claims: asked.claims,
    isSpa: asked.isSpa,
    expiresMs: world.now() + CODE_LIFETIME_MS,
  });
  return sendBack(
    to,
    {
      code,
      ...(asked.wantsClientInfo ? { client_info: clientInfo(user, client) } : {}),
      session_state: user.state.id,
    },
    { 'set-cookie': sessionCookie(platform, user) },
  );
}
