import { type Static, Type } from 'typebox';
import { generateMailbox } from '../furnish/generated-mailbox.ts';
import { type IcsLoaded, loadIcs } from '../furnish/ics-mailbox.ts';
import { BUSY_SHAPE, type MailboxShape } from '../furnish/mailbox-shape.ts';
import { loadSampleMailbox } from '../furnish/sample-mailbox.ts';
import type { GraphSimulator } from '../graph-simulator.ts';
import type { SimulatedMailbox } from '../mailbox/simulated-mailbox.ts';
import { wrong } from './control-error.ts';
import { tried } from './lookups.ts';
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
    ics: Type.Optional(Type.String({ minLength: 1 })),
  },
  { minProperties: 1 },
);

export interface NewMailbox {
  address: string;
  name?: string;
  timeZone?: string;
}

/**
 * Makes the mailbox as it should be from the start, so that nobody sees it half furnished.
 *
 * @returns what a calendar file held and Outlook cannot
 */
export function furnish(
  simulator: GraphSimulator,
  identity: NewMailbox,
  wanted: Static<typeof Furnishing>,
): IcsLoaded['refused'] {
  const { sample, events, seed, shape, ics } = wanted;
  const sources = [sample, events, ics].filter((each) => each !== undefined);
  if (sources.length !== 1) throw wrong('furnish', 'give one of sample, events and ics');
  if (events === undefined && (seed !== undefined || shape !== undefined)) {
    throw wrong('furnish', 'seed and shape belong to events');
  }
  if (ics !== undefined) return furnishFromFile(simulator, identity, ics);
  const { address } = identity;
  for (const name of ['name', 'timeZone'] as const) {
    if (identity[name] !== undefined) throw wrong(name, 'is part of the furniture: leave it out, or leave furnish out');
  }
  const now = simulator.now();
  if (events === undefined) loadSampleMailbox(simulator, { address, now });
  else generate(simulator, { address, events, now, ...given({ seed, shape }) });
  return [];
}

function generate(simulator: GraphSimulator, o: Parameters<typeof generateMailbox>[1]): void {
  try {
    generateMailbox(simulator, o);
  } catch (error) {
    if (error instanceof RangeError) throw wrong('furnish', error.message);
    throw error;
  }
}

function furnishFromFile(simulator: GraphSimulator, identity: NewMailbox, ics: string): IcsLoaded['refused'] {
  const mailbox = simulator.addMailbox(identity);
  try {
    return importFile(mailbox, ics).refused;
  } catch (error) {
    simulator.removeMailbox(mailbox.id);
    throw error;
  }
}

/** @throws {ControlError} 400 for what is no calendar file */
export function importFile(mailbox: SimulatedMailbox, ics: string, o: { calendarId?: string } = {}): IcsLoaded {
  if (!/BEGIN:VCALENDAR/i.test(ics)) throw wrong('ics', 'is no iCalendar file: BEGIN:VCALENDAR is missing');
  return tried(() => loadIcs(mailbox, ics, o));
}

/** Without what is undefined. */
function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T as never;
}
