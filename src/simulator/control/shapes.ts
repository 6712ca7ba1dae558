import { type TSchema, Type } from 'typebox';

/** Shapes that several routes take. What is inside an event is Graph's business, and refused in its words. */

/** An object of exactly these properties; others are refused by name. */
export const Strict = <T extends Record<string, TSchema>>(properties: T, options: { minProperties?: number } = {}) =>
  Type.Object(properties, { ...options, additionalProperties: false });

/** Of a closed list of words. */
export const OneOf = <const Words extends readonly string[]>(words: Words) =>
  Type.Unsafe<Words[number]>({ type: 'string', enum: [...words] });

export const Address = Type.String({ pattern: '^[^\\s@]+@[^\\s@]+$', examples: ['grace@example.com'] });
export const Name = Type.String({ minLength: 1, maxLength: 255 });

/** An event or a part of one, as Graph takes it. */
export const EventBody = Type.Unsafe<Record<string, unknown>>({ type: 'object', minProperties: 1 });

export const WallTime = Strict({
  dateTime: Type.String({ examples: ['2026-03-05T09:00:00'] }),
  timeZone: Type.String({ examples: ['W. Europe Standard Time'] }),
});
