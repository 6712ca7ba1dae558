import { createHash, timingSafeEqual } from 'node:crypto';
import type { SimulatedRequest } from '../http/http-types.ts';
import { ControlError } from './control-error.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\]|::1|::ffff:127(\.\d{1,3}){3})$/i;
/** What a proxy adds: such a request may have come from anywhere. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'];

/**
 * Lets in who may steer: this machine, or whoever knows the key when there is one. Never a web page of another site,
 * which a browser on this machine would carry here: by a form, or by a name that resolves to this machine.
 *
 * @throws {ControlError} 401, 403
 */
export function requireSteering(request: SimulatedRequest, controlKey: string | undefined): void {
  refuseOtherSites(request);
  if (controlKey !== undefined) {
    requireKey(request, controlKey);
    return;
  }
  // In-process callers have no address, and could call the methods themselves.
  if (request.remoteAddress === undefined) return;
  const isNear = LOOPBACK.test(request.remoteAddress) && LOOPBACK.test(hostName(request.headers['host'] ?? ''));
  if (isNear && !FORWARDED.some((name) => name in request.headers)) return;
  throw new ControlError(
    403,
    'not-local',
    'The control plane answers this machine only, by the name localhost or a loopback address and without a proxy in between. Start the simulator with a control key to steer it from elsewhere.',
  );
}

function refuseOtherSites({ headers }: SimulatedRequest): void {
  const { origin, host, 'sec-fetch-site': site } = headers;
  const isForeign = origin !== undefined && hostOf(origin) !== host?.toLowerCase();
  if (!isForeign && site !== 'cross-site') return;
  throw new ControlError(403, 'cross-site', 'A web page of another site may not steer the simulator.');
}

function requireKey({ headers }: SimulatedRequest, controlKey: string): void {
  const given = /^Bearer (.+)$/i.exec(headers['authorization'] ?? '')?.[1] ?? '';
  const digest = (text: string) => createHash('sha256').update(text).digest();
  if (timingSafeEqual(digest(given), digest(controlKey))) return;
  throw new ControlError(401, 'control-key-needed', 'Send the control key as Authorization: Bearer <key>.', {
    headers: { 'www-authenticate': 'Bearer realm="simulator control"' },
  });
}

const hostName = (host: string): string => host.replace(/:\d+$/, '');

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
