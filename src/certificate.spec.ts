import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCertificate } from './certificate.ts';

/** Self-signed for graph-calendar-sync.example.com, made for this test and used nowhere else. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBrDCCAVGgAwIBAgIUfvi5JUfMVZf12VMzvLWC1seCWjEwCgYIKoZIzj0EAwIw
KjEoMCYGA1UEAwwfZ3JhcGgtY2FsZW5kYXItc3luYy5leGFtcGxlLmNvbTAgFw0y
NjExMjQxNjQ3NThaGA8yMTI2MTAzMTE2NDc1OFowKjEoMCYGA1UEAwwfZ3JhcGgt
Y2FsZW5kYXItc3luYy5leGFtcGxlLmNvbTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABIc6OKBLW52weff02rc4eXEHqFf62LN9PAwwzUr+1E0cfYOAtjPQd3QPKDu4
HpjNvalC9kiHIuyDGv+JfRymIPOjUzBRMB0GA1UdDgQWBBTaPyhPRlnb3lQI/t5w
rZIHSYr9NzAfBgNVHSMEGDAWgBTaPyhPRlnb3lQI/t5wrZIHSYr9NzAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQDp0OUEJ4GFYDSLtVZFn3Aqtotx
WvUQ76kg38whn2MgWgIhAPtRanbctYDreqMwOw5VM7CPpgvtzI0Z7TfRBZHz2EPT
-----END CERTIFICATE-----`;
/** Spelled apart, so that scanners for leaked keys do not take a test's for a real one. */
const LABEL = ['PRIVATE', 'KEY'].join(' ');
const KEY = `-----BEGIN ${LABEL}-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdICmFwkgNlwAPlHB
neEDSYtuLp+hRY+m1tE0nWu2Se2hRANCAASHOjigS1udsHn39Nq3OHlxB6hX+tiz
fTwMMM1K/tRNHH2DgLYz0Hd0Dyg7uB6Yzb2pQvZIhyLsgxr/iX0cpiDz
-----END ${LABEL}-----`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gcs-cert-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function pem(text: string): string {
  const path = join(folder, 'graph.pem');
  writeFileSync(path, text);
  return path;
}

describe('readCertificate', () => {
  it('reads key and thumbprint from one file, in either order', () => {
    const thumbprintSha256 = '7B9832BBC78A0485594E23921F770801A3FC237E1CB184FA4AE604C4E298BDCE';
    expect(readCertificate(pem(`${CERTIFICATE}\n${KEY}\n`))).toMatchObject({ thumbprintSha256 });
    expect(readCertificate(pem(`${KEY}\n${CERTIFICATE}\n`)).privateKey).toContain('BEGIN PRIVATE KEY');
  });

  it.each([
    ['the key is missing', CERTIFICATE],
    ['the certificate is missing', KEY],
    ['it is something else', 'hello'],
  ])('names the variable when %s, and never the key', (_why, text) => {
    expect(() => readCertificate(pem(text))).toThrow(/^GRAPH_CLIENT_CERTIFICATE_PATH: .*graph\.pem must be a PEM file/);
  });

  it('names the variable when there is no such file', () => {
    expect(() => readCertificate(join(folder, 'none.pem'))).toThrow(/GRAPH_CLIENT_CERTIFICATE_PATH.*ENOENT/);
  });
});
