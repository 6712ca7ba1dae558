import type { FastifyInstance } from 'fastify';
import { SignJWT } from 'jose';
import { expect } from 'vitest';
import { createServer } from '../../src/api/server.ts';
import type { ApiServices, ServerParts } from '../../src/api/services.ts';
import type { JobId } from '../../src/core/ids.ts';
import { silentLogger } from '../../src/core/runtime.ts';
import { systemClock, systemRandom } from '../../src/system-runtime.ts';
import { OpenApiChecker, type OpenApiDocument } from './openapi-checker.ts';
import { MAILBOX, SyncWorld, type SyncWorldOptions, USER } from './sync-world.ts';

export const SECRET = 'a secret for the specs of the API, long enough for HS256';

/** For opening a world while everything else runs too. */
export const OPEN_PATIENCE_MS = 180_000;

export interface Claims {
  readonly sub?: string;
  readonly roles?: readonly string[] | string;
  readonly email?: string;
  readonly [claim: string]: unknown;
}

/** The owner of everything in the world, as their identity provider vouches for them. */
export const OWNER: Claims = { sub: USER, email: MAILBOX };
export const STRANGER: Claims = { sub: 'mallory', email: 'mallory@example.com' };
export const OPERATOR: Claims = { sub: 'olga', roles: ['operator'] };
export const ADMIN: Claims = { sub: 'adam', roles: ['admin'] };

export interface Call {
  /** Whose token; `null` for none. */
  readonly as?: Claims | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer<T = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** JSON where it is JSON, else text. */
  readonly body: T;
}

export function sign(
  claims: Claims,
  at: Date,
  how: { secret?: string; validSeconds?: number; algorithm?: string } = {},
): Promise<string> {
  const now = Math.floor(at.getTime() / 1000);
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: how.algorithm ?? 'HS256' })
    .setIssuedAt(now)
    .setExpirationTime(now + (how.validSeconds ?? 3600))
    .sign(new TextEncoder().encode(how.secret ?? SECRET));
}

/** The whole service behind its HTTP API, with a simulated Graph; every answer is held against the OpenAPI document. */
export class ApiWorld {
  readonly sync: SyncWorld;
  readonly server: FastifyInstance;
  readonly #checker: OpenApiChecker;

  private constructor(sync: SyncWorld, checker: OpenApiChecker) {
    this.sync = sync;
    this.server = sync.app.server;
    this.#checker = checker;
  }

  static async open(options: SyncWorldOptions = {}): Promise<ApiWorld> {
    const sync = await SyncWorld.open({ ...options, env: { JWT_SECRET: SECRET, ...options.env } });
    return new ApiWorld(sync, new OpenApiChecker(await documentOf(sync.app.server)));
  }

  async close(): Promise<void> {
    await this.sync.close();
  }

  async call<T = Record<string, unknown>>(method: string, url: string, call: Call = {}): Promise<Answer<T>> {
    const { as = OWNER, body, headers } = call;
    const token = as && (await sign(as, this.sync.clock.now(), { validSeconds: 10 ** 9 }));
    const answer = await this.server.inject({
      method: method as 'GET',
      url,
      ...(body === undefined ? {} : { payload: body as object }),
      headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
    });
    return this.seen(method, url, answer) as Answer<T>;
  }

  /** Holds an answer against the document. */
  seen(
    method: string,
    url: string,
    answer: { statusCode: number; headers: Record<string, unknown>; body: string },
  ): Answer<unknown> {
    const headers = answer.headers as Record<string, string | undefined>;
    const contentType = headers['content-type'];
    const isJson = contentType?.split(';', 1)[0]?.endsWith('json') ?? false;
    const body: unknown = isJson && answer.body !== '' ? JSON.parse(answer.body) : answer.body;
    const path = url.split('?', 1)[0] ?? url;
    expect(this.#checker.complaints({ method, path, status: answer.statusCode, contentType, body })).toEqual([]);
    return { status: answer.statusCode, headers, body };
  }

  /** Starts a run over HTTP and carries it out. */
  async runNow(request: Record<string, unknown> = {}): Promise<JobId> {
    const { body } = await this.call<{ jobId: JobId }>('POST', '/calendar/sync/start', { body: request });
    await this.sync.carryOut(body.jobId);
    return body.jobId;
  }
}

export async function documentOf(server: FastifyInstance): Promise<OpenApiDocument> {
  const answer = await server.inject({ method: 'GET', url: '/openapi.json' });
  return answer.json();
}

const QUIET_AUDIT: ApiServices['auditService'] = {
  list: async () => ({ items: [], nextCursor: null }),
  noteRefusedLogin: async () => {},
  lastRetention: async () => undefined,
};

type StandIns = { readonly [Name in keyof ApiServices]?: Partial<ApiServices[Name]> };

/** The HTTP API alone; services that a spec does not stand in for must not be called. */
export async function serverWith(
  standIns: StandIns = {},
  parts: Partial<Omit<ServerParts, keyof ApiServices>> = {},
): Promise<FastifyInstance> {
  const names = [
    'eventService',
    'attachmentService',
    'connectionService',
    'calendarService',
    'runService',
    'previewService',
  ] as const;
  const others = [
    'subscriptionManager',
    'authorizationService',
    'statisticsService',
    'healthService',
    'settings',
    'conflicts',
  ] as const;
  const more = ['privacyService', 'webhookService', 'responseService', 'journalService'] as const;
  const services = Object.fromEntries([...names, ...others, ...more].map((name) => [name, standIns[name] ?? {}]));
  const server = await createServer({
    config: {
      jwt: { secret: SECRET, jwksUrl: undefined, issuer: undefined, audience: undefined },
      publicUrl: undefined,
    },
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    ...(services as unknown as ApiServices),
    // Told of every bad token, whatever a spec is about.
    auditService: { ...QUIET_AUDIT, ...standIns.auditService },
    ...parts,
  });
  await server.ready();
  return server;
}

export async function bearer(claims: Claims = OWNER, at: Date = systemClock.now()): Promise<{ authorization: string }> {
  return { authorization: `Bearer ${await sign(claims, at)}` };
}
