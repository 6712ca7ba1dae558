import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';

/**
 * The few pages that a person sees in the middle of a sign-in. They are whole in themselves: no script, no address of
 * anybody else's, and a style that is named by its hash.
 */
const STYLE = [
  'body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem;color:#1b1b1f}',
  'h1{font-size:1.4rem}button{font:inherit;padding:.5rem 1rem;margin-right:.5rem;border-radius:.4rem;border:1px solid #888}',
  'button[value=yes]{background:#0f5cc0;border-color:#0f5cc0;color:#fff}strong{overflow-wrap:anywhere}',
].join('');
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

const POLICY = [
  ...["default-src 'none'", `style-src 'sha256-${STYLE_HASH}'`, "form-action 'self'"],
  ...["frame-ancestors 'none'", "base-uri 'none'"],
].join('; ');

/** @param paragraphs  HTML, with everything from outside in it escaped by {@link escaped} */
export function sendPage(
  reply: FastifyReply,
  page: { readonly status: number; readonly title: string; readonly paragraphs: readonly string[] },
): FastifyReply {
  const { status, title, paragraphs } = page;
  return reply
    .code(status)
    .type('text/html; charset=utf-8')
    .headers({ 'content-security-policy': POLICY, 'cache-control': 'no-store' })
    .send(
      `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
        `<title>${escaped(title)}</title><style>${STYLE}</style></head><body><main><h1>${escaped(title)}</h1>` +
        `${paragraphs.map((html) => `<p>${html}</p>`).join('')}</main></body></html>`,
    );
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}
