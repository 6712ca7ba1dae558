import { Ajv2020 } from 'ajv/dist/2020.js';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documentOf, serverWith } from '../../test/support/api-world.ts';
import { tidied } from './openapi-document.ts';

type Json = Record<string, unknown>;

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly schema: Json;
}

interface Operation {
  readonly operationId: string;
  readonly tags: string[];
  readonly summary: string;
  readonly parameters?: Parameter[];
  readonly requestBody?: { required: boolean; content: Record<string, { schema: Json }> };
  readonly responses: Record<
    string,
    { description: string; headers?: Json; content?: Record<string, { schema: Json }> }
  >;
  readonly security?: unknown[];
}

interface Document {
  readonly openapi: string;
  readonly info: { title: string; version: string };
  readonly servers: { url: string }[];
  readonly tags: { name: string }[];
  readonly security: Json[];
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { schemas: Record<string, Json>; headers: Json; securitySchemes: Json };
}

let server: FastifyInstance;
let document: Document;
let operations: [place: string, operation: Operation, path: string][];

beforeAll(async () => {
  server = await serverWith();
  document = (await documentOf(server)) as unknown as Document;
  operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]): [string, Operation, string] => [
      `${method.toUpperCase()} ${path}`,
      operation,
      path,
    ]),
  );
});
afterAll(async () => {
  await server?.close();
});

/** Every value of a name, wherever it stands. */
function valuesOf(value: unknown, name: string): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => (key === name ? [item] : valuesOf(item, name)));
}

function resolved(ref: string): unknown {
  return ref
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((place, step) => (place as Json | undefined)?.[step], document);
}

