import type { SimulatedRequest, SimulatedResponse } from '../http/http-types.ts';
import { readAsker, readParameters } from './authorize-request.ts';
import { EVERYBODY } from './directory.ts';
import { escapeHtml, htmlPage } from './pages.ts';
import type { Platform } from './platform.ts';
import { isRegistered, sendBack, sendErrorBack, showError } from './redirects.ts';
import { isOidcScope, readScopes } from './scopes.ts';
import { endedSessionCookie } from './sessions.ts';
import { IdentityError } from './token-errors.ts';

/** `/{tenant}/v2.0/adminconsent`: an administrator consents for everybody ("v2-admin-consent"). */
export function answerAdminConsent(request: SimulatedRequest, segment: string, platform: Platform): SimulatedResponse {
  const { world, directory } = platform;
  const parameters = readParameters(request);
  try {
    const { client, to } = readAsker(platform, segment, parameters);
    const asked = readScopes(parameters.get('scope') ?? 'https://graph.microsoft.com/.default');
    const decision =
      parameters.get('decision') ?? (request.method === 'GET' && world.switches.autoConsent ? 'accept' : null);
    if (decision === null) {
      const query = request.method === 'POST' ? `?${parameters}` : request.url.search;
      return adminPage(request.url.pathname + query, client.displayName ?? client.clientId, asked.written);
    }
    const outcome = { admin_consent: 'True', tenant: client.tenantId };
    if (decision !== 'accept') {
      const error = new IdentityError(400, 'access_denied', 65004, 'User declined to consent to access the app.');
      const answer = sendErrorBack({ ...to, mode: 'query' }, { world, error, request });
      return withQuery(answer, outcome);
    }
    const openId = asked.written.filter(isOidcScope);
    directory.grant(EVERYBODY, client.clientId, [...openId, ...asked.permissions]);
    return sendBack({ ...to, mode: 'query' }, { ...outcome, scope: asked.written.join(' ') });
  } catch (error) {
    if (error instanceof IdentityError) return showError(world, error, request);
    throw error;
  }
}

function withQuery(answer: SimulatedResponse, values: Record<string, string>): SimulatedResponse {
  const url = new URL(answer.headers['location'] ?? '');
  for (const [name, value] of Object.entries(values)) url.searchParams.set(name, value);
  return { ...answer, headers: { ...answer.headers, location: url.href } };
}

const adminPage = (action: string, application: string, permissions: readonly string[]): SimulatedResponse =>
  htmlPage({
    title: 'Permissions requested: review for your organization',
    body: `<form method="post" action="${escapeHtml(action)}">
<p>${escapeHtml(application)} would like, for everybody in the organization:</p>
<ul>
${permissions.map((name) => `<li>${escapeHtml(name)}</li>`).join('\n')}
</ul>
<button type="submit" name="decision" value="accept">Accept</button>
<button type="submit" name="decision" value="cancel">Cancel</button>
</form>`,
  });

/** `/{tenant}/oauth2/v2.0/logout`: ends the browser's session; tokens live on. */
export function answerLogout(request: SimulatedRequest, { directory }: Platform): SimulatedResponse {
  const parameters = readParameters(request);
  const target = parameters.get('post_logout_redirect_uri');
  const headers = { 'set-cookie': endedSessionCookie };
  if (target === null || !directory.clients.some((client) => isRegistered(client, target))) {
    return htmlPage(
      { title: 'You signed out of your account', body: '<p>You may close this window.</p>' },
      200,
      headers,
    );
  }
  return sendBack({ redirectUri: target, mode: 'query', state: parameters.get('state') }, {}, headers);
}
