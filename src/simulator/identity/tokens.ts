import type { World } from '../mailbox/world.ts';

export interface ClientRegistration {
  clientId: string;
  clientSecret: string;
  tenantId: string;
}

/** Who a simulator without configured clients lets in. */
export const DEFAULT_CLIENT: ClientRegistration = {
  clientId: '11111111-1111-4111-8111-111111111111',
  clientSecret: 'simulated-secret',
  tenantId: '22222222-2222-4222-8222-222222222222',
};

/** The facts of an access token the simulator issued: who calls. */
export interface AccessToken {
  appid: string;
  tid: string;
  iat: number;
  exp: number;
  idtyp: 'app' | 'user';
  /** Application permissions of an app-only token. */
  roles?: string[];
  /** The signed-in user of a delegated token: a mailbox's id. */
  oid?: string;
  /** Delegated permissions, separated by blanks. */
  scp?: string;
}

/** An app-only access token. It looks like a JWT because real ones do; clients must not read it. */
export function issueToken(world: World, client: ClientRegistration, lifetimeSeconds: number): string {
  const issued = Math.floor(world.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = [
    part({ typ: 'JWT', alg: 'HS256' }),
    part({
      aud: 'https://graph.microsoft.com',
      iat: issued,
      exp: issued + lifetimeSeconds,
      appid: client.clientId,
      tid: client.tenantId,
      roles: ['Calendars.ReadWrite', 'MailboxSettings.Read', 'User.Read.All'],
      idtyp: 'app',
      uti: world.hex(22),
    }),
  ].join('.');
  return `${text}.${world.sign(text)}`;
}

/** @returns the token's facts, or why it is refused, in Graph's words */
export function readAccessToken(world: World, header: string | undefined): AccessToken | string {
  const token = /^Bearer\s+(\S+)$/i.exec(header ?? '')?.[1];
  if (token === undefined) return header === undefined ? 'Access token is empty.' : MALFORMED;
  const [head, payload, signature] = token.split('.');
  if (head === undefined || payload === undefined || signature === undefined) return MALFORMED;
  if (!world.isSigned(`${head}.${payload}`, signature)) return 'Access token validation failure. Invalid signature.';
  const facts = JSON.parse(Buffer.from(payload, 'base64url').toString()) as AccessToken;
  return facts.exp * 1000 > world.now() ? facts : 'Lifetime validation failed, the token is expired.';
}

const MALFORMED = 'CompactToken parsing failed with error code: 80049217';
