import { type Static, Type } from 'typebox';
import { generateMailbox } from '../furnish/generated-mailbox.ts';
import { loadSampleMailbox } from '../furnish/sample-mailbox.ts';
import type { GraphSimulator } from '../graph-simulator.ts';
import { wrong } from './control-error.ts';
import { Strict } from './shapes.ts';

/** With what a new mailbox is furnished. */
export const Furnishing = Strict(
  {
    sample: Type.Optional(Type.Literal(true)),
    events: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, examples: [1000] })),
    seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })),
  },
  { minProperties: 1 },
);

/** Makes the mailbox as it should be from the start, so that nobody sees it half furnished. */
export function furnish(
  simulator: GraphSimulator,
  mailbox: { address: string },
  wanted: Static<typeof Furnishing>,
): void {
  const { sample, events, seed } = wanted;
  const now = simulator.now();
  if ((sample === undefined) === (events === undefined))
    throw wrong('furnish', 'give sample or events, and one of them');
  if (sample !== undefined) loadSampleMailbox(simulator, { address: mailbox.address, now });
  else
    generateMailbox(simulator, {
      address: mailbox.address,
      events: events!,
      now,
      ...(seed === undefined ? {} : { seed }),
    });
}
