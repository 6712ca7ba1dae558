import { answerUser } from '../calendar/user-routes.ts';
import { answerIdentity, isIdentityPath } from '../identity/identity.ts';
import { type AccessToken, type ClientRegistration, readAccessToken } from '../identity/tokens.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { World } from '../mailbox/world.ts';
import { seededRandom, turn, wait } from '../runtime.ts';
import { type BatchAnswer, type BatchItem, readBatch, runBatch } from './batch.ts';
import { FaultScript, faultBody, randomFault, type ScriptedFault } from './faults.ts';
import { badRequest, GraphError } from './graph-error.ts';
import {
  GRAPH_JSON,
  type GraphPath,
  readJson,
  readPath,
  readQuery,
  type SimulatedRequest,
  type SimulatedResponse,
} from './http-types.ts';
import { Limits } from './limits.ts';
import { readPreferences } from './prefer.ts';
import { decoded, RequestLog, type RequestLogEntry } from './request-log.ts';

/** The connection was cut: the caller gets no answer at all. */
export class ConnectionDropped extends Error {
  override readonly name = 'ConnectionDropped';
}

export interface ServiceOptions {
  world: World;
  clients: readonly ClientRegistration[];
  tokenLifetimeSeconds: () => number;
  /** Called when a request may have changed the store, before it is answered. */
  commit: () => void;
  seed: number;
}

/** One front door for sockets and in-process calls: identity, authorisation, limits, faults, batches, routes. */
export class GraphService {
  readonly log = new RequestLog();
  readonly faults = new FaultScript();
  readonly limits: Limits;
  readonly #o: ServiceOptions;
  /** Of its own, so that reading more or less does not change what is stored. */
  readonly #nextRequestId: () => number;

  constructor(options: ServiceOptions) {
    this.#o = options;
    this.limits = new Limits(options.world);
    this.#nextRequestId = seededRandom(options.seed + 1);
  }

  /** @throws {ConnectionDropped} by scripted fault; the caller's abort reason while hanging */
  async handle(request: SimulatedRequest): Promise<SimulatedResponse> {
    const entry = this.#open(request);
    const isBatch = /^\/v1\.0\/\$batch$/i.test(request.url.pathname);
    if (isIdentityPath(request.url.pathname)) {
      const answer = async () =>
        answerIdentity(request, { ...this.#o, tokenLifetimeSeconds: this.#o.tokenLifetimeSeconds() });
      return this.#finish(request, entry, await this.#withFaults(request, entry, true, answer));
    }
    const token = readAccessToken(this.#o.world, request.headers['authorization']);
    if (typeof token === 'string') {
      const refusal = new GraphError(401, 'InvalidAuthenticationToken', token, {
        headers: {
          'www-authenticate': `Bearer realm="", authorization_uri="${request.url.origin}/common/oauth2/authorize"`,
        },
      });
      return this.#finish(
        request,
        entry,
        await this.#withFaults(request, entry, false, async () => this.#refuse(refusal, request, entry)),
      );
    }
    const answer = isBatch ? () => this.#batch(request, token, entry) : () => this.#one(request, token, entry);
    return this.#finish(
      request,
      entry,
      isBatch ? await this.#withFaults(request, entry, false, answer) : await answer(),
    );
  }

  #open(request: SimulatedRequest, batch?: RequestLogEntry): RequestLogEntry {
    return this.log.open(
      {
        method: request.method,
        url: request.url.href,
        headers: request.headers,
        body: parsed(request.body),
        requestId: this.#requestId(),
        mailbox: this.#mailboxOf(request)?.state.address,
        at: new Date(this.#o.world.now()).toISOString(),
      },
      batch,
    );
  }

  #requestId(): string {
    const part = (length: number) =>
      Math.floor(this.#nextRequestId() * 16 ** length)
        .toString(16)
        .padStart(length, '0');
    return `${part(8)}-${part(4)}-4${part(3)}-a${part(3)}-${part(6)}${part(6)}`;
  }

  #mailboxOf(request: SimulatedRequest): Mailbox | undefined {
    const found = /^\/v1\.0\/users(?:\('([^']+)'\)|\/([^/]+))/i.exec(request.url.pathname);
    const key = found?.[1] ?? found?.[2];
    return key === undefined ? undefined : this.#o.world.findMailbox(decoded(key));
  }

