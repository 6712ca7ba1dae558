import { createHash, X509Certificate } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, errors, importX509, jwtVerify } from 'jose';
import type { SimulatedRequest } from '../http/http-types.ts';
import type { Directory, Tenant } from './directory.ts';
import { IdentityError, malformedRequest, missingParameter, tokenError } from './token-errors.ts';
import type { ClientRegistration } from './tokens.ts';

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** What a request says of the application that sends it. */
export interface ClientCredentials {
  id: string;
  secret: string;
  assertion: string;
  assertionType: string;
}

/** `client_secret_post` or `private_key_jwt`, else `client_secret_basic`. */
export function readCredentials(request: SimulatedRequest, form: URLSearchParams): ClientCredentials {
  const assertion = form.get('client_assertion') ?? '';
  const assertionType = form.get('client_assertion_type') ?? '';
  const basic = /^Basic\s+(\S+)$/i.exec(request.headers['authorization'] ?? '')?.[1];
  if (form.has('client_secret') || assertion !== '' || basic === undefined) {
    const id = form.get('client_id') ?? (assertion === '' ? '' : subjectOf(assertion));
    return { id, secret: form.get('client_secret') ?? '', assertion, assertionType };
  }
  const [id = '', ...rest] = Buffer.from(basic, 'base64').toString().split(':');
  return { id: decodedForm(id), secret: decodedForm(rest.join(':')), assertion: '', assertionType: '' };
}

function decodedForm(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

function subjectOf(assertion: string): string {
  try {
    return decodeJwt(assertion).sub ?? '';
  } catch {
    return '';
  }
}

/** @throws {IdentityError} 90002, 700016, 900144 */
export function findClient(directory: Directory, tenant: Tenant | undefined, name: string, id: string) {
  if (tenant === undefined) throw tokenError('tenant-unknown', { text: `Tenant '${name}' not found.` });
  if (id === '') throw missingParameter('client_id');
  const client = directory.findClient(tenant, id);
  if (client !== undefined) return client;
  throw tokenError('app-unknown', { text: `Application with identifier '${id}' was not found in the directory.` });
}

/**
 * Proves an application by secret or certificate.
 *
 * @param o.isPublic  it has to prove nothing: a single-page application's code, a public client
 * @throws {IdentityError} 7000218, 7000215, 7000222, 700025, 7000 23, 24, 27
 */
export async function authenticate(
  request: SimulatedRequest,
  o: { directory: Directory; client: ClientRegistration; credentials: ClientCredentials; isPublic: boolean },
): Promise<void> {
  const { directory, client, credentials, isPublic } = o;
  const { secret, assertion } = credentials;
  if (isPublic) {
    if (secret === '' && assertion === '') return;
    const text = "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.";
    throw new IdentityError(401, 'invalid_client', 700025, text);
  }
  if (assertion !== '') return checkAssertion(request, directory, client, credentials);
  if (secret === '') {
    const text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
    throw new IdentityError(401, 'invalid_client', 7000218, text);
  }
  const known = directory.secretsOf(client).find(({ value }) => value === secret);
  if (known === undefined) throw tokenError('secret-wrong');
  if (known.isExpired) {
    throw tokenError('secret-expired', {
      text: `The provided client secret keys for app '${client.clientId}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.`,
    });
  }
}

const refusedAssertion = (number: number, text: string) => new IdentityError(401, 'invalid_client', number, text);

/** "Microsoft identity platform application authentication certificate credentials". */
async function checkAssertion(
  request: SimulatedRequest,
  directory: Directory,
  client: ClientRegistration,
  { assertion, assertionType }: ClientCredentials,
): Promise<void> {
  if (assertionType === '') throw missingParameter('client_assertion_type');
  if (assertionType !== JWT_BEARER) throw malformedRequest();
  const header = readHeader(assertion);
  const thumbprint = header['x5t#S256'] ?? header['x5t'] ?? header['kid'] ?? '';
  const pem = client.certificates?.find((each) => isNamedBy(new X509Certificate(each), header));
  const alg = header['alg'] ?? '';
  const signatureRefused = (reason: string) =>
    refusedAssertion(
      700027,
      `The certificate with identifier used to sign the client assertion is not registered on application, or the signature is invalid. [Reason - ${reason}, Thumbprint of key used by client: '${thumbprint}']`,
    );
  if (pem === undefined) throw signatureRefused('The key was not found.');
  if (alg !== 'RS256' && alg !== 'PS256') throw signatureRefused(`The algorithm '${alg}' is not supported.`);
  const now = new Date(directory.world.now());
  if (new X509Certificate(pem).validToDate < now) throw signatureRefused('The key used is expired.');
  try {
    const key = await importX509(pem, alg);
    const { payload } = await jwtVerify(assertion, key, {
      algorithms: [alg],
      currentDate: now,
      clockTolerance: 300,
      requiredClaims: ['exp', 'aud', 'iss', 'sub'],
    });
    const isOwn = [payload.iss, payload.sub].every((each) => each?.toLowerCase() === client.clientId.toLowerCase());
    if (!isOwn) {
      throw refusedAssertion(700021, "Client assertion application identifier doesn't match 'client_id' parameter.");
    }
    if (![payload.aud].flat().some((each) => isAudience(each ?? '', request.url))) {
      throw refusedAssertion(700023, 'Client assertion audience claim does not match Realm issuer.');
    }
  } catch (error) {
    if (error instanceof IdentityError) throw error;
    if (error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed) {
      throw refusedAssertion(700024, 'Client assertion is not within its valid time range.');
    }
    throw signatureRefused('The key was found, but use of the key to verify the signature failed.');
  }
}

function readHeader(assertion: string): Record<string, string> {
  try {
    return decodeProtectedHeader(assertion) as Record<string, string>;
  } catch {
    throw refusedAssertion(50027, 'JWT token is invalid or malformed.');
  }
}

/** A certificate is named by its SHA-1 or SHA-256 thumbprint; as `kid` also in hexadecimal. */
function isNamedBy(certificate: X509Certificate, header: Record<string, string>): boolean {
  const digest = (algorithm: string) => createHash(algorithm).update(certificate.raw).digest();
  const [sha1, sha256] = [digest('sha1'), digest('sha256')];
  const is = (name: string | undefined, expected: Buffer) =>
    name !== undefined && Buffer.from(name, 'base64url').equals(expected);
  const kid = header['kid'];
  return (
    is(header['x5t#S256'], sha256) ||
    is(header['x5t'], sha1) ||
    is(kid, sha1) ||
    is(kid, sha256) ||
    [sha1, sha256].some((each) => kid?.toLowerCase() === each.toString('hex'))
  );
}

/** The token endpoint or the issuer. Whether a proxy ends TLS on the way is not looked at. */
function isAudience(audience: string, { host, pathname }: URL): boolean {
  if (!URL.canParse(audience)) return false;
  const given = new URL(audience);
  const issuer = pathname.replace(/\/oauth2\/v2\.0\/token$/i, '/v2.0');
  return given.host === host && [pathname, issuer].includes(given.pathname.replace(/\/$/, ''));
}
