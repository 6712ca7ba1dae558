import type { SimulatedRequest } from '../http/http-types.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { Platform } from './platform.ts';

/** The browser's sign-in, in a cookie: what makes `prompt=none` possible. */
const COOKIE = 'ESTSAUTH';

export function sessionCookie({ world, directory }: Platform, user: Mailbox): string {
  const text = `${user.state.id}.${directory.nextInOrder()}`;
  return `${COOKIE}=${text}.${world.sign(`session ${text}`)}; Path=/; HttpOnly; SameSite=Lax`;
}

export const endedSessionCookie = `${COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0`;

/** Who is signed in; nobody once the sessions were revoked. */
export function signedInUser({ world, directory }: Platform, request: SimulatedRequest): Mailbox | undefined {
  const found = new RegExp(`(?:^|;\\s*)${COOKIE}=([^;.]+)\\.(\\d+)\\.([^;]+)`).exec(request.headers['cookie'] ?? '');
  if (found === null) return undefined;
  const [, id = '', seq = '', signature = ''] = found;
  if (!world.isSigned(`session ${id}.${seq}`, signature)) return undefined;
  const revoked = directory.revocationOf(id);
  if (directory.usability(id) !== 'usable' || (revoked !== undefined && revoked.seq > Number(seq))) return undefined;
  return world.findMailbox(id);
}
