import { isDeepStrictEqual } from 'node:util';
import { assert } from '../core/errors.ts';

export type Json = Record<string, unknown>;

interface Operation {
  readonly parameters?: { required?: boolean; schema: { default?: unknown } }[];
  readonly requestBody?: {
    required: boolean;
    readonly content: Record<string, { schema: { $ref?: string; required?: string[] } }>;
  };
  readonly responses: Record<string, { headers?: Json }>;
}

/** Headers that come with an answer because of its status, wherever it is. */
const HEADERS_OF_STATUS: Readonly<Record<string, string>> = {
  401: 'WWW-Authenticate',
  429: 'Retry-After',
  503: 'Retry-After',
};

const HEADERS: Json = {
  'X-Correlation-Id': {
    description: 'the request’s own, if it sent a good one; finds it in the log',
    schema: { type: 'string', maxLength: 128 },
  },
  'WWW-Authenticate': { description: 'what is wrong with the token (RFC 6750)', schema: { type: 'string' } },
  'Retry-After': { description: 'seconds to wait before the next try', schema: { type: 'integer', minimum: 1 } },
};

/**
 * Finishes what the framework makes of the routes: schemas with a title become components, what every answer carries is
 * said once, and what has a default or needs no member is not called required.
 */
export function tidied(document: Json): Json {
  const schemas: Json = {};
  const { paths, components } = document as { paths: Json; components: Json };
  const tidyPaths = hoisted(paths, schemas) as Record<string, Record<string, Operation>>;
  for (const path of Object.values(tidyPaths)) {
    for (const operation of Object.values(path)) {
      tidyInput(operation, schemas);
      describeHeaders(operation);
    }
  }
  const sorted = Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => a.localeCompare(b)));
  return { ...document, paths: tidyPaths, components: { ...components, headers: HEADERS, schemas: sorted } };
}

function tidyInput({ parameters = [], requestBody }: Operation, schemas: Json): void {
  for (const parameter of parameters) {
    if (parameter.schema.default !== undefined) parameter.required = false;
  }
  if (!requestBody) return;
  for (const { schema } of Object.values(requestBody.content)) {
    const name = schema.$ref?.split('/').at(-1);
    const body = (name ? schemas[name] : schema) as { type?: string; required?: string[] };
    if (body.type === 'object' && (body.required ?? []).length === 0) requestBody.required = false;
  }
}

function describeHeaders({ responses }: Operation): void {
  for (const [status, response] of Object.entries(responses)) {
    const names = ['X-Correlation-Id', HEADERS_OF_STATUS[status]].filter((name) => name !== undefined);
    const common = Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
    response.headers = { ...common, ...response.headers };
  }
}

function hoisted(value: unknown, schemas: Json): unknown {
  if (Array.isArray(value)) return value.map((item) => hoisted(item, schemas));
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([name, item]) => [name, hoisted(item, schemas)]));
  const { title } = copy;
  if (typeof title !== 'string' || copy['type'] !== 'object') return copy;
  const known = schemas[title];
  assert(known === undefined || isDeepStrictEqual(known, copy), `two different schemas are called ${title}`);
  schemas[title] = copy;
  return { $ref: `#/components/schemas/${title}` };
}
