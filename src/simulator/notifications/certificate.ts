import { X509Certificate } from 'node:crypto';
import type { SubscriptionTarget } from './subscription.ts';
import { invalidResource, invalidSubscription } from './subscription-errors.ts';

const MIN_BITS = 2048;
const MAX_BITS = 4096;

/**
 * What a subscription with resource data must bring: `$select`, and a certificate to encrypt with
 * (Microsoft Graph "change-notifications-with-resource-data").
 *
 * @throws {GraphError} 400
 */
export function checkCertificate(
  o: {
    includeResourceData: boolean | null;
    encryptionCertificate: string | null;
    encryptionCertificateId: string | null;
  },
  target: SubscriptionTarget,
): void {
  if (o.includeResourceData !== true) return;
  if (target.what !== 'events' || target.select.length === 0) throw invalidResource();
  if (o.encryptionCertificate === null || o.encryptionCertificateId === null) {
    throw invalidSubscription(
      "With 'includeResourceData', 'encryptionCertificate' and 'encryptionCertificateId' are required.",
    );
  }
  const key = readCertificate(o.encryptionCertificate)?.publicKey;
  const bits = key?.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key?.asymmetricKeyType !== 'rsa' || bits < MIN_BITS || bits > MAX_BITS) {
    throw invalidSubscription(`The 'encryptionCertificate' must hold an RSA key of ${MIN_BITS} to ${MAX_BITS} bits.`);
  }
}

/** Base64 of DER or of PEM, or the body of a PEM file; undefined for anything else. */
export function readCertificate(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(Buffer.from(text, 'base64'));
  } catch {
    return undefined;
  }
}