  /** One request to one mailbox: takes a slot for as long as it runs. */
  async #one(request: SimulatedRequest, token: AccessToken, entry: RequestLogEntry): Promise<SimulatedResponse> {
    const mailbox = this.#mailboxOf(request);
    let leave = () => {};
    try {
      if (mailbox !== undefined) leave = this.limits.enter(token.appid, mailbox.state.id);
      return await this.#withFaults(request, entry, false, async () => {
        await turn();
        if (this.#o.world.switches.latencyMs > 0) await wait(this.#o.world.switches.latencyMs, request.signal);
        const response = this.#answer(request, entry);
        this.#o.commit();
        return response;
      });
    } catch (error) {
      if (error instanceof GraphError) return this.#refuse(error, request, entry);
      throw error;
    } finally {
      leave();
    }
  }

  #answer(request: SimulatedRequest, entry: RequestLogEntry): SimulatedResponse {
    try {
      return this.#route(request);
    } catch (error) {
      if (error instanceof GraphError) return this.#refuse(error, request, entry);
      throw error;
    }
  }

  #route(request: SimulatedRequest): SimulatedResponse {
    const { world } = this.#o;
    if (!/^\/v1\.0(\/|$)/i.test(request.url.pathname)) throw badRequest('Invalid version.');
    const path: GraphPath = readPath(request.url.pathname.slice('/v1.0'.length));
    const [root, id, ...rest] = path.segments;
    if (root?.toLowerCase() === 'me') throw badRequest('/me request is only valid with delegated authentication flow.');
    if (root?.toLowerCase() !== 'users' || id === undefined)
      throw badRequest(`Resource not found for the segment '${root ?? ''}'.`);
    const mailbox = world.findMailbox(id);
    if (mailbox === undefined && rest.length === 0) {
      throw new GraphError(
        404,
        'Request_ResourceNotFound',
        `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`,
      );
    }
    const query = new Map([...path.parameters, ...readQuery(request.url)]);
    const preferences = readPreferences(request.headers['prefer']);
    const response = answerUser({ world, mailbox: mailbox ?? world.mailbox(id), request, query, preferences }, rest);
    if (preferences.applied.length === 0) return response;
    return { ...response, headers: { ...response.headers, 'preference-applied': preferences.applied.join(', ') } };
  }

  async #batch(request: SimulatedRequest, token: AccessToken, entry: RequestLogEntry): Promise<SimulatedResponse> {
    const { world } = this.#o;
    try {
      if (request.method !== 'POST') throw new GraphError(405, 'MethodNotAllowed', 'Only POST is allowed on $batch.');
      const items = readBatch(readJson(request));
      const dropped: ConnectionDropped[] = [];
      const inner = (item: BatchItem) => innerRequest(request, item);
      const responses = await runBatch(items, {
        mailboxOf: (item) => this.#mailboxOf(inner(item))?.state.id ?? '',
        run: (item) => this.#batchItem(inner(item), item, token, entry, dropped),
        next: () => this.#nextRequestId(),
        shuffle: world.switches.shuffleBatch,
      });
      if (dropped[0] !== undefined) throw dropped[0];
      return { status: 200, headers: {}, body: { responses } };
    } catch (error) {
      if (error instanceof GraphError) return this.#refuse(error, request, entry);
      throw error;
    }
  }

  /** A dropped item takes the whole answer with it, but not what the other items did. */
  async #batchItem(
    request: SimulatedRequest,
    item: BatchItem,
    token: AccessToken,
    batch: RequestLogEntry,
    dropped: ConnectionDropped[],
  ): Promise<BatchAnswer> {
    const entry = this.#open(request, batch);
    let response: SimulatedResponse;
    try {
      response = this.#finish(request, entry, await this.#one(request, token, entry));
    } catch (error) {
      if (!(error instanceof ConnectionDropped)) throw error;
      dropped.push(error);
      return { id: item.id, status: 504, headers: {} };
    }
    const names: Record<string, string> = {
      'content-type': 'Content-Type',
      'retry-after': 'Retry-After',
      location: 'Location',
      etag: 'ETag',
      'preference-applied': 'Preference-Applied',
      'cache-control': 'Cache-Control',
    };
    const headers = Object.fromEntries(
      Object.entries(response.headers)
        .filter(([name]) => name in names)
        .map(([name, value]) => [names[name]!, value]),
    );
    const body =
      response.body ?? (response.text === undefined ? undefined : Buffer.from(response.text).toString('base64url'));
    return { id: item.id, status: response.status, headers, ...(body === undefined ? {} : { body }) };
  }

  async #withFaults(
    request: SimulatedRequest,
    entry: RequestLogEntry,
    isIdentity: boolean,
    answer: () => Promise<SimulatedResponse>,
  ): Promise<SimulatedResponse> {
    const mailbox = this.#mailboxOf(request)?.state;
    const scripted = this.faults.take({
      method: request.method,
      path: entry.path + request.url.search,
      mailboxes: mailbox === undefined ? [] : [mailbox.address.toLowerCase(), mailbox.id.toLowerCase()],
      batchItem: entry.batchItem,
      isIdentity,
    });
    const { faultRate } = this.#o.world.switches;
    const isStruck = scripted === undefined && !isIdentity && faultRate > 0 && this.#nextRequestId() < faultRate;
    const fault = isStruck ? randomFault(request.method, this.#nextRequestId) : scripted;
    if (fault === undefined) return answer();
    const kind = fault.kind ?? 'status';
    entry.fault = kind;
    switch (kind) {
      case 'status':
        return this.#faulty(fault, request, entry);
      case 'status-after-commit':
        await answer();
        return this.#faulty(fault, request, entry);
      case 'drop-before':
        throw new ConnectionDropped('connection dropped before the request');
      case 'drop-after-commit':
        await answer();
        throw new ConnectionDropped('connection dropped before the answer');
      case 'truncated-json': {
        const { body, ...rest } = await answer();
        const text = JSON.stringify(body) ?? '';
        return { ...rest, text: text.slice(0, Math.floor(text.length / 2)) };
      }
      case 'gateway-html':
        return {
          status: fault.status ?? 502,
          headers: { 'content-type': 'text/html', ...fault.headers },
          text: '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center></body>\r\n</html>\r\n',
        };
      case 'slow':
        await wait(fault.slowMs ?? 1000, request.signal);
        return answer();
      case 'hang':
        await wait(Number.POSITIVE_INFINITY, request.signal);
        throw new ConnectionDropped('the connection hung');
    }
  }

  #faulty(fault: ScriptedFault, request: SimulatedRequest, entry: RequestLogEntry): SimulatedResponse {
    const { status, code, message } = faultBody(fault);
    const retryAfter = fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) };
    return this.#refuse(
      new GraphError(status, code, message, { headers: { ...retryAfter, ...fault.headers } }),
      request,
      entry,
    );
  }

  #refuse(error: GraphError, request: SimulatedRequest, entry: RequestLogEntry): SimulatedResponse {
    entry.code = error.code;
    const date = new Date(this.#o.world.now()).toISOString().slice(0, 19);
    const ids = {
      'request-id': entry.requestId,
      'client-request-id': request.headers['client-request-id'] ?? entry.requestId,
    };
    return {
      status: error.status,
      headers: error.headers,
      body: { error: { code: error.code, message: error.message, ...error.extra, innerError: { date, ...ids } } },
    };
  }

  /** The headers every answer has. */
  #finish(request: SimulatedRequest, entry: RequestLogEntry, response: SimulatedResponse): SimulatedResponse {
    entry.status = response.status;
    const type = response.body === undefined ? {} : { 'content-type': GRAPH_JSON };
    const headers = {
      ...type,
      'request-id': entry.requestId,
      'client-request-id': request.headers['client-request-id'] ?? entry.requestId,
      'x-ms-ags-diagnostic':
        '{"ServerInfo":{"DataCenter":"Simulated","Slice":"E","Ring":"1","ScaleUnit":"000","RoleInstance":"SIM0001"}}',
      date: new Date(this.#o.world.now()).toUTCString(),
      'strict-transport-security': 'max-age=31536000',
      ...response.headers,
    };
    return { ...response, headers };
  }
}

function innerRequest(outer: SimulatedRequest, item: BatchItem): SimulatedRequest {
  const url = new URL(`/v1.0${item.url.startsWith('/') ? '' : '/'}${item.url}`, outer.url.origin);
  const authorization = outer.headers['authorization'];
  const body =
    item.body === undefined
      ? ''
      : typeof item.body === 'string'
        ? Buffer.from(item.body, 'base64url').toString()
        : JSON.stringify(item.body);
  return {
    method: item.method,
    url,
    headers: {
      'content-length': String(Buffer.byteLength(body)),
      ...item.headers,
      ...(authorization === undefined ? {} : { authorization }),
    },
    body,
    signal: outer.signal,
  };
}

function parsed(body: string): unknown {
  if (body === '') return undefined;
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
