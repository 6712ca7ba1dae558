import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger, Random } from '../core/runtime.ts';
import { inNobodysScope, narrowScope } from '../store/row-scope.ts';
import { isAdmin, isOperator } from './access.ts';
import type { TokenVerifier } from './authentication.ts';
import { CORRELATION_HEADER } from './correlation.ts';
import { HttpProblem, PROBLEM_TYPE, problemDetails } from './problem.ts';
import type { Guard } from './rate-limits.ts';
import type { RefusedLogins } from './refused-logins.ts';
import type { RouteMap } from './route-map.ts';

/** What every request passes before anything of it is read: correlation, who calls, how often, and whether they may. */
export function registerGate(
  app: FastifyInstance,
  parts: {
    verifier: TokenVerifier;
    guards: { user: Guard; address: Guard };
    routes: RouteMap;
    refusedLogins: RefusedLogins;
    logger: Logger;
  },
): void {
  const { verifier, guards, routes, refusedLogins, logger } = parts;
  app.decorateRequest('caller', undefined);
  let isStopping = false;
  app.addHook('preClose', async () => {
    isStopping = true;
  });
  // Nobody's rows are in sight until it is known who calls, and on public routes to the end.
  app.addHook('onRequest', (_request, _reply, done) => inNobodysScope(done));
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ [CORRELATION_HEADER]: request.id, 'cache-control': 'no-store' });
    if (isStopping) {
      throw new HttpProblem(503, 'STOPPING', 'the service is being stopped', { headers: { 'retry-after': '5' } });
    }
    refuseAmbiguity(request);
    // Before the body is looked at: whether it could be read says nothing about a place that does not exist.
    if (request.is404) {
      await guards.address(request);
      throw nothingThere(request, routes);
    }
    const { access = 'user', isUncounted } = request.routeOptions.config;
    if (isUncounted) return;
    if (access === 'public') return guards.address(request);
    try {
      request.caller = await verifier.verify(request.headers.authorization);
      narrowScope(request.caller.userId);
    } catch (error) {
      if (error instanceof HttpProblem) {
        await guards.address(request);
        refusedLogins.note(request, error);
      }
      throw error;
    }
    await guards.user(request);
    if (access === 'operator' && !isOperator(request.caller)) {
      throw new HttpProblem(403, 'FORBIDDEN', 'this is for callers with the role operator or admin');
    }
    if (access === 'admin' && !isAdmin(request.caller)) {
      throw new HttpProblem(403, 'FORBIDDEN', 'this is for callers with the role admin');
    }
  });
  app.addHook('onResponse', async (request, reply) => {
    const { id: correlationId, method } = request;
    const durationMs = Math.round(reply.elapsedTime);
    const fields = { correlationId, method, route: request.routeOptions.url, status: reply.statusCode, durationMs };
    logger.debug({ ...fields, userId: request.caller?.userId }, 'request answered');
  });
  app.setNotFoundHandler((request) => {
    throw nothingThere(request, routes);
  });
}

/** Of two such headers a proxy may believe the one and Node the other. */
const SINGLE_HEADERS = ['authorization', 'host', 'content-type', 'idempotency-key'];

function refuseAmbiguity({ raw }: FastifyRequest): void {
  const names = raw.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const doubled = SINGLE_HEADERS.find((name) => names.indexOf(name) !== names.lastIndexOf(name));
  if (doubled) throw new HttpProblem(400, 'AMBIGUOUS_HEADER', `the request has more than one header ${doubled}`);
}

function nothingThere(request: FastifyRequest, routes: RouteMap): HttpProblem {
  const path = request.url.split('?', 1)[0] ?? '';
  const methods = routes.methodsOf(path);
  if (methods.length === 0) return new HttpProblem(404, 'NOT_FOUND', 'there is nothing at this address; see /docs');
  const allow = methods.join(', ');
  return new HttpProblem(405, 'METHOD_NOT_ALLOWED', `${request.method} is not for this address: it takes ${allow}`, {
    headers: { allow },
  });
}

/** Answers what is not HTTP at all, or has headers no server would take. */
export function answerUnreadable(error: Error & { code?: string }, socket: Socket, random: Random): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return;
  const answers: Record<string, [status: number, title: string, code: string]> = {
    HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large', 'HEADERS_TOO_LARGE'],
    ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'REQUEST_TIMEOUT'],
  };
  const [status, title, code] = answers[error.code ?? ''] ?? [400, 'Bad Request', 'BAD_REQUEST'];
  const correlationId = random.id();
  const detail = 'the request could not be read';
  const body = JSON.stringify(problemDetails({ status, code, detail, url: '', correlationId }));
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  socket.end([...head, `${CORRELATION_HEADER}: ${correlationId}`, 'connection: close', '', body].join('\r\n'));
}
