import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { ADMIN, bearer, type Claims, serverWith } from '../../test/support/api-world.ts';

let server: FastifyInstance;
afterEach(async () => {
  await server?.close();
});

async function get(url: string, headers: Record<string, string> = {}, as: Claims | null = null) {
  return server.inject({ url, headers: { ...(as ? await bearer(as) : {}), ...headers } });
}

describe('figures for Prometheus', () => {
  it('serves an administrator the figures for Prometheus, without anybody in them', async () => {
    server = await serverWith({
      statisticsService: {
        metrics: async () => ({
          syncs: { completed: 5, failed: 1, cancelled: 2 },
          events: { created: 3, updated: 4, deleted: 6, failed: 7 },
          conflicts: { detected: 8, resolved: 9 },
          graph: { requests: 100, throttled: 10, retried: 11, failed: 12 },
        }),
      },
      eventService: { get: async () => ({ id: 'e1', etag: '"1"' }) },
    });
    await get('/calendar/events/secret-id', {}, ADMIN);
    const { body, headers } = await get('/metrics', {}, ADMIN);
    expect(headers['content-type']).toContain('text/plain');
    expect(body).toContain('calendar_sync_runs_24h{kind="completed"} 5');
    expect(body).toContain('calendar_sync_events_24h{kind="failed"} 7');
    expect(body).toContain('calendar_sync_conflicts_24h{kind="resolved"} 9');
    expect(body).toContain('calendar_sync_graph_requests_24h{kind="throttled"} 10');
    expect(body).toContain(
      'calendar_sync_http_requests_total{method="GET",route="/calendar/events/:id",status="200"} 1',
    );
    expect(body).toMatch(/^process_resident_memory_bytes \d+/m);
    expect(body).toContain('calendar_sync_database_up 1');
    expect(body).not.toMatch(/secret-id|adam|ada\b/);
  });

  it('serves this process’s figures also while the database is away', async () => {
    const metrics = async () => {
      throw new Error('away');
    };
    server = await serverWith({ statisticsService: { metrics } });
    const { statusCode, body } = await get('/metrics', {}, ADMIN);
    expect(statusCode).toBe(200);
    expect(body).toContain('calendar_sync_database_up 0');
    expect(body).not.toContain('calendar_sync_runs_24h{');
  });
});

describe('health', () => {
  it.each([
    ['ok', 200],
    ['degraded', 200],
    ['down', 503],
  ] as const)('%s is %i', async (status, expected) => {
    server = await serverWith({ healthService: { check: async () => ({ status }) } });
    const answer = await get('/calendar/sync/health', {}, null);
    expect([answer.statusCode, answer.json().status]).toEqual([expected, status]);
    expect(answer.headers['content-type']).toContain('application/json');
  });
});
