import type { FastifyInstance } from 'fastify';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { withoutScope } from '../store/row-scope.ts';
import type { ApiServices, MetricsAnswer } from './services.ts';

const PREFIX = 'calendar_sync_';
const WINDOW_DAYS = 1;
const DURATION_BUCKETS_SECONDS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60];

type Gauges = Readonly<Record<'runs' | 'events' | 'conflicts' | 'graph', Gauge<'kind'>>>;

/**
 * What monitoring reads: this process, its HTTP answers, and what the service did lately. Labels are routes, statuses
 * and kinds; never a user, an id or an address.
 */
export class PrometheusMetrics {
  readonly #registry = new Registry();
  readonly #statistics: ApiServices['statisticsService'];
  readonly #requests: Counter<'method' | 'route' | 'status'>;
  readonly #durations: Histogram<'method' | 'route'>;
  readonly #gauges: Gauges;
  readonly #isUp: Gauge;
  readonly #audit: ApiServices['auditService'];
  readonly #retained: Gauge<'kind'>;
  readonly #retentionAt: Gauge;

  /** @param alarm  tells why Microsoft refuses the application itself, while it does */
  constructor(
    statistics: ApiServices['statisticsService'],
    audit: ApiServices['auditService'],
    alarm: { readonly reason: string | undefined } = { reason: undefined },
  ) {
    this.#statistics = statistics;
    this.#audit = audit;
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Counter({
      name: `${PREFIX}http_requests_total`,
      help: 'Requests answered by this process',
      labelNames: ['method', 'route', 'status'],
      registers,
    });
    this.#durations = new Histogram({
      name: `${PREFIX}http_request_duration_seconds`,
      help: 'From request to answer; streams count whole',
      labelNames: ['method', 'route'],
      buckets: DURATION_BUCKETS_SECONDS,
      registers,
    });
    const gauge = (name: string, help: string) =>
      new Gauge({ name: `${PREFIX}${name}`, help, labelNames: ['kind'] as const, registers });
    this.#gauges = {
      runs: gauge('runs_24h', 'Runs of the last 24 hours by how they ended, all processes'),
      events: gauge('events_24h', 'Events by what was done to them in the last 24 hours, all processes'),
      conflicts: gauge('conflicts_24h', 'Conflicts detected and resolved in the last 24 hours, all processes'),
      graph: gauge(
        'graph_requests_24h',
        'Requests to Graph in the last 24 hours by what became of them, all processes',
      ),
    };
    this.#retained = gauge('retention_deleted', 'Rows deleted when old data was last deleted, by kind, all processes');
    this.#retentionAt = new Gauge({
      name: `${PREFIX}retention_last_run_timestamp_seconds`,
      help: 'When old data was last deleted; 0: not yet',
      registers,
    });
    this.#isUp = new Gauge({ name: `${PREFIX}database_up`, help: 'Whether the figures could be read', registers });
    new Gauge({
      name: `${PREFIX}application_refused`,
      help: 'Whether Microsoft refuses the application itself (secret, certificate, registration), as this process knows',
      registers,
      collect() {
        this.set(alarm.reason === undefined ? 0 : 1);
      },
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Counts every answer of the server. */
  observe(app: FastifyInstance): void {
    app.addHook('onResponse', async (request, reply) => {
      const { method } = request;
      const route = request.routeOptions.url ?? 'none';
      this.#requests.inc({ method, route, status: reply.statusCode });
      this.#durations.observe({ method, route }, reply.elapsedTime / 1000);
    });
  }

  /** The figures as text; without the database, this process's own alone. */
  async read(): Promise<string> {
    try {
      this.#take(await withoutScope(() => this.#statistics.metrics(undefined, WINDOW_DAYS)));
      const retention = await withoutScope(() => this.#audit.lastRetention());
      this.#retentionAt.set((retention?.at.getTime() ?? 0) / 1000);
      set(this.#retained, retention?.counts ?? {});
      this.#isUp.set(1);
    } catch {
      for (const gauge of [...Object.values(this.#gauges), this.#retained, this.#retentionAt]) gauge.reset();
      this.#isUp.set(0);
    }
    return this.#registry.metrics();
  }

  #take({ syncs, events, conflicts, graph }: MetricsAnswer): void {
    const { completed, failed, cancelled } = syncs;
    const { created, updated, deleted, failed: failedEvents } = events;
    set(this.#gauges.runs, { completed, failed, cancelled });
    set(this.#gauges.events, { created, updated, deleted, failed: failedEvents });
    set(this.#gauges.conflicts, { detected: conflicts.detected, resolved: conflicts.resolved });
    const { requests, throttled, retried, failed: failedRequests } = graph;
    set(this.#gauges.graph, { all: requests, throttled, retried, failed: failedRequests });
  }
}

function set(gauge: Gauge<'kind'>, values: Readonly<Record<string, number>>): void {
  for (const [kind, value] of Object.entries(values)) gauge.set({ kind }, value);
}
