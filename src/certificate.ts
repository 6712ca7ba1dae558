import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SyncError } from './core/errors.ts';

/** What proves an app registration by certificate (Microsoft identity platform, certificate credentials). */
export interface ClientCertificate {
  /** PEM. */
  readonly privateKey: string;
  /** SHA-256 of the certificate, hexadecimal. */
  readonly thumbprintSha256: string;
}

/** @returns when Microsoft stops accepting it; `undefined` for a file that {@link readCertificate} would not take */
export function certificateEnd(path: string): Date | undefined {
  try {
    return new X509Certificate(readFileSync(path, 'utf8')).validToDate;
  } catch {
    return undefined;
  }
}

/**
 * Reads the certificate and its private key from one PEM file.
 *
 * @throws {SyncError} `misconfigured` when the file cannot be read, or lacks one of the two
 */
export function readCertificate(path: string): ClientCertificate {
  try {
    const pem = readFileSync(path, 'utf8');
    const certificate = new X509Certificate(pem);
    const privateKey = createPrivateKey(pem);
    if (!certificate.checkPrivateKey(privateKey)) throw new Error('its private key belongs to another certificate');
    return {
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      thumbprintSha256: certificate.fingerprint256.replaceAll(':', ''),
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SyncError(
      'misconfigured',
      `GRAPH_CLIENT_CERTIFICATE_PATH: ${path} must be a PEM file with the certificate and its private key (${reason})`,
      { cause },
    );
  }
}
