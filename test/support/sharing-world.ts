import type { SimulatorOptions } from '../../src/simulator/index.ts';
import { ADDRESS, type Answer, simulate } from './simulator-client.ts';

export const GRACE = 'grace@example.com';
export const GHOST = 'ghost@example.com';
export const SCOPES = ['Calendars.ReadWrite', 'Calendars.ReadWrite.Shared', 'MailboxSettings.Read', 'User.Read'];

/** Ada, who shares, and Grace, who is shared with and calls with a token of her own; `~` is Ada's path. */
export function twoPeople(options: SimulatorOptions = {}) {
  const world = simulate(options);
  const { sim, call } = world;
  const grace = sim.addMailbox({ address: GRACE, name: 'Grace Moss', timeZone: 'Asia/Tokyo' });
  const callerOf =
    (user: string, scopes: readonly string[] = SCOPES) =>
    (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
      call(method, path, body, { authorization: `Bearer ${sim.accessToken({ user, scopes })}`, ...headers });
  return { ...world, ada: world.mailbox, grace, callerOf, asGrace: callerOf(GRACE), asAda: callerOf(ADDRESS) };
}
