import type { FastifyRequest, FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Settings } from 'typebox/system';
import type { InputProblem } from '../core/errors.ts';
import { type InputPart, problemsIn } from './input-problems.ts';
import { HttpProblem } from './problem.ts';

/** All that is wrong is said at once, up to a number that a person might read and an attacker cannot grow. */
const MOST_PROBLEMS = 50;
Settings.Set({ maxErrors: MOST_PROBLEMS });

const PARTS = ['params', 'querystring', 'headers', 'body'] as const;

/**
 * Checks what comes in against the schemas that also make the OpenAPI document. Nothing is dropped, and nothing but
 * the text of an address is turned into numbers and truth values, and that only where it is plainly one.
 */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const part = httpPart as InputPart;
  const validator = Compile(schema);
  return (received: unknown) => {
    const value = part === 'querystring' ? coerced(schema, received) : (received ?? emptyBody(schema, part));
    const problems = validator.Check(value)
      ? forbiddenCharacters(value)
      : problemsIn(schema, part, validator.Errors(value));
    return problems.length === 0 ? { value } : { error: invalidInput(problems) };
  };
};

/** Fastify stops at the first part of a request that is wrong; the caller is told about the others too. */
export function allProblems(request: FastifyRequest): InputProblem[] {
  const values = { params: request.params, querystring: request.query, headers: request.headers, body: request.body };
  return PARTS.flatMap((part) => {
    const validate = request.getValidationFunction(part) as unknown;
    if (typeof validate !== 'function') return [];
    const { error } = validate(values[part] ?? null) as { error?: HttpProblem };
    return error?.problems ?? [];
  }).slice(0, MOST_PROBLEMS);
}

export function invalidInput(problems: readonly InputProblem[]): HttpProblem {
  const [first] = problems;
  const others = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return new HttpProblem(400, 'INVALID_INPUT', `${first?.path} ${first?.message}${others}`, { problems });
}

interface QuerySchema {
  readonly properties?: Readonly<Record<string, { readonly type?: string; readonly default?: unknown }>>;
}

function coerced(schema: TSchema, received: unknown): unknown {
  const { properties = {} } = schema as QuerySchema;
  const query: Record<string, unknown> = { ...(received as Record<string, unknown>) };
  for (const [name, { type, default: preset }] of Object.entries(properties)) {
    const text = query[name];
    if (text === undefined && preset !== undefined) query[name] = preset;
    if (typeof text !== 'string') continue;
    if (type === 'integer' && /^-?\d{1,15}$/.test(text)) query[name] = Number(text);
    if (type === 'boolean' && (text === 'true' || text === 'false')) query[name] = text === 'true';
  }
  return query;
}

/** Where nothing in a body is required, no body at all will do. */
function emptyBody(schema: TSchema, part: InputPart): unknown {
  const { type, required = [] } = schema as { type?: string; required?: readonly string[] };
  return part === 'body' && type === 'object' && required.length === 0 ? {} : null;
}

/** Deeper than anything that is taken in; nesting without end would be too much for whoever looks through it. */
const MOST_LEVELS = 64;

/** PostgreSQL keeps no NUL in text; better refused here by name than there by accident. */
function forbiddenCharacters(value: unknown, path: readonly string[] = []): InputProblem[] {
  if (typeof value === 'string') {
    return value.includes('\0') ? [{ path: path.join('.'), message: 'must not contain the character NUL' }] : [];
  }
  if (typeof value !== 'object' || value === null) return [];
  if (path.length > MOST_LEVELS) return [{ path: path[0] ?? '', message: 'is nested too deeply' }];
  return Object.entries(value).flatMap(([name, item]) => forbiddenCharacters(item, [...path, name]));
}