describe('the OpenAPI document', () => {
  it('is 3.1, says what it is about, and how callers are known', () => {
    expect(document).toMatchObject({
      openapi: '3.1.0',
      info: { title: 'graph-calendar-sync', version: expect.stringMatching(/^\d+\.\d+\.\d+/) },
      servers: [{ url: '/' }],
      security: [{ bearer: [] }],
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
    });
    const known = ['openapi', 'info', 'servers', 'tags', 'security', 'paths', 'components'];
    expect(Object.keys(document).filter((name) => !known.includes(name))).toEqual([]);
  });

  it('has every operation of the public contract', () => {
    expect(operations.map(([place]) => place).sort()).toEqual(
      [
        ...['POST /calendar/sync/start', 'POST /calendar/sync/preview', 'GET /calendar/sync/status/{jobId}'],
        ...['GET /calendar/sync/status/{jobId}/stream', 'POST /calendar/sync/cancel/{jobId}'],
        ...['GET /calendar/sync/history', 'GET /calendar/sync/history/{jobId}/operations'],
        'POST /calendar/sync/history/{jobId}/revert',
        ...['GET /calendar/sync/conflicts', 'GET /calendar/sync/conflicts/{conflictId}'],
        ...['PUT /calendar/sync/conflicts/{conflictId}/resolve', 'GET /calendar/sync/conflicts/stats'],
        ...['GET /calendar/sync/metrics', 'GET /metrics', 'GET /calendar/sync/health'],
        ...['GET /calendar/sync/settings', 'PUT /calendar/sync/settings'],
        ...['GET /calendar/events', 'POST /calendar/events', 'GET /calendar/events/{id}'],
        'GET /calendar/events/{id}/body',
        ...['PATCH /calendar/events/{id}', 'DELETE /calendar/events/{id}', 'GET /calendar/events/changes'],
        'POST /calendar/events/{id}/respond',
        ...['GET /calendar/events/{id}/attachments', 'POST /calendar/events/{id}/attachments'],
        'GET /calendar/events/{id}/attachments/{attachmentId}/content',
        'DELETE /calendar/events/{id}/attachments/{attachmentId}',
        ...['GET /calendar/events/{masterId}/instances', 'POST /calendar/events/import'],
        ...['GET /calendar/events/export.ics', 'GET /calendar/calendars', 'POST /calendar/calendars/refresh'],
        ...['PATCH /calendar/calendars/{id}', 'GET /calendar/connection', 'PUT /calendar/connection'],
        ...['DELETE /calendar/connection', 'POST /calendar/connection/authorize'],
        ...['GET /calendar/connection/callback', 'POST /calendar/connection/callback'],
        ...['GET /calendar/privacy/export', 'DELETE /calendar/privacy/data', 'GET /calendar/audit'],
        'POST /calendar/sync/webhooks/graph',
        ...['GET /calendar/webhooks', 'POST /calendar/webhooks', 'PATCH /calendar/webhooks/{id}'],
        ...['DELETE /calendar/webhooks/{id}', 'GET /calendar/webhooks/{id}/deliveries'],
        ...['POST /calendar/webhooks/{id}/test'],
      ].sort(),
    );
  });

  it('names every operation once, in words, under a tag it knows', () => {
    const ids = operations.map(([, { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const tags = document.tags.map(({ name }) => name);
    for (const [place, { operationId, summary, tags: used }] of operations) {
      expect(operationId, place).toMatch(/^[a-z][A-Za-z]+$/);
      expect(summary, place).toMatch(/\w/);
      expect(tags, place).toEqual(expect.arrayContaining(used));
    }
  });

  it('names exactly the parameters that are in the path', () => {
    for (const [place, { parameters = [] }, path] of operations) {
      const inPath = parameters.filter((parameter) => parameter.in === 'path');
      expect(
        inPath.map(({ name }) => name),
        place,
      ).toEqual([...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]));
      for (const { name, required, schema } of parameters) {
        expect(required, `${place} ${name}`).toBe(schema['default'] === undefined && required);
        expect(Object.keys(schema), `${place} ${name}`).not.toHaveLength(0);
      }
      const places = parameters.map((parameter) => `${parameter.in} ${parameter.name}`);
      expect(new Set(places).size, place).toBe(places.length);
    }
  });

  it('says of every operation what a refusal looks like', () => {
    for (const [place, { responses, security, requestBody }] of operations) {
      const isPublic = security?.length === 0;
      const expected = ['400', ...(isPublic ? [] : ['401', '503']), '429', '500', ...(requestBody ? ['415'] : [])];
      expect(Object.keys(responses), place).toEqual(expect.arrayContaining(expected));
      for (const [status, { description, headers, content }] of Object.entries(responses)) {
        expect(description, `${place} ${status}`).toMatch(/\w/);
        expect(headers, `${place} ${status}`).toHaveProperty('X-Correlation-Id');
        if (Number(status) >= 400 && !place.endsWith('/health')) {
          const isPage = place.endsWith('/callback') && ['400', '500', '503'].includes(status);
          const types = [...(isPage ? ['text/html'] : []), 'application/problem+json'];
          expect(Object.keys(content ?? {}), `${place} ${status}`).toEqual(types);
        }
      }
      expect(
        Object.keys(responses).some((status) => status.startsWith('2')),
        place,
      ).toBe(true);
    }
  });

  it('requires a body only where something in it is required', () => {
    const bodies = operations.flatMap(([place, { requestBody }]) =>
      requestBody ? [[place, requestBody.required]] : [],
    );
    expect(Object.fromEntries(bodies)).toEqual({
      'POST /calendar/sync/start': false,
      'POST /calendar/sync/preview': false,
      'POST /calendar/sync/history/{jobId}/revert': false,
      'PUT /calendar/sync/conflicts/{conflictId}/resolve': true,
      'PUT /calendar/sync/settings': false,
      'POST /calendar/events': true,
      'PATCH /calendar/events/{id}': false,
      'POST /calendar/events/{id}/respond': true,
      'POST /calendar/events/{id}/attachments': true,
      'POST /calendar/events/import': true,
      'POST /calendar/calendars/refresh': false,
      'PATCH /calendar/calendars/{id}': false,
      'PUT /calendar/connection': true,
      'POST /calendar/connection/callback': true,
      'POST /calendar/sync/webhooks/graph': false,
      'POST /calendar/webhooks': true,
      'PATCH /calendar/webhooks/{id}': false,
    });
  });

  it('refers to nothing that is not there, and holds nothing that nobody refers to', () => {
    const refs = valuesOf(document, '$ref').map(String);
    for (const ref of refs) expect(resolved(ref), ref).toBeDefined();
    for (const name of Object.keys(document.components.schemas)) expect(refs).toContain(`#/components/schemas/${name}`);
  });

  it('holds JSON schemas of draft 2020-12 that compile', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    const all = [
      ...Object.values(document.components.schemas),
      ...valuesOf(document.paths, 'schema').map((schema) => schema as Json),
    ];
    ajv.addSchema({ $id: 'https://example.com/document', components: document.components });
    for (const schema of all) {
      expect(ajv.validateSchema(schema), JSON.stringify(ajv.errors)).toBe(true);
      const text = JSON.stringify(schema).replaceAll('"#/components/', '"https://example.com/document#/components/');
      expect(() => ajv.compile(JSON.parse(text) as Json)).not.toThrow();
    }
  });

  it('takes from callers only what it names', () => {
    const inputs = operations.flatMap(([place, { requestBody }]) =>
      Object.entries(requestBody?.content ?? {})
        .filter(([type]) => type === 'application/json')
        .map(([, { schema }]) => [place, schema] as const),
    );
    const isClosed = (schema: Json): boolean => {
      const target = typeof schema['$ref'] === 'string' ? (resolved(schema['$ref']) as Json) : schema;
      if (target['type'] !== 'object' || !target['properties']) return true;
      // What is kept for the record may be anything, and says so.
      return (
        typeof target['additionalProperties'] === 'boolean' &&
        Object.values(target['properties'] as Json).every((item) => isClosed(item as Json))
      );
    };
    // Microsoft adds to its notifications what it likes.
    const ours = inputs.filter(([place]) => !place.endsWith('/webhooks/graph'));
    for (const [place, schema] of ours) expect(isClosed(schema), place).toBe(true);
  });

  it('goes under the address that the service is reached by', async () => {
    const other = await serverWith(
      {},
      {
        config: {
          publicUrl: 'https://calendar.example.com/sync',
          jwt: { secret: 'x'.repeat(32), jwksUrl: undefined, issuer: undefined, audience: undefined },
        },
      },
    );
    const { servers, paths } = (await documentOf(other)) as unknown as Document;
    expect(servers).toEqual([{ url: 'https://calendar.example.com/sync' }]);
    expect(Object.keys(paths)).toContain('/calendar/events');
    await other.close();
  });

  it('is refused a second meaning for one name', () => {
    const at = (properties: Json) => ({
      get: { responses: { 200: { schema: { title: 'Same', type: 'object', properties } } } },
    });
    expect(() => tidied({ paths: { '/a': at({ x: {} }), '/b': at({ y: {} }) }, components: {} })).toThrow(
      /called Same/,
    );
  });
});

describe('/docs', () => {
  it('shows the document with what comes from here alone', async () => {
    const page = await server.inject('/docs');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.headers['content-security-policy']).toContain("script-src 'self';");
    const parts = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(parts.length).toBeGreaterThan(2);
    for (const part of parts) {
      expect(part).toMatch(/^\/docs\/static\//);
      expect((await server.inject(part)).statusCode, part).toBe(200);
    }
    expect(page.body).not.toMatch(/<script>(?!\s*<\/script>)/);
  });
});
