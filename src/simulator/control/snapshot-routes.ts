import { Type } from 'typebox';
import { ControlError } from './control-error.ts';
import { bodyRoute, type ControlRoute, JsonText, route } from './control-route.ts';
import { mailboxOf } from './lookups.ts';

const MailboxState = Type.Object({
  state: Type.Object({ id: Type.String(), address: Type.String(), calendars: Type.Array(Type.Object({})) }),
  items: Type.Array(Type.Object({})),
  log: Type.Array(Type.Object({})),
});
/** Enough to tell a snapshot from anything else; what is inside is the simulator's own. */
const Whole = Type.Object({
  format: Type.Literal(1),
  secret: Type.String(),
  random: Type.Number(),
  outbox: Type.Array(Type.Object({})),
  mailboxes: Type.Array(MailboxState),
});
const One = Type.Object({ format: Type.Literal(1), mailbox: MailboxState });

export const SNAPSHOT_ROUTES: readonly ControlRoute[] = [
  route(
    'GET /snapshot',
    'the whole state, to be put back later',
    ({ simulator }) => new JsonText(simulator.snapshot()),
  ),
  bodyRoute('PUT /snapshot', 'puts a whole state back', Whole, ({ simulator, body }) => {
    simulator.restore(JSON.stringify(body));
  }),
  route(
    'GET /mailboxes/{mailbox}/snapshot',
    'the state of one mailbox',
    (context) => new JsonText(context.simulator.snapshotMailbox(mailboxOf(context).id)),
  ),
  bodyRoute(
    'PUT /mailboxes/{mailbox}/snapshot',
    'puts one mailbox back, or adds it; delta links issued since answer 410',
    One,
    ({ simulator, params, body }) => {
      const { id, address } = body.mailbox.state;
      const named = params['mailbox']!.toLowerCase();
      if (named !== id.toLowerCase() && named !== address.toLowerCase()) {
        throw new ControlError(409, 'another-mailbox', `The snapshot is of ${address}, the path names ${named}.`);
      }
      const holder = simulator.mailboxes.find((each) => each.address.toLowerCase() === address.toLowerCase());
      if (holder !== undefined && holder.id !== id) {
        throw new ControlError(409, 'another-mailbox', `There is another mailbox ${address}; DELETE it first.`);
      }
      simulator.restoreMailbox(JSON.stringify(body));
    },
  ),
];
