import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

type Json = Record<string, unknown>;

interface Operation {
  readonly responses: Record<string, { content?: Record<string, { schema: Json }> }>;
}

export interface OpenApiDocument {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Json> };
}

export interface SeenAnswer {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: unknown;
}

/**
 * Holds answers against an OpenAPI document, strictly: whatever an answer holds must be described, and with a validator
 * that is not the server's own.
 */
export class OpenApiChecker {
  readonly #document: OpenApiDocument;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #compiled = new Map<string, ValidateFunction>();

  constructor(document: OpenApiDocument) {
    this.#document = document;
    this.#ajv.addFormat('date-time', /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/);
    const { schemas } = closed(document.components) as { schemas: Record<string, Json> };
    this.#ajv.addSchema({ $id: 'https://example.com/document', components: { schemas } });
  }

  /** @returns what the document does not say of the answer; nothing for paths and methods it does not know */
  complaints({ method, path, status, contentType, body }: SeenAnswer): string[] {
    const [template, item] = this.#find(path) ?? [];
    const operation = item?.[method.toLowerCase()];
    if (!template || !operation) return [];
    const place = `${method} ${template} ${status}`;
    const response = operation.responses[String(status)];
    if (!response) return [`${place}: no such status is described`];
    if (!response.content) return body === '' ? [] : [`${place}: has a body`];
    const type = contentType?.split(';', 1)[0] ?? '';
    const media = response.content[type];
    if (!media) return [`${place}: no content type ${type} is described`];
    if (!type.endsWith('json')) return [];
    const validate = this.#compile(place, media.schema);
    if (validate(body)) return [];
    return (validate.errors ?? []).map(
      (error) => `${place}: ${error.instancePath} ${error.message} ${JSON.stringify(error.params)}`,
    );
  }

  #find(path: string): [string, Record<string, Operation>] | undefined {
    const exact = this.#document.paths[path];
    if (exact) return [path, exact];
    return Object.entries(this.#document.paths).find(([template]) =>
      new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(path),
    );
  }

  #compile(place: string, schema: Json): ValidateFunction {
    const known = this.#compiled.get(place);
    if (known) return known;
    const text = JSON.stringify(closed(schema)).replaceAll(
      '"#/components/',
      '"https://example.com/document#/components/',
    );
    const compiled = this.#ajv.compile(JSON.parse(text) as Json);
    this.#compiled.set(place, compiled);
    return compiled;
  }
}

/** No object may hold more than its schema names, whatever the document leaves open for the future. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([name, item]) => [name, closed(item)]));
  const isObject = copy['type'] === 'object' && typeof copy['properties'] === 'object';
  return isObject && copy['additionalProperties'] === undefined ? { ...copy, additionalProperties: false } : copy;
}
