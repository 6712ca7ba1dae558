import { describe, expect, it } from 'vitest';
import { dataFolder, type Environment, readConfig } from './config.ts';
import { isSyncError } from './core/errors.ts';

const KEY = Buffer.alloc(32, 7).toString('base64');
const PRODUCTION: Environment = {
  NODE_ENV: 'production',
  GRAPH_CLIENT_ID: 'client',
  GRAPH_TENANT_ID: 'tenant',
  GRAPH_CLIENT_SECRET: 'graph-secret-value',
  JWT_SECRET: 'x'.repeat(48),
  CALENDAR_ENCRYPTION_KEYS: `k1:${KEY}`,
};

function problemsOf(env: Environment, readFile?: (path: string) => string): string[] {
  try {
    readConfig(env, readFile);
  } catch (error) {
    if (isSyncError(error, 'misconfigured')) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('readConfig', () => {
  it('needs nothing at all for development: simulator, embedded database, loopback', () => {
    expect(readConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 3000,
      databaseUrl: 'pglite:./data',
      graph: { kind: 'simulator' },
      graphLimits: { batchSize: 20, pageSize: 200, mailboxConcurrency: 4 },
      syncIntervalMinutes: 15,
      maxEventsPerSync: 1000,
      guestMailsPerDay: 1000,
      deltaTokenExpiryMs: 24 * 60 * 60 * 1000,
      webhookAllowedHosts: [],
      retention: { historyDays: 90, auditDays: 365, conflictsDays: 180, tombstonesDays: 90, pastEventsDays: 0 },
      workers: 'inline',
    });
  });

  it('takes an empty variable for one that is not set', () => {
    expect(readConfig({ PORT: '', CALENDAR_SYNC_INTERVAL: ' ' })).toMatchObject({
      port: 3000,
      syncIntervalMinutes: 15,
    });
  });

  it.each([
    ['CALENDAR_SYNC_INTERVAL', '-1'],
    ['CALENDAR_SYNC_INTERVAL', 'often'],
    ['CALENDAR_MAX_EVENTS_PER_SYNC', '0'],
    ['CALENDAR_MAX_EVENTS_PER_SYNC', '2.5'],
    ['CALENDAR_DELTA_TOKEN_EXPIRY', '0'],
    ['GRAPH_BATCH_SIZE', '21'],
    ['GRAPH_MAILBOX_CONCURRENCY', '5'],
    ['GRAPH_PAGE_SIZE', '0'],
    ['PORT', '70000'],
    ['LOG_LEVEL', 'loud'],
    ['WEBHOOK_ALLOWED_HOSTS', 'https://hooks.example.com'],
    ['WEBHOOK_ALLOWED_HOSTS', 'hooks.example.com,10.0.0.0/99'],
    ['RETENTION_HISTORY_DAYS', '0'],
    ['RETENTION_TOMBSTONES_DAYS', '1.5'],
    ['RETENTION_PAST_EVENTS_DAYS', '-1'],
    ['WORKERS', 'many'],
    ['DATABASE_URL', 'mysql://localhost/calendar'],
    ['JWT_SECRET', 'short'],
    ['JWT_JWKS_URL', 'http://keys.example.com/jwks'],
    ['PUBLIC_URL', 'calendar'],
    ['CALENDAR_ENCRYPTION_KEYS', 'k1:abc'],
    ['CALENDAR_ENCRYPTION_KEYS', `k1:${KEY},k1:${KEY}`],
  ])('refuses %s=%s with one line that names it and shows a correct one', (name, value) => {
    const problems = problemsOf({ [name]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${name} .*, e\\.g\\. ${name}=`));
  });

  it.each([
    ['https://graph.microsoft.us', undefined, 'https://login.microsoftonline.us'],
    [undefined, 'https://login.microsoftonline.us', 'https://login.microsoftonline.com'],
    ['https://dod-graph.microsoft.us', 'https://login.chinacloudapi.cn', 'https://login.microsoftonline.us'],
  ])('refuses Graph at %s with the identity platform at %s', (graph, login, right) => {
    const client = { GRAPH_CLIENT_ID: 'client', GRAPH_TENANT_ID: 'tenant', GRAPH_CLIENT_SECRET: 'secret' };
    const problems = problemsOf({ ...client, GRAPH_BASE_URL: graph, GRAPH_AUTHORITY_HOST: login });
    expect(problems).toEqual([expect.stringMatching(`^GRAPH_AUTHORITY_HOST is .* of one cloud, e.g. .*=${right}$`)]);
  });

  it.each([
    ['https://dod-graph.microsoft.us', 'https://login.microsoftonline.us'],
    ['https://microsoftgraph.chinacloudapi.cn', 'https://login.partner.microsoftonline.cn'],
    ['https://graph-proxy.example.com', 'https://login.microsoftonline.us'],
  ])('takes Graph at %s with the identity platform at %s', (graph, login) => {
    const client = { GRAPH_CLIENT_ID: 'client', GRAPH_TENANT_ID: 'tenant', GRAPH_CLIENT_SECRET: 'secret' };
    expect(problemsOf({ ...client, GRAPH_BASE_URL: graph, GRAPH_AUTHORITY_HOST: login })).toEqual([]);
  });

  it('lets webhooks into the private hosts and networks an operator names', () => {
    expect(readConfig({ WEBHOOK_ALLOWED_HOSTS: ' hooks.intranet, 10.20.0.0/16,fd00::/8 ' })).toMatchObject({
      webhookAllowedHosts: ['hooks.intranet', '10.20.0.0/16', 'fd00::/8'],
    });
  });

  it('reports every problem at once', () => {
    expect(problemsOf({ PORT: 'x', WORKERS: 'y', CALENDAR_SYNC_INTERVAL: 'z' })).toHaveLength(3);
  });

  it('never prints a secret', () => {
    const text = problemsOf({
      JWT_SECRET: 'tooshortsecret',
      CALENDAR_ENCRYPTION_KEYS: 'k1:notakeybutsecret',
      DATABASE_URL: 'postgre://user:dbpassword@host/x',
      GRAPH_CLIENT_SECRET: 'graphsecret',
    }).join('\n');
    expect(text).not.toMatch(/tooshortsecret|notakeybutsecret|dbpassword|graphsecret/);
  });

  it('accepts Graph settings only complete, and names what is missing', () => {
    expect(problemsOf({ GRAPH_CLIENT_ID: 'client' }).map((line) => line.split(' ')[0])).toEqual([
      'GRAPH_TENANT_ID',
      'GRAPH_CLIENT_SECRET',
    ]);
  });

  it('lets a certificate stand in for the client secret', () => {
    const { GRAPH_CLIENT_SECRET: _none, ...rest } = PRODUCTION;
    expect(readConfig({ ...rest, GRAPH_CLIENT_CERTIFICATE_PATH: '/run/graph.pem' }).graph).toMatchObject({
      credential: { kind: 'certificate', path: '/run/graph.pem' },
    });
  });

  it('accepts plain http for Graph on this machine only', () => {
    expect(readConfig({ ...PRODUCTION, GRAPH_BASE_URL: 'http://127.0.0.1:4000' }).graph).toMatchObject({
      baseUrl: 'http://127.0.0.1:4000',
    });
    expect(problemsOf({ ...PRODUCTION, GRAPH_BASE_URL: 'http://graph.example.com' })).toHaveLength(1);
  });

  it('refuses production without real secrets, naming every one of them', () => {
    expect(problemsOf({ NODE_ENV: 'production' }).map((line) => line.split(' ')[0])).toEqual([
      'GRAPH_CLIENT_ID',
      'GRAPH_TENANT_ID',
      'GRAPH_CLIENT_SECRET',
      'JWT_SECRET',
      'CALENDAR_ENCRYPTION_KEYS',
    ]);
    expect(readConfig(PRODUCTION).isProduction).toBe(true);
  });
});

describe('secrets from files', () => {
  const files = (contents: Readonly<Record<string, string>>) => (path: string) => {
    const content = contents[path];
    if (content === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
    return content;
  };
  const { JWT_SECRET, GRAPH_CLIENT_SECRET, CALENDAR_ENCRYPTION_KEYS, ...others } = PRODUCTION;
  const FROM_FILES = {
    ...others,
    ...{ JWT_SECRET_FILE: '/s/jwt', GRAPH_CLIENT_SECRET_FILE: '/s/graph', CALENDAR_ENCRYPTION_KEYS_FILE: '/s/keys' },
    DATABASE_URL_FILE: '/s/database',
  };

  it('are taken without the end of line that editors put there', () => {
    const readFile = files({
      '/s/jwt': `${JWT_SECRET}\n`,
      '/s/graph': `${GRAPH_CLIENT_SECRET}\r\n`,
      '/s/keys': `${CALENDAR_ENCRYPTION_KEYS}\n`,
      '/s/database': 'postgres://calendar:pw@db.example.com/calendar\n',
    });
    expect(readConfig(FROM_FILES, readFile)).toMatchObject({
      jwt: { secret: JWT_SECRET },
      graph: { credential: { kind: 'secret', secret: GRAPH_CLIENT_SECRET } },
      encryptionKeys: CALENDAR_ENCRYPTION_KEYS,
      databaseUrl: 'postgres://calendar:pw@db.example.com/calendar',
    });
  });

  it('that cannot be read are one clear line each, and nothing else is called missing', () => {
    const problems = problemsOf(FROM_FILES, files({ '/s/jwt': '\n', '/s/graph': 'a\0b', '/s/keys': 'k1:short' }));
    expect(problems.map((line) => line.split(',')[0])).toEqual([
      'DATABASE_URL_FILE names a file that cannot be read (ENOENT): "/s/database"',
      'GRAPH_CLIENT_SECRET_FILE names a file that is no secret (too large',
      'JWT_SECRET_FILE names an empty file: "/s/jwt"',
      'CALENDAR_ENCRYPTION_KEYS entry 1 is not a name and 32 bytes in base64',
    ]);
  });

  it.each(['JWT_SECRET', 'CALENDAR_ENCRYPTION_KEYS', 'GRAPH_CLIENT_SECRET', 'DATABASE_URL'])(
    'are refused by name beside %s itself',
    (name) => {
      const env = { ...PRODUCTION, DATABASE_URL: 'pglite:./data', [`${name}_FILE`]: '/s/file' };
      const problems = problemsOf(env, files({ '/s/file': 'x'.repeat(64) }));
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatch(`${name}_FILE and ${name} are both set; keep one of them`);
    },
  );

  it('are read from the disk when nothing else is said', () => {
    expect(problemsOf({ JWT_SECRET_FILE: '/nowhere/at/all' })).toEqual([
      expect.stringMatching(/^JWT_SECRET_FILE names a file that cannot be read \(ENOENT\)/),
    ]);
    expect(problemsOf({ JWT_SECRET_FILE: '/' })).toEqual([expect.stringContaining('(EISDIR)')]);
  });
});

describe('proxies and origins', () => {
  it('trusts no proxy and no origin unless told to', () => {
    expect(readConfig({})).toMatchObject({ trustProxy: undefined, corsOrigins: [] });
    expect(readConfig({ TRUST_PROXY: '0' })).toMatchObject({ trustProxy: undefined });
  });

  it.each([
    ['1', 1],
    ['10', 10],
    ['10.0.0.0/8, 192.0.2.7', ['10.0.0.0/8', '192.0.2.7']],
    ['fd00::/8,::1', ['fd00::/8', '::1']],
  ])('takes TRUST_PROXY=%s', (text, trustProxy) => {
    expect(readConfig({ TRUST_PROXY: text }).trustProxy).toEqual(trustProxy);
  });

  it.each(['true', '11', '-1', '10.0.0.0/33', '10.0.0.0/0', '0.0.0.0/0', '::/0', 'proxy.local', '10.0.0.0/8,', '1.5'])(
    'refuses TRUST_PROXY=%s',
    (text) => {
      expect(problemsOf({ TRUST_PROXY: text })).toEqual([expect.stringMatching(/^TRUST_PROXY must be how many/)]);
    },
  );

  it('takes origins as browsers spell them', () => {
    const text = 'https://app.example.com, https://app.example.com:8443,http://localhost:5173';
    expect(readConfig({ CORS_ORIGINS: text }).corsOrigins).toEqual(text.split(/, ?/));
  });

  it.each([
    '*',
    'null',
    'https://*.example.com',
    'https://app.example.com/',
    'https://APP.example.com',
    'app.example.com',
    'http://app.example.com',
    'https://app.example.com:443',
    'file:///x',
  ])('refuses CORS_ORIGINS=%s', (text) => {
    expect(problemsOf({ CORS_ORIGINS: text })).toEqual([expect.stringMatching(/^CORS_ORIGINS names /)]);
  });
});

describe('dataFolder', () => {
  it('is the embedded database’s own folder, or ./data beside a server', () => {
    expect(dataFolder({ databaseUrl: 'pglite:/var/lib/gcs' })).toBe('/var/lib/gcs');
    expect(dataFolder({ databaseUrl: 'pglite::memory:' })).toBe('./data');
    expect(dataFolder({ databaseUrl: 'postgres://localhost/x' })).toBe('./data');
  });
});
