import { Type } from 'typebox';
import { callerOf, subjectOf } from '../access.ts';
import type { ApiInstance } from '../api-instance.ts';
import type { PrometheusMetrics } from '../prometheus.ts';
import { answer, answers, days, Strict, Subject } from '../schemas/common.ts';
import { Metrics } from '../schemas/operation.ts';
import type { ServerParts } from '../services.ts';

/** Figures for people, and for Prometheus. */
export function metricsRoutes(app: ApiInstance, parts: ServerParts, prometheus: PrometheusMetrics): void {
  app.get(
    '/calendar/sync/metrics',
    {
      schema: {
        operationId: 'getSyncMetrics',
        tags: ['Sync'],
        summary: 'Runs, events, conflicts and Graph requests in figures',
        querystring: Strict({ days: days(7), userId: Subject }),
        response: answers({ 200: answer('the figures', Metrics) }, 403),
      },
    },
    async (request) => {
      const subject = subjectOf(callerOf(request), request.query.userId);
      return parts.statisticsService.metrics(subject, request.query.days);
    },
  );

  app.get(
    '/metrics',
    {
      config: { access: 'operator' },
      schema: {
        operationId: 'getPrometheusMetrics',
        tags: ['Operation'],
        summary: 'Figures for Prometheus; for operators',
        response: answers({ 200: answer('Prometheus’ text format', Type.String(), { mediaType: 'text/plain' }) }, 403),
      },
    },
    async (_request, reply) => reply.type(prometheus.contentType).send(await prometheus.read()),
  );
}
