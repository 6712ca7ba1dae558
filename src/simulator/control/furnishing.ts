import { type Static, Type } from 'typebox';
import { generateMailbox } from '../furnish/generated-mailbox.ts';
import { BUSY_SHAPE, type MailboxShape } from '../furnish/mailbox-shape.ts';
import { loadSampleMailbox } from '../furnish/sample-mailbox.ts';
import type { GraphSimulator } from '../graph-simulator.ts';
import { wrong } from './control-error.ts';
import { Strict } from './shapes.ts';

/** A shape names what its values are; how large they may be the generator says. */
const Shape = Type.Unsafe<Partial<MailboxShape>>({
  type: 'object',
  additionalProperties: false,
  properties: Object.fromEntries(
    Object.entries(BUSY_SHAPE).map(([name, value]) => [
      name,
      typeof value === 'number' ? { type: 'number', examples: [value] } : { type: 'array', items: { type: 'string' } },
    ]),
  ),
});

/** With what a new mailbox is furnished. */
export const Furnishing = Strict(
  {
    sample: Type.Optional(Type.Literal(true)),
    events: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, examples: [1000] })),
    seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })),
    shape: Type.Optional(Shape),
  },
  { minProperties: 1 },
);

/** Makes the mailbox as it should be from the start, so that nobody sees it half furnished. */
export function furnish(simulator: GraphSimulator, address: string, wanted: Static<typeof Furnishing>): void {
  const { sample, events, seed, shape } = wanted;
  const now = simulator.now();
  if ((sample === undefined) === (events === undefined)) throw wrong('furnish', 'give one of sample and events');
  if (events === undefined) {
    if (seed !== undefined || shape !== undefined) throw wrong('furnish', 'seed and shape belong to events');
    loadSampleMailbox(simulator, { address, now });
    return;
  }
  const more = { ...(seed === undefined ? {} : { seed }), ...(shape === undefined ? {} : { shape }) };
  try {
    generateMailbox(simulator, { address, events, now, ...more });
  } catch (error) {
    if (error instanceof RangeError) throw wrong('furnish', error.message);
    throw error;
  }
}
