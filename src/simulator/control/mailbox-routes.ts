import { type Static, Type } from 'typebox';
import type { GraphSimulator } from '../graph-simulator.ts';
import type { SimulatedMailbox } from '../mailbox/simulated-mailbox.ts';
import { findZone } from '../mailbox/zones.ts';
import { ControlError, wrong } from './control-error.ts';
import { bodyRoute, type ControlRoute, route } from './control-route.ts';
import { Furnishing, furnish } from './furnishing.ts';
import { mailboxOf } from './lookups.ts';
import { Address, Name, Strict } from './shapes.ts';

const NewMailbox = Strict({
  address: Address,
  name: Type.Optional(Name),
  timeZone: Type.Optional(Type.String({ examples: ['W. Europe Standard Time'] })),
  furnish: Type.Optional(Furnishing),
});

export const MAILBOX_ROUTES: readonly ControlRoute[] = [
  route('GET /mailboxes', 'all mailboxes', ({ simulator }) => simulator.mailboxes.map(described)),
  bodyRoute(
    'POST /mailboxes',
    'makes a mailbox, empty or furnished',
    NewMailbox,
    ({ simulator, body }) => make(simulator, body),
    { status: 201 },
  ),
  route('GET /mailboxes/{mailbox}', 'one mailbox', (context) => described(mailboxOf(context))),
  route('DELETE /mailboxes/{mailbox}', 'removes it with all that is in it', (context) => {
    context.simulator.removeMailbox(mailboxOf(context).id);
  }),
];

function make(simulator: GraphSimulator, body: Static<typeof NewMailbox>): object {
  const { furnish: wanted, ...identity } = body;
  const { address, timeZone } = identity;
  if (timeZone !== undefined && findZone(timeZone) === undefined) {
    throw wrong('timeZone', `'${timeZone}' is no Windows or IANA zone, e.g. W. Europe Standard Time`);
  }
  if (simulator.mailboxes.some((each) => each.address.toLowerCase() === address.toLowerCase())) {
    throw new ControlError(409, 'mailbox-exists', `There is a mailbox ${address} already.`);
  }
  if (wanted === undefined) return described(simulator.addMailbox(identity));
  const refused = furnish(simulator, identity, wanted);
  return { ...described(simulator.mailbox(address)), ...(refused.length === 0 ? {} : { refused }) };
}

function described(mailbox: SimulatedMailbox) {
  const { address, id, name, timeZone } = mailbox;
  return { address, id, name, timeZone, calendars: mailbox.listCalendars(), events: mailbox.eventCount };
}
