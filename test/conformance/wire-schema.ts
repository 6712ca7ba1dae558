import { Ajv, type ValidateFunction } from 'ajv';
import { parse } from 'yaml';
import { readShared } from './shared-data.ts';

export type Json = Record<string, unknown>;

/** One operation of the description: a path template with a method. */
export interface Operation {
  readonly name: string;
  readonly requestSchema: Json | undefined;
  /** By status; `4XX` and `5XX` stand for their class. No schema: no body, or one that is not JSON. */
  readonly responses: ReadonlyMap<string, Json | undefined>;
}

interface OpenApi {
  paths: Record<string, Record<string, Json>>;
  components: Record<string, Record<string, Json>>;
}

/** Microsoft's machine-readable description of calendars, as far as it holds on the wire. */
export class WireSchema {
  readonly operations: ReadonlyMap<string, Operation>;
  readonly #document: OpenApi;
  readonly #templates: { template: string; pattern: RegExp }[];
  readonly #ajv = new Ajv({ strict: false, allErrors: true, logger: false });
  readonly #compiled = new Map<string, ValidateFunction>();

  constructor() {
    this.#document = parse(readShared('graph-openapi', 'calendar-v1.0.wire.yaml')) as OpenApi;
    this.#addFormats();
    this.#ajv.addSchema({ $id: 'https://graph/document', components: this.#document.components });
    this.#templates = Object.keys(this.#document.paths)
      .sort((a, b) => placeholders(a) - placeholders(b))
      .map((template) => ({ template, pattern: patternOf(template) }));
    this.operations = new Map(this.#readOperations().map((operation) => [operation.name, operation]));
  }

  /** @returns the operation's name, `GET /me/events/{event-id}`, or undefined for a path the file does not know */
  find(method: string, path: string): Operation | undefined {
    const found = this.#templates.find(({ pattern }) => pattern.test(path));
    return found && this.operations.get(`${method} ${found.template}`);
  }

  /** What `schema` says against `value`, and their types against parts that name one; nothing when all fits. */
  complaints(value: unknown, schema: Json): string[] {
    const derived = parts(value).flatMap(({ at, part }) => {
      const type = this.#derived(part);
      return type === undefined ? [] : this.#complaintsOf(part, type).map((each) => `${at}${each}`);
    });
    return [...this.#complaintsOf(value, schema), ...derived];
  }

  #complaintsOf(value: unknown, schema: Json): string[] {
    const validate = this.#compile(schema);
    if (validate(value)) return [];
    // A failed alternative reports each branch; the deepest message is the telling one.
    const errors = validate.errors ?? [];
    return errors.map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`);
  }

  /** Names in `value` that the description does not have, as `event.uid`. */
  unknownNames(value: unknown, schema: Json, owner = 'answer'): string[] {
    if (Array.isArray(value)) {
      const items = this.#members(schema).items;
      return items === undefined ? [] : value.flatMap((each) => this.unknownNames(each, items, owner));
    }
    if (typeof value !== 'object' || value === null) return [];
    const type = this.#derived(value);
    const { properties, name } = this.#members(type ?? schema);
    // What may hold anything is known by nothing.
    if (name === 'openTypeExtension') return [];
    const self = name ?? owner;
    if (Object.keys(properties).length === 0) return [];
    return Object.entries(value).flatMap(([key, each]) => {
      if (key.includes('@')) return [];
      const inner = properties[key];
      return inner === undefined ? [`${self}.${key}`] : this.unknownNames(each, inner, `${self}.${key}`);
    });
  }

  /** The published type's name, `Event`, and whether the answer is a collection of it. */
  typeOf(schema: Json): { name: string; isList: boolean } | undefined {
    const { name, properties } = this.#members(schema);
    const items = properties['value'] && this.#members(properties['value']).items;
    const listed = items && this.#members(items).name;
    if (listed !== undefined) return { name: typeName(listed), isList: true };
    return name === undefined || name.includes('.') ? undefined : { name: typeName(name), isList: false };
  }

  /** The schema of the type a value says it is of, `#microsoft.graph.fileAttachment`. */
  #derived(value: unknown): Json | undefined {
    const type = (value as Json | null)?.['@odata.type'];
    const name = typeof type === 'string' ? type.replace(/^#/, '') : '';
    return this.#document.components['schemas']?.[name] === undefined ? undefined : this.schema(name);
  }

  schema(name: string): Json {
    return { $ref: `#/components/schemas/${name}` };
  }

  /** The direct properties of a type with their schemas, inherited ones included. */
  properties(schema: Json): Record<string, Json> {
    return this.#members(schema).properties;
  }

  #readOperations(): Operation[] {
    return Object.entries(this.#document.paths).flatMap(([template, item]) =>
      Object.entries(item)
        .filter(([, operation]) => typeof operation === 'object' && 'responses' in operation)
        .map(([method, operation]) => ({
          name: `${method.toUpperCase()} ${template}`,
          requestSchema: this.#contentSchema(operation['requestBody'] as Json | undefined),
          responses: new Map(
            Object.entries(operation['responses'] as Record<string, Json>).map(([status, response]) => [
              status,
              this.#contentSchema(response),
            ]),
          ),
        })),
    );
  }

  #contentSchema(holder: Json | undefined): Json | undefined {
    if (holder === undefined) return undefined;
    const { content } = this.#resolve(holder) as { content?: Record<string, { schema: Json }> };
    return content?.['application/json']?.schema;
  }

