import type { FastifyHelmetOptions } from '@fastify/helmet';

/** Long enough that browsers keep it between visits. */
const HSTS_SECONDS = 365 * 24 * 60 * 60;

/** Nothing but data comes from the API, so nothing may be loaded by it or framed around it. */
const API_POLICY = { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"] };

/**
 * For pages of our own that come with their files and talk to this API: no inline script or style, nothing of anybody
 * else's, nowhere else to send anything to.
 */
export const PAGES_POLICY = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'"],
  ...["connect-src 'self'", "manifest-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"],
  "object-src 'none'",
].join('; ');

/** @param publicUrl  browsers are told to stay with `https:` only where that is how they come */
export function securityHeaders(publicUrl: string | undefined): FastifyHelmetOptions {
  const isHttps = publicUrl?.startsWith('https:') ?? false;
  return {
    contentSecurityPolicy: { useDefaults: false, directives: API_POLICY },
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
    // Of this host alone: what else there is below it is not ours to decide about.
    strictTransportSecurity: isHttps ? { maxAge: HSTS_SECONDS, includeSubDomains: false } : false,
  };
}
