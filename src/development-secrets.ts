import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SyncError } from './core/errors.ts';
import type { Random } from './core/runtime.ts';

/** What a development service needs and nobody should have to make up. Never used when `NODE_ENV=production`. */
export interface DevelopmentSecrets {
  readonly jwtSecret: string;
  readonly encryptionKeys: string;
}

const FILE_NAME = 'development-secrets.json';

/**
 * Reads the development secrets of a data folder; with `random`, makes them when there are none yet.
 *
 * @returns `undefined` when there are none and none may be made
 * @throws {SyncError} `misconfigured` when the file cannot be read: a new key would make stored data unreadable for ever
 */
export function developmentSecrets(folder: string, random: Random): DevelopmentSecrets;
export function developmentSecrets(folder: string): DevelopmentSecrets | undefined;
export function developmentSecrets(folder: string, random?: Random): DevelopmentSecrets | undefined {
  const path = join(folder, FILE_NAME);
  if (existsSync(path)) return readSecrets(path);
  if (!random) return undefined;
  const secrets: DevelopmentSecrets = {
    jwtSecret: Buffer.from(random.bytes(48)).toString('base64url'),
    encryptionKeys: `development:${Buffer.from(random.bytes(32)).toString('base64')}`,
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  // The mode above is subject to the umask, and on some file systems ignored at creation.
  chmodSync(path, 0o600);
  return secrets;
}

function readSecrets(path: string): DevelopmentSecrets {
  try {
    const secrets: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (isSecrets(secrets)) return secrets;
  } catch (cause) {
    throw new SyncError(
      'misconfigured',
      `${path} cannot be read; restore it, or delete the whole data folder to start afresh`,
      {
        cause,
      },
    );
  }
  throw new SyncError(
    'misconfigured',
    `${path} does not hold the development secrets; restore it, or delete the whole data folder`,
  );
}

function isSecrets(value: unknown): value is DevelopmentSecrets {
  const { jwtSecret, encryptionKeys } = (value ?? {}) as Record<string, unknown>;
  return typeof jwtSecret === 'string' && typeof encryptionKeys === 'string';
}