  #resolve(schema: Json): Json {
    const reference = schema['$ref'];
    if (typeof reference !== 'string') return schema;
    const [, , kind, name] = reference.split('/');
    const found = this.#document.components[kind!]?.[name!];
    if (found === undefined) throw new Error(`${reference} leads nowhere`);
    return this.#resolve(found);
  }

  /** A schema's own and inherited properties, the schema of its items, and the name of its type. */
  #members(schema: Json): { properties: Record<string, Json>; items?: Json; name?: string } {
    const reference = schema['$ref'];
    const ownName =
      typeof reference === 'string' ? reference.split('/').at(-1)?.replace('microsoft.graph.', '') : undefined;
    const own = this.#resolve(schema);
    const parts = [...((own['allOf'] ?? []) as Json[]), ...((own['anyOf'] ?? []) as Json[])].map((part) =>
      this.#members(part),
    );
    const properties = Object.assign({}, ...parts.map((part) => part.properties), own['properties']) as Record<
      string,
      Json
    >;
    const items = (own['items'] as Json | undefined) ?? parts.find((part) => part.items)?.items;
    // Only "X or null" passes its name on: what extends a type is another one.
    const alternative = own['anyOf'] === undefined ? undefined : parts.find((part) => part.name)?.name;
    const name = ownName ?? alternative;
    return { properties, ...(items ? { items } : {}), ...(name ? { name } : {}) };
  }

  /** @throws when the schema cannot be compiled: a schema that is skipped would let everything pass */
  #compile(schema: Json): ValidateFunction {
    const text = JSON.stringify(schema).replaceAll('"#/components/', '"https://graph/document#/components/');
    const known = this.#compiled.get(text);
    if (known) return known;
    const compiled = this.#ajv.compile(JSON.parse(text) as Json);
    this.#compiled.set(text, compiled);
    return compiled;
  }

  #addFormats(): void {
    this.#ajv.addFormat('date-time', /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/);
    this.#ajv.addFormat('date', /^\d{4}-\d{2}-\d{2}$/);
    this.#ajv.addFormat('time', /^\d{2}:\d{2}:\d{2}(\.\d+)?$/);
    this.#ajv.addFormat('uuid', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i);
    this.#ajv.addFormat('duration', /^-?P/);
    this.#ajv.addFormat('base64url', /^[\w+/-]*={0,2}$/);
    this.#ajv.addFormat('int32', {
      type: 'number',
      validate: (n: number) => Number.isInteger(n) && Math.abs(n) < 2 ** 31,
    });
    this.#ajv.addFormat('int64', { type: 'number', validate: Number.isInteger });
    this.#ajv.addFormat('double', { type: 'number', validate: Number.isFinite });
    this.#ajv.addFormat('uint8', { type: 'number', validate: (n: number) => Number.isInteger(n) && n >= 0 && n < 256 });
  }
}

/** A value and all objects in it, with the place of each. */
function parts(value: unknown, at = ''): { at: string; part: unknown }[] {
  if (typeof value !== 'object' || value === null) return [];
  return [{ at, part: value }, ...Object.entries(value).flatMap(([name, each]) => parts(each, `${at}/${name}`))];
}

const placeholders = (template: string): number => template.split('{').length;

const typeName = (name: string): string => name[0]!.toUpperCase() + name.slice(1);

/** Paths are case-insensitive, keys are not looked into. */
function patternOf(template: string): RegExp {
  const escaped = template.replaceAll(/[.$()*+?]/g, '\\$&').replaceAll(/\{[^}]+\}/g, '[^/]+');
  return new RegExp(`^${escaped}$`, 'i');
}
