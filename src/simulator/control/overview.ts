import { type ControlRoute, route } from './control-route.ts';

/** `GET /simulator`: what there is, for a person with curl and for a program that looks around. */
export function overviewRoute(others: readonly ControlRoute[]): ControlRoute {
  return route('GET /', 'what there is', ({ simulator }) => ({
    now: new Date(simulator.now()).toISOString(),
    clockShiftMs: simulator.clockShiftMs,
    mailboxes: simulator.mailboxes.map(({ address }) => address),
    switches: simulator.switches,
    pendingFaults: simulator.faults.list().length,
    requests: simulator.requests.length,
    mails: simulator.outbox.length,
    routes: others.map(({ method, path, does }) => ({ method, path: `/simulator${path}`, does })),
  }));
}
