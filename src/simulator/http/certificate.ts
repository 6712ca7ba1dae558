import { isIP } from 'node:net';
import { generate } from 'selfsigned';

/** A server's certificate and key, and the authority that signed it; all PEM. */
export interface ServerCertificate {
  cert: string;
  key: string;
  ca: string;
}

/**
 * A certificate for this machine, by an authority that exists only for it. Its validity is counted on the machine's
 * clock, not on the simulator's: so do those who check it.
 */
export async function makeCertificate(host: string): Promise<ServerCertificate> {
  const keys = { keyType: 'ec' as const, algorithm: 'sha256' };
  const authority = await generate([{ name: 'commonName', value: 'Graph simulator authority' }], {
    ...keys,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const names = [...new Set(['localhost', '127.0.0.1', '::1', host])];
  const server = await generate([{ name: 'commonName', value: 'localhost' }], {
    ...keys,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: names.map((name) => (isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name })),
      },
    ],
  });
  return { cert: server.cert, key: server.private, ca: authority.cert };
}
