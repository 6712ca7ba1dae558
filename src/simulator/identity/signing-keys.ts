import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';

/** A key that signs id tokens, as it is kept. */
export interface SigningKey {
  kid: string;
  /** PEM, PKCS #8. */
  privateKey: string;
}

/** RSA, as RS256 wants it. Its chance is OpenSSL's own: no seed makes the same key twice. */
export function newSigningKey(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
  return { kid, privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** A JSON Web Token signed with RS256. */
export function signJwt(key: SigningKey, claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ typ: 'JWT', alg: 'RS256', kid: key.kid })}.${part(claims)}`;
  return `${text}.${sign('sha256', Buffer.from(text), createPrivateKey(key.privateKey)).toString('base64url')}`;
}

/** The public half, as the keys document publishes it. */
export function publicJwk({ kid, privateKey }: SigningKey): object {
  const { kty, n, e } = createPublicKey(privateKey).export({ format: 'jwk' });
  return { kty, use: 'sig', alg: 'RS256', kid, x5t: kid, n, e };
}
