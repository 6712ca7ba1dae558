import type { FastifyInstance, FastifyReply } from 'fastify';
import { CORRELATION_HEADER } from './correlation.ts';
import type { RouteMap } from './route-map.ts';

/** What callers of the API send, besides what browsers let every page send. */
const REQUEST_HEADERS = ['authorization', 'content-type', 'idempotency-key', 'if-match', 'last-event-id'];
/** What they may read, besides what browsers show of every answer. */
const ANSWER_HEADERS = ['etag', 'location', 'retry-after', 'www-authenticate', 'content-disposition'];
/** Browsers keep a preflight's answer no longer than this anyway. */
const MAX_AGE_SECONDS = 7200;

/**
 * Lets pages of the named origins call the API from a browser (Fetch standard, CORS). All others get the answers they
 * would get from a program, without the header that lets their page read them.
 *
 * Credentials are allowed, for the cookie of the browser that begins a sign-in; nothing else looks at a cookie.
 */
export function allowOrigins(app: FastifyInstance, origins: readonly string[], routes: RouteMap): void {
  if (origins.length === 0) return;
  app.addHook('onRequest', async (request, reply) => {
    // Also where nothing is allowed: a cache must not hand one origin's answer to another.
    reply.header('vary', 'Origin');
    const { origin } = request.headers;
    if (origin === undefined || !origins.includes(origin)) return;
    reply.headers({ 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' });
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
      const methods = routes.methodsOf(request.url.split('?', 1)[0] ?? '');
      if (methods.length > 0) return preflight(reply, methods);
    }
    reply.header('access-control-expose-headers', [CORRELATION_HEADER, ...ANSWER_HEADERS].join(', '));
  });
}

function preflight(reply: FastifyReply, methods: readonly string[]): FastifyReply {
  return reply
    .code(204)
    .headers({
      'access-control-allow-methods': methods.join(', '),
      'access-control-allow-headers': [...REQUEST_HEADERS, CORRELATION_HEADER].join(', '),
      'access-control-max-age': String(MAX_AGE_SECONDS),
      'content-length': '0',
    })
    .send();
}
