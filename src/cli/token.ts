import { SignJWT } from 'jose';
import { type Config, dataFolder, type Environment, readConfig } from '../config.ts';
import type { Clock } from '../core/runtime.ts';
import { developmentSecrets } from '../development-secrets.ts';
import { CommandError } from './terminal.ts';

const DAY_SECONDS = 24 * 60 * 60;
export const DEVELOPMENT_TOKEN_DAYS = 30;

export interface TokenClaims {
  readonly user: string;
  readonly roles?: readonly string[] | undefined;
  /** The user's own mailbox address. */
  readonly email?: string | undefined;
  readonly days: number;
}

/** Signs a development token (HS256) that a service with the same secret accepts. */
export function signToken(secret: string, claims: TokenClaims, jwt: Config['jwt'], clock: Clock): Promise<string> {
  const issuedAt = Math.floor(clock.now().getTime() / 1000);
  const token = new SignJWT({
    ...(claims.roles && claims.roles.length > 0 ? { roles: [...claims.roles] } : {}),
    ...(claims.email ? { email: claims.email } : {}),
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(claims.user)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + Math.round(claims.days * DAY_SECONDS));
  if (jwt.issuer) token.setIssuer(jwt.issuer);
  if (jwt.audience) token.setAudience(jwt.audience);
  return token.sign(new TextEncoder().encode(secret));
}

/**
 * Signs with the secret this machine's service uses: the data folder's, or `JWT_SECRET`.
 *
 * @throws {CommandError} in production, and where there is no secret to sign with
 */
export function developmentToken(env: Environment, claims: TokenClaims, clock: Clock): Promise<string> {
  const config = readConfig(env);
  if (config.isProduction) {
    throw new CommandError('tokens are made in development only; in production they come from your identity provider');
  }
  if (config.jwt.jwksUrl) {
    throw new CommandError('JWT_JWKS_URL is set: tokens come from that key set’s owner; pass one with --token');
  }
  const secret = config.jwt.secret ?? developmentSecrets(dataFolder(config))?.jwtSecret;
  if (!secret) {
    throw new CommandError(
      `there is no development secret in ${dataFolder(config)} yet: start the service once with "npm start", or pass --token`,
    );
  }
  return signToken(secret, claims, config.jwt, clock);
}
