import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { developmentSecrets } from './development-secrets.ts';
import { KeyRing } from './store/encryption.ts';
import { systemRandom } from './system-runtime.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gcs-secrets-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('developmentSecrets', () => {
  it('makes them once, for their owner’s eyes only, and reads the same ones ever after', () => {
    const made = developmentSecrets(join(folder, 'data'), systemRandom);
    expect(statSync(join(folder, 'data', 'development-secrets.json')).mode & 0o777).toBe(0o600);
    expect(developmentSecrets(join(folder, 'data'))).toEqual(made);
    expect(developmentSecrets(join(folder, 'data'), systemRandom)).toEqual(made);
    expect(made.jwtSecret.length).toBeGreaterThanOrEqual(43);
    expect(KeyRing.parse(made.encryptionKeys).currentId).toBe('development');
  });

  it('makes others for another folder, and none where it may not', () => {
    const made = developmentSecrets(join(folder, 'one'), systemRandom);
    expect(developmentSecrets(join(folder, 'two'), systemRandom).jwtSecret).not.toBe(made.jwtSecret);
    expect(developmentSecrets(join(folder, 'three'))).toBeUndefined();
  });

  it('never replaces a file it cannot read: stored data would be lost with its key', () => {
    writeFileSync(join(folder, 'development-secrets.json'), '{"jwtSecret":');
    expect(() => developmentSecrets(folder, systemRandom)).toThrow(/cannot be read; restore it/);
    writeFileSync(join(folder, 'development-secrets.json'), '{}');
    expect(() => developmentSecrets(folder, systemRandom)).toThrow(/does not hold the development secrets/);
  });
});
