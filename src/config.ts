import { isIP } from 'node:net';
import { DEFAULT_RETENTION, type RetentionPeriods } from './core/retention.ts';
import { isHostOrNetwork } from './core/webhook-address.ts';
import { type Environment, EnvironmentReader, isLoopback, quoted, type ReadSecretFile } from './environment-reader.ts';
import { type GraphConfig, graphConfig } from './graph-config.ts';

export type { Environment } from './environment-reader.ts';
export type { GraphConfig, GraphCredential } from './graph-config.ts';

/** How callers' tokens are verified; nothing at all means the development secret. */
export interface JwtConfig {
  readonly secret: string | undefined;
  readonly jwksUrl: string | undefined;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Config {
  readonly isProduction: boolean;
  readonly host: string;
  readonly port: number;
  /** Without a slash at the end. `undefined`: the address the service listens on. */
  readonly publicUrl: string | undefined;
  /** Whose word on the caller's address is taken: so many proxies in front, or proxies of these addresses; else nobody's. */
  readonly trustProxy?: number | readonly string[] | undefined;
  /** Origins of web pages that may call the API from a browser. */
  readonly corsOrigins?: readonly string[];
  readonly logLevel: LogLevel;
  readonly workers: 'inline' | 'none';
  readonly databaseUrl: string;
  readonly graph: GraphConfig;
  /** Requests in one `$batch`, events a delta page, requests at a time to one mailbox. */
  readonly graphLimits: { readonly batchSize: number; readonly pageSize: number; readonly mailboxConcurrency: number };
  /** 0 = no background syncs. */
  readonly syncIntervalMinutes: number;
  readonly maxEventsPerSync: number;
  readonly guestMailsPerDay: number;
  readonly deltaTokenExpiryMs: number;
  /** How long what gets old is kept. */
  readonly retention: RetentionPeriods;
  readonly jwt: JwtConfig;
  /** Names, addresses and networks that webhooks may go to although they are private. */
  readonly webhookAllowedHosts: readonly string[];
  /** `id:base64(32 bytes)[,…]`; `undefined`: the development key. */
  readonly encryptionKeys: string | undefined;
}

/** A configuration with nothing left to development's conveniences: what `createApp` takes. */
export interface AppConfig extends Config {
  readonly graph: Extract<GraphConfig, { kind: 'microsoft' }>;
  readonly encryptionKeys: string;
}

const HOUR_MS = 60 * 60 * 1000;
/** HS256 wants a key at least as long as its output (RFC 7518, 3.2). */
const MIN_JWT_SECRET_BYTES = 32;
const ENCRYPTION_KEY_BYTES = 32;

/**
 * Reads the environment (and the files of secrets that it names), once, and reports everything that is wrong with it together.
 *
 * @throws {SyncError} `misconfigured`; its message has one line for each problem: variable, what is wrong, an example.
 *   Values of secrets are never in it
 */
export function readConfig(env: Environment, readFile?: ReadSecretFile): Config {
  const reader = new EnvironmentReader(env, readFile);
  const isProduction = reader.text('NODE_ENV') === 'production';
  const config: Config = {
    isProduction,
    host: reader.text('HOST') ?? '127.0.0.1',
    port: reader.wholeNumber('PORT', { default: 3000, min: 0, max: 65_535, meaning: 'a port, 0 to 65535' }),
    publicUrl: reader.url('PUBLIC_URL', 'https://calendar.example.com'),
    trustProxy: trustedProxies(reader),
    corsOrigins: corsOrigins(reader),
    logLevel: reader.oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
    workers: reader.oneOf('WORKERS', ['inline', 'none'] as const, 'inline'),
    databaseUrl: databaseUrl(reader),
    graph: graphConfig(reader, isProduction),
    graphLimits: {
      batchSize: reader.wholeNumber('GRAPH_BATCH_SIZE', {
        default: 20,
        min: 1,
        max: 20,
        meaning: 'requests in one $batch, 1 to 20',
      }),
      pageSize: reader.wholeNumber('GRAPH_PAGE_SIZE', {
        default: 200,
        min: 1,
        max: 1000,
        meaning: 'events a page, 1 to 1000',
      }),
      mailboxConcurrency: reader.wholeNumber('GRAPH_MAILBOX_CONCURRENCY', {
        default: 4,
        min: 1,
        max: 4,
        meaning: 'requests at a time to one mailbox, 1 to 4',
      }),
    },
    syncIntervalMinutes: reader.number('CALENDAR_SYNC_INTERVAL', {
      default: 15,
      min: 0,
      max: 7 * 24 * 60,
      meaning: 'minutes, 0 or more (0 = off), up to a week',
    }),
    maxEventsPerSync: reader.wholeNumber('CALENDAR_MAX_EVENTS_PER_SYNC', {
      default: 1000,
      min: 1,
      max: 1_000_000,
      meaning: 'a whole number of events, 1 or more',
    }),
    guestMailsPerDay: reader.wholeNumber('CALENDAR_GUEST_MAILS_PER_DAY', {
      default: 1000,
      min: 0,
      max: 1_000_000,
      meaning: 'a whole number of mails to guests of one user a day',
    }),
    deltaTokenExpiryMs:
      HOUR_MS *
      reader.number('CALENDAR_DELTA_TOKEN_EXPIRY', {
        default: 24,
        min: 1,
        max: 24 * 30,
        meaning: 'hours, 1 to 720',
      }),
    retention: retentionPeriods(reader),
    jwt: jwtConfig(reader, isProduction),
    webhookAllowedHosts: webhookAllowedHosts(reader),
    encryptionKeys: encryptionKeys(reader, isProduction),
  };
  reader.throwProblems();
  return config;
}

/** The folder of the embedded database, or the one beside which development secrets are kept. */
export function dataFolder(config: Pick<Config, 'databaseUrl'>): string {
  const folder = config.databaseUrl.startsWith('pglite:') ? config.databaseUrl.slice('pglite:'.length) : '';
  return folder === '' || folder === ':memory:' ? './data' : folder;
}

function retentionPeriods(reader: EnvironmentReader): RetentionPeriods {
  const days = (name: string, preset: number, min = 1): number =>
    reader.wholeNumber(`RETENTION_${name}_DAYS`, {
      default: preset,
      min,
      max: 36_500,
      meaning: min === 0 ? 'a whole number of days, 0 or more (0 = keep)' : 'a whole number of days, 1 or more',
    });
  const { historyDays, auditDays, conflictsDays, tombstonesDays, pastEventsDays } = DEFAULT_RETENTION;
  return {
    historyDays: days('HISTORY', historyDays),
    auditDays: days('AUDIT', auditDays),
    conflictsDays: days('CONFLICTS', conflictsDays),
    tombstonesDays: days('TOMBSTONES', tombstonesDays),
    pastEventsDays: days('PAST_EVENTS', pastEventsDays, 0),
  };
}

function databaseUrl(reader: EnvironmentReader): string {
  const value = reader.secret('DATABASE_URL') ?? 'pglite:./data';
  if (/^pglite:.+/.test(value)) return value;
  if (/^postgres(ql)?:\/\//.test(value) && URL.canParse(value)) return value;
  reader.problem(
    'DATABASE_URL',
    'is not a database address this service knows',
    'postgres://user:password@localhost:5432/calendar or pglite:./data',
  );
  return value;
}

function jwtConfig(reader: EnvironmentReader, isProduction: boolean): JwtConfig {
  const secret = reader.secret('JWT_SECRET');
  const jwksUrl = reader.url('JWT_JWKS_URL', 'https://login.example.com/keys');
  if (secret !== undefined && Buffer.byteLength(secret) < MIN_JWT_SECRET_BYTES) {
    reader.problem(
      'JWT_SECRET',
      `is shorter than ${MIN_JWT_SECRET_BYTES} bytes`,
      'the output of: openssl rand -base64 48',
    );
  }
  if (secret !== undefined && jwksUrl !== undefined) {
    reader.problem('JWT_SECRET', 'and JWT_JWKS_URL are both set; keep one of them', 'JWT_JWKS_URL alone');
  }
  if (isProduction && !reader.isGiven('JWT_SECRET') && jwksUrl === undefined) {
    reader.problem(
      'JWT_SECRET',
      'is missing (as is JWT_JWKS_URL), and production has no development secret',
      'the output of: openssl rand -base64 48',
    );
  }
  return { secret, jwksUrl, issuer: reader.text('JWT_ISSUER'), audience: reader.text('JWT_AUDIENCE') };
}

function webhookAllowedHosts(reader: EnvironmentReader): string[] {
  const entries = (reader.text('WEBHOOK_ALLOWED_HOSTS') ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  for (const [index, entry] of entries.entries()) {
    if (isHostOrNetwork(entry)) continue;
    const problem = `entry ${index + 1} is neither a host's name nor a network`;
    reader.problem('WEBHOOK_ALLOWED_HOSTS', problem, 'hooks.intranet.example.com,10.20.0.0/16');
  }
  return entries;
}

function encryptionKeys(reader: EnvironmentReader, isProduction: boolean): string | undefined {
  const example = 'k1:$(openssl rand -base64 32)';
  const value = reader.secret('CALENDAR_ENCRYPTION_KEYS');
  if (value === undefined) {
    if (isProduction && !reader.isGiven('CALENDAR_ENCRYPTION_KEYS')) {
      reader.problem('CALENDAR_ENCRYPTION_KEYS', 'is missing, and production has no development key', example);
    }
    return undefined;
  }
  const ids = new Set<string>();
  for (const [index, entry] of value.split(',').entries()) {
    const [id, key] = [entry.trim().split(':', 1)[0] ?? '', entry.trim().slice(entry.trim().indexOf(':') + 1)];
    const isKey = /^[A-Za-z0-9+/]+={0,2}$/.test(key) && Buffer.from(key, 'base64').length === ENCRYPTION_KEY_BYTES;
    if (!entry.includes(':') || id === '' || !isKey) {
      reader.problem('CALENDAR_ENCRYPTION_KEYS', `entry ${index + 1} is not a name and 32 bytes in base64`, example);
    } else if (ids.has(id)) {
      reader.problem('CALENDAR_ENCRYPTION_KEYS', `entry ${index + 1} repeats a name`, `${example},k0:…`);
    }
    ids.add(id);
  }
  return value;
}

const MAX_PROXIES = 10;

function trustedProxies(reader: EnvironmentReader): Config['trustProxy'] {
  const text = reader.text('TRUST_PROXY');
  if (text === undefined || text === '0') return undefined;
  if (/^\d+$/.test(text) && Number(text) <= MAX_PROXIES) return Number(text);
  const entries = text.split(',').map((entry) => entry.trim());
  const wrong = entries.find((entry) => !isNetwork(entry));
  if (wrong === undefined) return entries;
  reader.problem(
    'TRUST_PROXY',
    `must be how many proxies are in front (0 to ${MAX_PROXIES}) or their addresses, and ${quoted(wrong)} is neither`,
    '1 or TRUST_PROXY=10.0.0.0/8,192.0.2.7',
  );
  return undefined;
}

/** An address, or a network in CIDR notation. All of the internet is no proxy of anybody's. */
function isNetwork(text: string): boolean {
  const [address = '', bits, more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more !== undefined) return false;
  if (bits === undefined) return true;
  return /^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= (version === 4 ? 32 : 128);
}

/** Spelled as browsers send them, because that is what they are compared with. */
function corsOrigins(reader: EnvironmentReader): string[] {
  const entries = (reader.text('CORS_ORIGINS') ?? '').split(',').map((entry) => entry.trim());
  return entries.filter((entry) => {
    if (entry === '') return false;
    const url = URL.canParse(entry) && !entry.includes('*') ? new URL(entry) : undefined;
    const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
    if (isSafe && url?.origin === entry) return true;
    const why = isSafe
      ? `must be spelled ${quoted(url?.origin ?? '')}, without a path`
      : 'is no origin that can be trusted (https:, or http: of this machine; no *)';
    reader.problem('CORS_ORIGINS', `names ${quoted(entry)}, which ${why}`, 'https://app.example.com');
    return false;
  });
}
