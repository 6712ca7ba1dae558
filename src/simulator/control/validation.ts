import type { TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';
import { type ControlProblem, invalidInput, wrong } from './control-error.ts';

const compiled = new WeakMap<TSchema, Validator>();

/** @throws {ControlError} 400 `invalid-input` naming each place and what would be right there */
export function requireBody(schema: TSchema, body: unknown): void {
  let validator = compiled.get(schema);
  if (validator === undefined) {
    validator = Compile(schema) as unknown as Validator;
    compiled.set(schema, validator);
  }
  if (validator.Check(body)) return;
  const problems = validator.Errors(body).flatMap((error) => problemsOf(schema, error));
  const seen = new Set<string>();
  const once = problems.filter(({ at, message }) => !seen.has(`${at} ${message}`) && seen.add(`${at} ${message}`));
  throw once.length > 0 ? invalidInput(once) : wrong('body', 'is not what is expected here');
}

function problemsOf(schema: TSchema, error: TLocalizedValidationError): ControlProblem[] {
  const at = error.instancePath.split('/').slice(1).join('.');
  const below = (name: string) => (at === '' ? name : `${at}.${name}`);
  const say = (message: string) => [{ at: at || 'body', message }];
  switch (error.keyword) {
    case 'required':
      return error.params.requiredProperties.map((name) => ({ at: below(name), message: 'is required' }));
    case 'additionalProperties': {
      const known = Object.keys(placeOf(schema, error.schemaPath)['properties'] ?? {});
      const message = known.length === 0 ? 'is not known here' : `is not known here; known: ${known.join(', ')}`;
      return error.params.additionalProperties.map((name) => ({ at: below(name), message }));
    }
    // What stands around the complaints themselves.
    case 'boolean':
    case 'anyOf':
      return [];
    case 'enum':
      return say(`must be one of ${error.params.allowedValues.map(String).join(', ')}`);
    case 'type':
      return say(`must be ${[error.params.type].flat().join(' or ')}${exampleOf(schema, error.schemaPath)}`);
    default:
      return say(`${error.message}${exampleOf(schema, error.schemaPath)}`);
  }
}

type Place = Record<string, unknown> & { properties?: object; examples?: unknown[] };

/** The schema a complaint is about: `#/properties/furnish` and the like. */
function placeOf(schema: TSchema, path: string): Place {
  let place = schema as unknown as Place;
  for (const step of path.replace(/^#/, '').split('/').filter(Boolean)) {
    const next = place[step];
    if (typeof next !== 'object' || next === null) break;
    place = next as Place;
  }
  return place;
}

function exampleOf(schema: TSchema, path: string): string {
  const [example] = placeOf(schema, path).examples ?? [];
  return example === undefined ? '' : `, e.g. ${JSON.stringify(example)}`;
}

/** @throws {ControlError} 400 for a query parameter nobody reads */
export function requireKnownQuery(query: Readonly<Record<string, string>>, known: readonly string[] = []): void {
  for (const name of Object.keys(query)) {
    if (known.includes(name)) continue;
    throw wrong(
      name,
      known.length === 0 ? 'no query parameter is known here' : `is not known here; known: ${known.join(', ')}`,
    );
  }
}

/** @throws {ControlError} 400 unless `true`, `false` or nothing */
export function flag(query: Readonly<Record<string, string>>, name: string): boolean {
  const text = query[name] ?? 'false';
  if (text !== 'true' && text !== 'false') throw wrong(name, 'must be true or false');
  return text === 'true';
}
