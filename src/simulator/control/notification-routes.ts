import { Type } from 'typebox';
import type { GraphSimulator } from '../graph-simulator.ts';
import { ControlError } from './control-error.ts';
import { bodyRoute, type ControlContext, type ControlRoute, route } from './control-route.ts';
import { Strict } from './shapes.ts';

const ONE = '/subscriptions/{id}';
const NOTHING = Strict({});
const OPTIONAL = { isBodyOptional: true };

/** What an operator, or fate, does to subscriptions and to what is sent to webhooks. */
export const NOTIFICATION_ROUTES: readonly ControlRoute[] = [
  route('GET /subscriptions', 'living subscriptions of every application', ({ simulator }) =>
    simulator.notifications.list(),
  ),
  bodyRoute(
    `POST ${ONE}/vanish`,
    'it is gone and nobody is told',
    NOTHING,
    on((it, id) => it.vanish(id)),
    OPTIONAL,
  ),
  bodyRoute(
    `POST ${ONE}/remove`,
    'the service deletes it, and says so',
    NOTHING,
    on((it, id) => it.remove(id)),
    OPTIONAL,
  ),
  bodyRoute(
    `POST ${ONE}/require-reauthorization`,
    'asks for a new authorisation; with `lapse` the old one is over at once',
    Strict({ lapse: Type.Optional(Type.Boolean()) }),
    on((it, id, body: { lapse?: boolean }) => it.requireReauthorization(id, body)),
    OPTIONAL,
  ),
  bodyRoute(
    `POST ${ONE}/missed`,
    'says that notifications were lost',
    NOTHING,
    on((it, id) => it.missed(id)),
    OPTIONAL,
  ),
  route('GET /notifications', 'whether sending is paused, and how many are on their way', ({ simulator }) =>
    described(simulator),
  ),
  bodyRoute(
    'POST /notifications/pause',
    'nothing is sent until resumed',
    NOTHING,
    ({ simulator }) => {
      simulator.notifications.pause();
      return described(simulator);
    },
    OPTIONAL,
  ),
  bodyRoute(
    'POST /notifications/resume',
    'what was collected is sent',
    NOTHING,
    ({ simulator }) => {
      simulator.notifications.resume();
      return described(simulator);
    },
    OPTIONAL,
  ),
  route(
    'GET /deliveries',
    'what was POSTed to webhooks, and what they answered',
    ({ simulator }) => simulator.notifications.deliveries,
  ),
  route('DELETE /deliveries', 'forgets them', ({ simulator }) => simulator.notifications.clearDeliveries()),
];

type Notifications = GraphSimulator['notifications'];

function on<B>(action: (notifications: Notifications, id: string, body: B) => void) {
  return ({ simulator, params, body }: ControlContext<B>): undefined => {
    const id = params['id']!;
    if (!simulator.notifications.list().some((each) => each.id === id)) {
      throw new ControlError(
        404,
        'no-such-subscription',
        `There is no subscription ${id}. GET /simulator/subscriptions lists them.`,
      );
    }
    action(simulator.notifications, id, body);
  };
}

const described = ({ notifications }: GraphSimulator) => ({
  isPaused: notifications.isPaused,
  outstanding: notifications.outstanding,
});
