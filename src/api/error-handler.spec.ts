import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { bearer, serverWith } from '../../test/support/api-world.ts';
import { SyncError, type SyncErrorCode, type SyncErrorOptions } from '../core/errors.ts';
import type { Logger } from '../core/runtime.ts';

let server: FastifyInstance;
afterEach(async () => {
  await server?.close();
});

async function get(url: string, headers: Record<string, string> = {}) {
  return server.inject({ url, headers: { ...(await bearer()), ...headers } });
}

/** A server whose settings cannot be read for the given reason. */
function failingWith(error: unknown, logger?: Logger): Promise<FastifyInstance> {
  const get = async () => {
    throw error;
  };
  return serverWith({ settings: { get } }, logger ? { logger } : {});
}

/** Remembers what was logged, as text. */
function listeningLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const write = (level: string) => (fields: Record<string, unknown>, message: string) => {
    lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  };
  const logger: Logger = {
    ...{ debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    child: () => logger,
  };
  return { ...logger, lines };
}

describe('errors of the services', () => {
  const STATUS: Record<SyncErrorCode, [status: number, code: string]> = {
    'invalid-input': [400, 'INVALID_INPUT'],
    'access-denied': [403, 'FORBIDDEN'],
    'not-found': [404, 'NOT_FOUND'],
    'not-connected': [409, 'NOT_CONNECTED'],
    'reauth-required': [409, 'REAUTH_REQUIRED'],
    'conflict-state': [409, 'CONFLICT_STATE'],
    'mass-delete-refused': [409, 'MASS_DELETE_REFUSED'],
    'guest-mail-budget': [409, 'GUEST_MAIL_BUDGET'],
    cancelled: [409, 'CANCELLED'],
    'version-mismatch': [412, 'VERSION_MISMATCH'],
    'impossible-input': [422, 'IMPOSSIBLE_INPUT'],
    rejected: [422, 'GRAPH_REJECTED'],
    forbidden: [422, 'GRAPH_FORBIDDEN'],
    throttled: [429, 'THROTTLED'],
    unavailable: [503, 'UNAVAILABLE'],
    unauthenticated: [503, 'GRAPH_UNAUTHENTICATED'],
    'lease-lost': [503, 'LEASE_LOST'],
    'precondition-failed': [500, 'PRECONDITION_FAILED'],
    'cursor-expired': [410, 'CURSOR_EXPIRED'],
    'duplicate-transaction': [500, 'DUPLICATE_TRANSACTION'],
    misconfigured: [500, 'MISCONFIGURED'],
    'decryption-failed': [500, 'DECRYPTION_FAILED'],
  };

  it.each(Object.entries(STATUS) as [SyncErrorCode, [number, string]][])('%s', async (code, [status, name]) => {
    const options: SyncErrorOptions = {
      retryAfterMs: 12_345,
      details: { side: 'local' },
      graphCode: 'ErrorX',
      graphRequestId: 'g-1',
    };
    server = await failingWith(new SyncError(code, 'what is wrong', options));
    const answer = await get('/calendar/sync/settings');
    expect(answer.headers['content-type']).toContain('application/problem+json');
    const problem = answer.json();
    expect(problem).toMatchObject({ status, code: name, instance: '/calendar/sync/settings' });
    expect(problem.type).toBe(`urn:problem-type:${name.toLowerCase().replaceAll('_', '-')}`);
    expect(answer.headers['retry-after']).toBe(status === 429 || status === 503 ? '13' : undefined);
    if (status === 500) {
      expect(answer.body).not.toMatch(/what is wrong|ErrorX|local/);
    } else {
      expect(problem).toMatchObject({
        detail: 'what is wrong',
        details: { side: 'local', graphCode: 'ErrorX', graphRequestId: 'g-1' },
      });
    }
  });

  it('says place by place what a service found wrong', async () => {
    const problems = [{ path: 'end', message: 'must not be before start' }];
    server = await failingWith(new SyncError('impossible-input', 'the event is impossible', { problems }));
    expect((await get('/calendar/sync/settings')).json().errors).toEqual(problems);
  });

  it('keeps a fault’s inner life out of the answer, and a person’s words out of the log', async () => {
    const logger = listeningLogger();
    const broken = new Error('invalid input syntax for type json: "biopsy"') as Error & {
      severity: string;
      code: string;
    };
    Object.assign(broken, { severity: 'ERROR', code: '22P02', detail: 'biopsy', where: 'biopsy' });
    server = await failingWith(broken, logger);
    const answer = await get('/calendar/sync/settings?', { 'x-correlation-id': 'find-me' });
    expect(answer.statusCode).toBe(500);
    expect(answer.json()).toMatchObject({ code: 'INTERNAL', correlationId: 'find-me' });
    expect(answer.body).not.toMatch(/biopsy|22P02|json:/);
    const line = logger.lines.find((entry) => entry.startsWith('error'));
    expect(line).toContain('find-me');
    expect(line).toContain('22P02');
    expect(logger.lines.join()).not.toContain('biopsy');
  });

  it('logs the message of a bug, which is ours', async () => {
    const logger = listeningLogger();
    server = await failingWith(new TypeError("Cannot read properties of undefined (reading 'id')"), logger);
    await get('/calendar/sync/settings');
    expect(logger.lines.find((entry) => entry.startsWith('error'))).toContain("reading 'id'");
  });

  it.each(['ECONNREFUSED', 'ECONNRESET', '57P01', '08006', '53300'])(
    'is unavailable while the database is: %s',
    async (code) => {
      server = await failingWith(Object.assign(new Error('no'), { code }));
      const answer = await get('/calendar/sync/settings');
      expect([answer.statusCode, answer.json().code, answer.headers['retry-after']]).toEqual([503, 'UNAVAILABLE', '5']);
    },
  );

  it('does not let anybody wait for ever, and survives the answer that comes too late', async () => {
    const late = Promise.withResolvers<never>();
    const settings = { get: () => late.promise };
    server = await serverWith({ settings }, { limits: { handlerTimeoutMs: 20 } });
    const answer = await get('/calendar/sync/settings');
    expect([answer.statusCode, answer.json().code]).toEqual([503, 'TIMEOUT']);
    late.resolve({} as never);
    expect((await server.inject('/openapi.json')).statusCode).toBe(200);
  });

  it('logs requests by route, never by address', async () => {
    const logger = listeningLogger();
    server = await serverWith({ eventService: { list: async () => ({ items: [], nextCursor: null }) } }, { logger });
    await get('/calendar/events?calendarId=biopsy');
    await get('/calendar/biopsy');
    const lines = logger.lines.join('\n');
    expect(lines).toContain('"route":"/calendar/events"');
    expect(lines).not.toContain('biopsy');
  });
});
