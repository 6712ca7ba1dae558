import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { COUNTED_CALLERS, type Limits, RATE_WINDOW_MS } from './limits.ts';
import { HttpProblem } from './problem.ts';

/** Counts a request, and refuses it when its caller has made too many. */
export type Guard = (request: FastifyRequest) => Promise<void>;

/**
 * Users are counted by their id, whatever address they come from: behind a proxy all have the same one. Addresses are
 * counted for what comes without a good token, so that guessing does not pay and does not shut out who has one.
 */
export async function createGuards(app: FastifyInstance, limits: Limits): Promise<{ user: Guard; address: Guard }> {
  await app.register(rateLimit, { global: false, cache: COUNTED_CALLERS, timeWindow: RATE_WINDOW_MS });
  return {
    user: guard(app, limits.userRequests, (request) => request.caller?.userId ?? ''),
    address: guard(app, limits.addressRequests, (request) => request.ip),
  };
}

function guard(app: FastifyInstance, max: number, keyGenerator: (request: FastifyRequest) => string): Guard {
  const count = app.createRateLimit({ max, keyGenerator });
  return async (request) => {
    const counted = await count(request);
    if (counted.isAllowed || !counted.isExceeded) return;
    throw tooMany(`more than ${max} requests a minute`, counted.ttlInSeconds);
  };
}

export function tooMany(what: string, retryAfterSeconds: number): HttpProblem {
  const seconds = Math.max(1, retryAfterSeconds);
  return new HttpProblem(429, 'RATE_LIMITED', `${what}; try again in ${seconds} s`, {
    headers: { 'retry-after': String(seconds) },
  });
}
