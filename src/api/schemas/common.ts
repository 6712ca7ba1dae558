import { type TSchema, Type } from 'typebox';

/**
 * One description of everything that goes in and out: what validates a request is what the OpenAPI document shows.
 * A schema with a title becomes a component of that name.
 */

export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** Of a closed list of words. */
export const OneOf = <const Words extends readonly string[]>(words: Words, options: { description?: string } = {}) =>
  Type.Unsafe<Words[number]>({ type: 'string', enum: [...words], ...options });

export const Instant = Type.String({ format: 'date-time' });
const CLOCK = '[Tt]\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?';
/** An instant in a body. */
export const InstantText = Type.String({
  pattern: `^\\d{4}-\\d{2}-\\d{2}${CLOCK}([Zz]|[+-]\\d{2}:\\d{2})$`,
  description: 'an instant, ISO 8601 with its offset',
  examples: ['2026-03-01T08:00:00Z'],
});
/** An instant in an address, where people type: a date will do, and a `+` that was not encoded has become a space. */
export const QueryInstant = Type.String({
  pattern: `^\\d{4}-\\d{2}-\\d{2}(${CLOCK}([Zz]|[+ -]\\d{2}:?\\d{2})?)?$`,
  description: 'an instant, ISO 8601; UTC where it names no offset',
  examples: ['2026-03-01T08:00:00Z'],
});
export const Count = Type.Integer({ minimum: 0 });

/** An object of exactly these properties, as callers send them: others are refused by name. */
export const Strict = <T extends Record<string, TSchema>>(
  properties: T,
  options: { title?: string; description?: string; minProperties?: number; 'x-read-only'?: readonly string[] } = {},
) => Type.Object(properties, { ...options, additionalProperties: false });

export const limit = (preset: number, maximum: number) => Type.Integer({ minimum: 1, maximum, default: preset });
export const offset = Type.Integer({ minimum: 0, maximum: 1_000_000_000, default: 0 });
export const days = (preset: number) => Type.Integer({ minimum: 1, maximum: 366, default: preset });

export const Subject = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 255,
    description: 'for operators: another user’s, or * for everybody’s',
  }),
);

/** An id in an address; one that does not exist is answered with 404, whatever it looks like. */
export const id = <Name extends string>(name: Name, description: string) =>
  Type.Object({ [name]: Type.String({ description }) } as Record<Name, ReturnType<typeof Type.String>>);

export const listOf = <T extends TSchema>(title: string, item: T) =>
  Type.Object({ items: Type.Array(item) }, { title });

export const pageOf = <T extends TSchema>(title: string, item: T) =>
  Type.Object({ items: Type.Array(item), total: Count, limit: Count, offset: Count }, { title });

const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'a URN made of the code' }),
    title: Type.String({ description: 'the status in words' }),
    status: Type.Integer(),
    detail: Type.String({ description: 'what is wrong, and what would be right' }),
    instance: Type.String({ description: 'the path that was asked' }),
    code: Type.String({ pattern: '^[A-Z][A-Z_]*$', description: 'stable; what programs should look at' }),
    correlationId: Type.String(),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          path: Type.String({ description: 'the place in the input, e.g. start.timeZone' }),
          message: Type.String(),
        }),
      ),
    ),
    details: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'ids and numbers that help' })),
  },
  { title: 'Problem', description: 'RFC 9457' },
);

const PROBLEMS: Readonly<Record<number, string>> = {
  400: 'malformed, or not of the shape described here',
  401: 'no token (TOKEN_MISSING), an old one (TOKEN_EXPIRED) or a bad one (TOKEN_INVALID)',
  403: 'not for callers of this role',
  404: 'there is no such thing, or it is somebody else’s',
  409: 'not in this state',
  410: 'the cursor is too old (CURSOR_EXPIRED): start over without one',
  412: 'the thing has changed since (If-Match)',
  413: 'the body is too large',
  415: 'a content type that this does not accept',
  422: 'understood, but impossible',
  429: 'too many requests; Retry-After says when to try again',
  500: 'a fault in the service',
  503: 'the database, the key server or Graph does not answer just now',
};

interface AnswerOptions {
  readonly headers?: Readonly<Record<string, TSchema>>;
  /** Instead of JSON. */
  readonly mediaType?: string;
}

/** A good answer: what it means, what is in it (nothing: no content), and the headers worth knowing. */
export const answer = (description: string, schema?: TSchema, options: AnswerOptions = {}): TSchema => {
  const headers = options.headers ? { headers: options.headers } : {};
  if (!schema) return { type: 'null', description, ...headers } as TSchema;
  return { description, ...headers, content: { [options.mediaType ?? 'application/json']: { schema } } } as TSchema;
};

/** All answers of a route: the good ones, and the problems it can end in beside those that every route can. */
export function answers(
  good: Readonly<Record<number, TSchema>>,
  ...problems: readonly (keyof typeof PROBLEMS)[]
): Record<number, TSchema> {
  const codes = [...new Set([400, 401, ...problems, 429, 500, 503])].filter((status) => !(status in good));
  return { ...good, ...Object.fromEntries(codes.map((status) => [status, problem(status)])) };
}

/** Of routes that anybody may call. */
export function publicAnswers(
  good: Readonly<Record<number, TSchema>>,
  ...problems: readonly (keyof typeof PROBLEMS)[]
): Record<number, TSchema> {
  return { ...good, ...Object.fromEntries([400, ...problems, 429, 500].map((status) => [status, problem(status)])) };
}

/** Of routes for browsers, which answer with a page whatever happens; what never got as far as the route is a problem. */
export function pageAnswers(...problems: readonly (keyof typeof PROBLEMS)[]): Record<number, TSchema> {
  const html = { 'text/html': { schema: Type.String() } };
  const either = (status: number) =>
    ({
      description: PROBLEMS[status] ?? '',
      content: { ...html, 'application/problem+json': { schema: ProblemSchema } },
    }) as TSchema;
  return {
    200: { description: 'a page that says what became of it', content: html } as TSchema,
    ...Object.fromEntries([400, 500, 503].map((status) => [status, either(status)])),
    ...Object.fromEntries([...problems, 429].map((status) => [status, problem(status)])),
  };
}

function problem(status: number): TSchema {
  return answer(PROBLEMS[status] ?? '', ProblemSchema, { mediaType: 'application/problem+json' });
}
