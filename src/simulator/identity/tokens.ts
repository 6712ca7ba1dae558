import type { World } from '../mailbox/world.ts';

/** An application as Entra knows it. */
export interface ClientRegistration {
  clientId: string;
  clientSecret: string;
  tenantId: string;
  /** Shown on the consent page; the id unless given. */
  displayName?: string;
  /** Where codes may be sent. With none registered, any loopback address is accepted. */
  redirectUris?: readonly string[];
  /** Of the type "Single-Page Application": codes are redeemed without a secret, refresh tokens live 24 hours. */
  spaRedirectUris?: readonly string[];
  /** "Allow public client flows": codes are redeemed with PKCE alone. */
  isPublic?: boolean;
  /** PEM; each proves the application as a secret does. */
  certificates?: readonly string[];
  /** Application permissions with admin consent; {@link DEFAULT_ROLES} unless given. */
  roles?: readonly string[];
  /** Application access policy: addresses or ids of the only mailboxes it may open. */
  restrictedTo?: readonly string[];
  /** RBAC for Applications: what Exchange grants on top, without a trace in the token. */
  rbac?: RbacGrant;
}

/** Permissions by role assignment, on some mailboxes or (nothing said) on all. */
export interface RbacGrant {
  readonly roles: readonly string[];
  readonly mailboxes?: readonly string[];
}

/** Who a simulator without configured clients lets in. */
export const DEFAULT_CLIENT: ClientRegistration = {
  clientId: '11111111-1111-4111-8111-111111111111',
  clientSecret: 'simulated-secret',
  tenantId: '22222222-2222-4222-8222-222222222222',
};

export const DEFAULT_ROLES = ['Calendars.ReadWrite', 'MailboxSettings.Read', 'User.Read.All'] as const;

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
  /** `cp1`: the client can answer claims challenges. */
  xms_cc?: string[];
  /** Place in the order of issue: two tokens of the same second are told apart by it. */
  seq?: number;
  /** The last claims challenge this token answers. */
  met?: number;
}

/** A caller: the token's facts, and what Exchange knows of the application besides. */
export interface Caller extends AccessToken {
  restrictedTo?: readonly string[];
  rbac?: RbacGrant;
}

/** A signed access token. It looks like a JWT because real ones do; clients must not read it. */
export function signToken(world: World, facts: Omit<AccessToken, 'iat' | 'exp'>, lifetimeSeconds: number): string {
  const issued = Math.floor(world.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = [
    part({ typ: 'JWT', alg: 'HS256' }),
    part({
      aud: 'https://graph.microsoft.com',
      iat: issued,
      exp: issued + lifetimeSeconds,
      ...facts,
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
