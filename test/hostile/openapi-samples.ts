import type { Dice } from './dice.ts';

/** Requests that the OpenAPI document would allow, made from nothing but the document: a new route is tried by itself. */

interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly examples?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly minLength?: number;
  readonly $ref?: string;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: Schema;
}

interface Document {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly parameters?: readonly Parameter[];
            readonly responses?: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
            readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> };
          }
        >
      >
    >
  >;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

export interface Operation {
  readonly method: string;
  readonly path: string;
  /** With what has to be in it. */
  readonly query: string;
  readonly type: string | undefined;
  readonly schema: unknown;
  /** For a person's browser: what is wrong is said in HTML. */
  readonly isPage: boolean;
}

let components: Readonly<Record<string, Schema>> = {};

export function operationsOf(document: Document): Operation[] {
  components = document.components?.schemas ?? {};
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { parameters = [], requestBody, responses = {} }]): Operation => {
      const [type] = Object.keys(requestBody?.content ?? {});
      const needed = parameters.filter((parameter) => parameter.in === 'query' && parameter.required);
      const query = needed.map(
        ({ name }) => `${name}=${name === 'end' ? '2026-04-01T00:00:00Z' : '2026-03-01T00:00:00Z'}`,
      );
      return {
        method: method.toUpperCase(),
        path,
        query: query.length > 0 ? `?${query.join('&')}` : '',
        type,
        isPage: Object.values(responses).some(({ content = {} }) => 'text/html' in content),
        schema: type === undefined ? undefined : requestBody?.content?.[type]?.schema,
      };
    }),
  );
}

/** A value the schema would take, or nearly: patterns are met only where their example is. */
export function sampleOf(schema: unknown, dice: Dice, depth = 0): unknown {
  const resolved = followed(schema as Schema | undefined);
  if (!resolved || depth > 12) return null;
  if (resolved.const !== undefined) return resolved.const;
  if (resolved.enum) return dice.oneOf(resolved.enum);
  const choices = resolved.anyOf ?? resolved.oneOf;
  if (choices) return sampleOf(dice.oneOf(choices), dice, depth + 1);
  if (resolved.allOf)
    return Object.assign({}, ...resolved.allOf.map((each) => sampleOf(each, dice, depth + 1) as object));
  if (resolved.examples && resolved.examples.length > 0) return dice.oneOf(resolved.examples);
  const type = Array.isArray(resolved.type) ? dice.oneOf(resolved.type as string[]) : resolved.type;
  if (type === 'object') return objectOf(resolved, dice, depth);
  if (type === 'array') return Array.from({ length: dice.below(3) }, () => sampleOf(resolved.items, dice, depth + 1));
  if (type === 'integer' || type === 'number') return (resolved.minimum ?? 0) + dice.below(5);
  if (type === 'boolean') return dice.is(0.5);
  if (type === 'null') return null;
  return textOf(resolved, dice);
}

function objectOf({ properties = {}, required = [] }: Schema, dice: Dice, depth: number): Record<string, unknown> {
  const names = Object.keys(properties).filter((name) => required.includes(name) || dice.is(0.3));
  return Object.fromEntries(names.map((name) => [name, sampleOf(properties[name], dice, depth + 1)]));
}

function textOf({ pattern = '', format, minLength = 1 }: Schema, dice: Dice): string {
  const known = [
    '2026-03-09T09:00:00',
    '2026-03-09T09:00:00Z',
    '2026-03-09',
    'UTC',
    'a@example.com',
    'https://example.com/x',
  ];
  const fitting = known.filter((text) => pattern !== '' && new RegExp(pattern, 'u').test(text));
  if (fitting.length > 0) return dice.oneOf(fitting);
  if (format === 'date-time') return '2026-03-09T09:00:00Z';
  return dice.is(0.5) ? dice.oneOf(known) : 'x'.repeat(minLength);
}

function followed(schema: Schema | undefined): Schema | undefined {
  if (!schema?.$ref) return schema;
  return components[schema.$ref.split('/').at(-1) ?? ''];
}
