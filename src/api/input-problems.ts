import type { TSchema } from 'typebox';
import type { TLocalizedValidationError } from 'typebox/error';
import type { InputProblem } from '../core/errors.ts';
import { closestName } from './closest-name.ts';

export type InputPart = 'params' | 'querystring' | 'headers' | 'body';

/** The keywords our messages look at. */
interface Described {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly 'x-read-only'?: readonly string[];
}

/** A schema's complaints as people want to read them: place by place, saying what would be right. */
export function problemsIn(
  schema: TSchema,
  part: InputPart,
  errors: readonly TLocalizedValidationError[],
): InputProblem[] {
  const problems = errors.flatMap((error) => problemOf(schema, part, error, isNullable(error, errors)));
  const seen = new Set<string>();
  return problems.filter(({ path, message }) => {
    const key = `${path} ${message}`;
    return !seen.has(key) && seen.add(key);
  });
}

function problemOf(
  schema: TSchema,
  part: InputPart,
  error: TLocalizedValidationError,
  isNullAllowed: boolean,
): InputProblem[] {
  const at = error.instancePath;
  const place = described(schema, error.schemaPath);
  const say = (message: string): InputProblem[] => [{ path: pathOf(at) || nameOf(part), message }];
  switch (error.keyword) {
    case 'required':
      return error.params.requiredProperties.map((name) => ({ path: pathOf(at, name), message: 'is required' }));
    case 'additionalProperties':
      return error.params.additionalProperties.map((name) => ({
        path: pathOf(at, shortened(name)),
        message: unknownName(name, place, part),
      }));
    // The same complaint as additionalProperties, and the frame around the complaints of a nullable value.
    case 'boolean':
    case 'anyOf':
      return [];
    case 'type': {
      const type = String(error.params.type);
      if (type === 'null') return [];
      const orNull = isNullAllowed ? ' or null' : '';
      return say(`must be ${rangeOf(place) ?? withArticle(type)}${orNull}`);
    }
    case 'minimum':
    case 'maximum':
      return say(`must be ${rangeOf(place) ?? error.message}`);
    case 'enum':
      return say(`must be one of ${error.params.allowedValues.map(String).join(', ')}`);
    case 'minLength':
    case 'maxLength':
      return say(`must have ${place.minLength ?? 0} to ${place.maxLength ?? 'any number of'} characters`);
    case 'pattern':
      return say(
        place.examples
          ? `must be ${place.description}, e.g. ${place.examples[0]}`
          : 'has characters that are not allowed here',
      );
    default:
      return say(error.message);
  }
}

/** A value that may be null is described by two branches, of which one is `null`. */
function isNullable(error: TLocalizedValidationError, errors: readonly TLocalizedValidationError[]): boolean {
  return errors.some(
    (other) =>
      other.keyword === 'type' &&
      other.params.type === 'null' &&
      other.instancePath === error.instancePath &&
      other.schemaPath !== error.schemaPath,
  );
}

function unknownName(name: string, place: Described, part: InputPart): string {
  if (place['x-read-only']?.includes(name)) return 'is read-only';
  const names = Object.keys(place.properties ?? {});
  const kind = part === 'querystring' ? 'a query parameter' : 'a property';
  const meant = closestName(name, names);
  const hint = meant ? `did you mean ${meant}? ` : '';
  const allowed = names.length > 0 ? `known are ${names.join(', ')}` : 'there are none';
  return `is not ${kind} known here: ${hint}${allowed}`;
}

function rangeOf({ minimum, maximum }: Described): string | undefined {
  return minimum !== undefined && maximum !== undefined ? `a whole number from ${minimum} to ${maximum}` : undefined;
}

function withArticle(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

/** @param schemaPath  e.g. `#/properties/start/anyOf/0` */
function described(schema: TSchema, schemaPath: string): Described {
  let place: unknown = schema;
  for (const step of steps(schemaPath.replace(/^#/, '')))
    place = (place as Record<string, unknown> | undefined)?.[step];
  return (place ?? {}) as Described;
}

function pathOf(instancePath: string, name?: string): string {
  return [...steps(instancePath), ...(name === undefined ? [] : [name])].join('.');
}

function steps(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function nameOf(part: InputPart): string {
  return part === 'body' ? 'body' : '';
}

function shortened(name: string): string {
  return name.length > 60 ? `${name.slice(0, 60)}…` : name;
}
