import helmet from '@fastify/helmet';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { type FastifyInstance, fastify } from 'fastify';
import type { Clock } from '../core/runtime.ts';
import { TokenVerifier } from './authentication.ts';
import { acceptJson } from './body-parsers.ts';
import { correlationIdOf } from './correlation.ts';
import { allowOrigins } from './cors.ts';
import { createErrorHandler } from './error-handler.ts';
import { EventStreams } from './event-stream.ts';
import { answerUnreadable, registerGate } from './gate.ts';
import {
  CLOSE_PATIENCE_MS,
  DEFAULT_LIMITS,
  HEADER_BYTES,
  HEADER_LINES,
  HEADERS_TIMEOUT_MS,
  JSON_BODY_BYTES,
  KEEP_ALIVE_MS,
  REQUEST_TIMEOUT_MS,
} from './limits.ts';
import { describeRoutes, serveDocuments } from './openapi.ts';
import { PrometheusMetrics } from './prometheus.ts';
import { createGuards } from './rate-limits.ts';
import { RefusedLogins } from './refused-logins.ts';
import { RouteMap } from './route-map.ts';
import { attachmentRoutes } from './routes/attachment.route.ts';
import { authorizationFormRoutes, authorizationRoutes } from './routes/authorization.route.ts';
import { calendarRoutes } from './routes/calendar.route.ts';
import { conflictRoutes } from './routes/conflict.route.ts';
import { connectionRoutes } from './routes/connection.route.ts';
import { eventRoutes } from './routes/event.route.ts';
import { eventFeedRoutes } from './routes/event-feed.route.ts';
import { eventFileRoutes } from './routes/event-file.route.ts';
import { eventResponseRoutes } from './routes/event-response.route.ts';
import { graphWebhookRoutes } from './routes/graph-webhook.route.ts';
import { historyRoutes } from './routes/history.route.ts';
import { metricsRoutes } from './routes/metrics.route.ts';
import { operationRoutes } from './routes/operation.route.ts';
import { privacyRoutes } from './routes/privacy.route.ts';
import { settingsRoutes } from './routes/settings.route.ts';
import { statusRoutes } from './routes/status.route.ts';
import { syncRoutes } from './routes/sync.route.ts';
import { webhookRoutes } from './routes/webhook.route.ts';
import { Strict } from './schemas/common.ts';
import { securityHeaders } from './security-headers.ts';
import type { ServerParts } from './services.ts';
import { validatorCompiler } from './validation.ts';

/** Longer ids than any of ours are answered like any other that does not exist. */
const LONGEST_PARAM = 500;

/** The HTTP API, complete but not yet listening. Closing it ends open streams and keeps nothing alive. */
export async function createServer(parts: ServerParts): Promise<FastifyInstance> {
  const { config, clock, random, logger } = parts;
  const limits = { ...DEFAULT_LIMITS, ...parts.limits };
  const app = fastify({
    logger: false,
    genReqId: (request) => correlationIdOf(request, random),
    bodyLimit: JSON_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { maxHeaderSize: HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS },
    trustProxy: trustedProxies(config.trustProxy),
    handlerTimeout: limits.handlerTimeoutMs,
    exposeHeadRoutes: false,
    // The gate says it, as a problem like any other.
    return503OnClosing: false,
    routerOptions: { maxParamLength: LONGEST_PARAM },
    frameworkErrors: (error, request, reply) => createErrorHandler(logger)(error, request, reply),
    clientErrorHandler: (error, socket) => answerUnreadable(error, socket, random),
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.server.maxConnections = limits.connections;
  app.server.maxHeadersCount = HEADER_LINES;
  app.setErrorHandler(createErrorHandler(logger));
  app.setValidatorCompiler(validatorCompiler);
  // What services answer is sent as it is: a schema that drops what it does not know would hide a mistake.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  acceptJson(app);
  app.addHook('onRoute', ({ schema }) => {
    // A route that names no query parameters takes none, and says so.
    if (schema && !schema.hide) schema.querystring ??= Strict({});
  });

  const metrics = new PrometheusMetrics(parts.statisticsService, parts.auditService, parts.operatorAlarm);
  const streams = new EventStreams({ clock, perUser: limits.userStreams });
  closeInTime(app, clock, () => streams.close());
  metrics.observe(app);
  const verifier = new TokenVerifier({ rules: config.jwt, clock, fetch: parts.fetch ?? globalThis.fetch });
  const routes = new RouteMap();
  app.addHook('onRoute', ({ method, url }) => routes.add(method, url));
  // Before the gate, so that its refusals carry these headers as well.
  await app.register(helmet, securityHeaders(config.publicUrl));
  allowOrigins(app, config.corsOrigins ?? [], routes);
  const guards = createGuards({ limits, clock, logger, shared: parts.rateCounts });
  registerGate(app, { verifier, guards, routes, refusedLogins: new RefusedLogins(parts), logger });
  await describeRoutes(app, config.publicUrl);

  syncRoutes(app, parts);
  statusRoutes(app, parts, streams);
  historyRoutes(app, parts);
  conflictRoutes(app, parts);
  metricsRoutes(app, parts, metrics);
  settingsRoutes(app, parts);
  operationRoutes(app, parts);
  eventRoutes(app, parts);
  attachmentRoutes(app, parts);
  eventFeedRoutes(app, parts);
  eventResponseRoutes(app, parts);
  await app.register(async (scope) => eventFileRoutes(scope, parts));
  await app.register(async (scope) => graphWebhookRoutes(scope, parts));
  calendarRoutes(app, parts);
  connectionRoutes(app, parts);
  privacyRoutes(app, parts);
  webhookRoutes(app, parts);
  authorizationRoutes(app, parts);
  await app.register(async (scope) => authorizationFormRoutes(scope, parts));
  await serveDocuments(app);
  return app as unknown as FastifyInstance;
}

/** Nobody's word on where a request comes from is taken, unless the operator named them, or how many they are. */
function trustedProxies(trusted: number | readonly string[] | undefined) {
  if (typeof trusted === 'number') return (_address: string, hop: number) => hop < trusted;
  return trusted ? [...trusted] : false;
}

/** Closing waits for answers that are on their way, but not for the slowest of them: their callers are cut off. */
function closeInTime(app: FastifyInstance, clock: Clock, endStreams: () => void): void {
  const closed = new AbortController();
  app.addHook('preClose', async () => {
    endStreams();
    clock.sleep(CLOSE_PATIENCE_MS, closed.signal).then(
      () => app.server.closeAllConnections(),
      () => {},
    );
  });
  app.addHook('onClose', async () => closed.abort());
}
