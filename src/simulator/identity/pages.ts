import type { SimulatedResponse } from '../http/http-types.ts';

/** What people see of the identity platform: plain pages without scripts, operable by any HTML form client. */

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

export const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (each) => ESCAPES[each]!);

export function htmlPage(
  o: { title: string; body: string; script?: true },
  status = 200,
  headers: Record<string, string> = {},
): SimulatedResponse {
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store, no-cache',
      'content-security-policy': `default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'${o.script ? "; script-src 'unsafe-inline'" : ''}`,
      'x-content-type-options': 'nosniff',
      ...headers,
    },
    text: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(o.title)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:28rem;margin:3rem auto;padding:0 1rem}label{display:block}button{margin-right:.5rem}</style>
</head>
<body>
<main>
<h1>${escapeHtml(o.title)}</h1>
${o.body}
</main>
</body>
</html>
`,
  };
}

export interface ConsentForm {
  /** Where the form is posted to: the authorize address with its query. */
  action: string;
  application: string;
  accounts: readonly { id: string; name: string; address: string }[];
  /** Marked already. */
  selected: string | undefined;
  permissions: readonly string[];
  /** Only an administrator may accept. */
  isForAdministrators: boolean;
}

/** Account and permissions in one step; Microsoft asks in two or three. */
export function consentPage(o: ConsentForm): SimulatedResponse {
  const accounts = o.accounts.map(
    ({ id, name, address }) =>
      `<label><input type="radio" name="account" value="${escapeHtml(id)}"${id === o.selected ? ' checked' : ''} required> ${escapeHtml(name)} &lt;${escapeHtml(address)}&gt;</label>`,
  );
  const permissions = o.permissions.map((name) => `<li>${escapeHtml(name)}</li>`);
  const accept = o.isForAdministrators
    ? '<p>Need admin approval: only an administrator can grant these permissions.</p>'
    : '<button type="submit" name="decision" value="accept">Accept</button>';
  return htmlPage({
    title: 'Permissions requested',
    body: `<form method="post" action="${escapeHtml(o.action)}">
<fieldset>
<legend>Pick an account</legend>
${accounts.length === 0 ? '<p>No account belongs here.</p>' : accounts.join('\n')}
</fieldset>
<p>${escapeHtml(o.application)} would like to:</p>
<ul>
${permissions.join('\n')}
</ul>
${accounts.length === 0 ? '' : accept}
<button type="submit" name="decision" value="cancel" formnovalidate>Cancel</button>
</form>`,
  });
}

/** A refusal that must not go to an address nobody registered. */
export const errorPage = (description: string, status = 400): SimulatedResponse =>
  htmlPage(
    {
      title: 'Sign in',
      body: `<p>Sorry, but we’re having trouble signing you in.</p>\n<p>${escapeHtml(description)}</p>`,
    },
    status,
  );

/** `response_mode=form_post`: browsers send it on by themselves, everybody else reads the form. */
export function formPostPage(action: string, parameters: ReadonlyMap<string, string>): SimulatedResponse {
  const fields = [...parameters].map(
    ([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`,
  );
  return htmlPage({
    title: 'Working...',
    body: `<form method="post" action="${escapeHtml(action)}">
${fields.join('\n')}
<button type="submit">Continue</button>
</form>
<script>document.forms[0].submit()</script>`,
    script: true,
  });
}
