import { answerUploadRange, isUploadPath } from '../event-resources/upload-sessions.ts';
import { isRefused, type RefusedCaller, readCaller } from '../identity/caller.ts';
import { answerIdentity, isIdentityPath } from '../identity/identity.ts';
import type { Platform } from '../identity/platform.ts';
import type { Caller } from '../identity/tokens.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { World } from '../mailbox/world.ts';
import type { Notifications } from '../notifications/notifications.ts';
import { seededRandom, turn, wait } from '../runtime.ts';
import { bodyValue, finished, refusal } from './answers.ts';
import { type BatchAnswer, type BatchItem, readBatch, runBatch } from './batch.ts';
import { ConnectionDropped } from './fault-injection.ts';
import type { FaultScript } from './faults.ts';
import { GraphError } from './graph-error.ts';
import { answerGraph } from './graph-routes.ts';
import { isControlPath, readJson, type SimulatedRequest, type SimulatedResponse } from './http-types.ts';
import { Limits } from './limits.ts';
import { decoded, RequestLog, type RequestLogEntry } from './request-log.ts';
import { Weather } from './weather.ts';

export interface ServiceOptions {
  world: World;
  notifications: Notifications;
  platform: Platform;
  /** Called when a request may have changed the store, before it is answered. */
  commit: () => void;
  /** Answers what steers the simulator: no part of Graph, so not logged and untouched by limits and faults. */
  control: (request: SimulatedRequest) => Promise<SimulatedResponse>;
  seed: number;
}

/** One front door for sockets and in-process calls: identity, authorisation, limits, faults, batches, routes. */
export class GraphService {
  readonly log = new RequestLog();
  readonly faults: FaultScript;
  readonly weather: Weather;
  readonly limits: Limits;
  readonly #o: ServiceOptions;
  /** Of its own, so that reading more or less does not change what is stored. */
  readonly #nextRequestId: () => number;

  constructor(options: ServiceOptions) {
    this.#o = options;
    this.limits = new Limits(options.world);
    this.weather = new Weather(options.world, options.seed + 2);
    this.faults = this.weather.script;
    this.#nextRequestId = seededRandom(options.seed + 1);
  }

  /** @throws {ConnectionDropped} by scripted fault; the caller's abort reason while hanging */
  async handle(request: SimulatedRequest): Promise<SimulatedResponse> {
    if (isControlPath(request.url.pathname)) return this.#o.control(request);
    const entry = this.#open(request);
    const answer = (action: () => Promise<SimulatedResponse>) => this.#answered(request, entry, action);
    if (isIdentityPath(request.url.pathname)) return answer(() => this.#identity(request, entry));
    if (isUploadPath(request.url.pathname)) return answer(() => this.#upload(request, entry));
    const token = readCaller(this.#o.platform.directory, request);
    if (isRefused(token)) return answer(() => this.#unauthenticated(request, entry, token));
    if (/^\/v1\.0\/\$batch$/i.test(request.url.pathname)) {
      return answer(() => this.#withFaults(request, entry, false, () => this.#batch(request, token, entry)));
    }
    return answer(() => this.#one(request, token, entry));
  }

  /** Turns refusals into answers and adds the headers every answer has. */
  async #answered(
    request: SimulatedRequest,
    entry: RequestLogEntry,
    action: () => Promise<SimulatedResponse>,
  ): Promise<SimulatedResponse> {
    const about = { request, entry, nowMs: this.#o.world.now() };
    try {
      return finished(await action(), about);
    } catch (error) {
      if (error instanceof GraphError) return finished(refusal(error, about), about);
      throw error;
    }
  }

  /** A range of a large attachment, at an address that needs no access token. */
  #upload(request: SimulatedRequest, entry: RequestLogEntry): Promise<SimulatedResponse> {
    return this.#withFaults(request, entry, false, async () => {
      const response = answerUploadRange(this.#o.world, request);
      this.#o.commit();
      return response;
    });
  }

  #identity(request: SimulatedRequest, entry: RequestLogEntry): Promise<SimulatedResponse> {
    return this.#withFaults(request, entry, true, async () => {
      const response = await answerIdentity(request, this.#o.platform);
      this.#o.commit();
      return response;
    });
  }

  #unauthenticated(request: SimulatedRequest, entry: RequestLogEntry, why: RefusedCaller): Promise<SimulatedResponse> {
    return this.#withFaults(request, entry, false, async () => {
      const headers = { 'www-authenticate': why.challenge };
      throw new GraphError(401, 'InvalidAuthenticationToken', why.message, { headers });
    });
  }

  #open(request: SimulatedRequest, batch?: RequestLogEntry, batchItemId?: string): RequestLogEntry {
    return this.log.open(
      {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: parsed(request.body),
        requestId: this.#requestId(),
        mailbox: this.#mailboxOf(request)?.state.address,
        at: new Date(this.#o.world.now()).toISOString(),
      },
      batch,
      batchItemId,
    );
  }

  #requestId(): string {
    const part = (length: number) =>
      Math.floor(this.#nextRequestId() * 16 ** length)
        .toString(16)
        .padStart(length, '0');
    return `${part(8)}-${part(4)}-4${part(3)}-a${part(3)}-${part(6)}${part(6)}`;
  }

  /** Whose limits a request counts against: the mailbox its path addresses. */
  #mailboxOf(request: SimulatedRequest, token?: Caller): Mailbox | undefined {
    if (/^\/v1\.0\/me(\/|$)/i.test(request.url.pathname)) {
      return token?.oid === undefined ? undefined : this.#o.world.findMailbox(token.oid);
    }
    const found = /^\/v1\.0\/users(?:\('([^']+)'\)|\/([^/]+))/i.exec(request.url.pathname);
    const key = found?.[1] ?? found?.[2];
    return key === undefined ? undefined : this.#o.world.findMailbox(decoded(key));
  }

  /** One request to one mailbox: takes a slot for as long as it runs. */
  async #one(request: SimulatedRequest, token: Caller, entry: RequestLogEntry): Promise<SimulatedResponse> {
    const { world } = this.#o;
    const mailbox = this.#mailboxOf(request, token);
    if (mailbox !== undefined) entry.mailbox = mailbox.state.address;
    this.limits.enterApp(token.appid);
    const upload = { method: request.method, bytes: request.bytes?.length ?? Buffer.byteLength(request.body) };
    const leave = mailbox === undefined ? () => {} : this.limits.enter(token.appid, mailbox.state.id, upload);
    try {
      return await this.#withFaults(request, entry, false, async () => {
        await turn();
        if (world.switches.latencyMs > 0) await wait(world.switches.latencyMs, request.signal);
        return this.#carryOut(request, token, entry);
      });
    } finally {
      leave();
    }
  }

  /** A refusal is an answer like any other here: a fault after the commit must not hide it from the store. */
  async #carryOut(request: SimulatedRequest, token: Caller, entry: RequestLogEntry): Promise<SimulatedResponse> {
    const { world } = this.#o;
    try {
      const mailbox = this.#mailboxOf(request, token);
      return await this.weather.reading(mailbox, request, () => answerGraph(this.#o, token, request));
    } catch (error) {
      if (error instanceof GraphError) return refusal(error, { request, entry, nowMs: world.now() });
      throw error;
    } finally {
      this.#o.commit();
    }
  }

  async #batch(request: SimulatedRequest, token: Caller, entry: RequestLogEntry): Promise<SimulatedResponse> {
    if (request.method !== 'POST') throw new GraphError(405, 'MethodNotAllowed', 'Only POST is allowed on $batch.');
    const items = readBatch(readJson(request));
    const dropped: ConnectionDropped[] = [];
    const inner = (item: BatchItem) => innerRequest(request, item);
    const responses = await runBatch(items, {
      mailboxOf: (item) => this.#mailboxOf(inner(item), token)?.state.id ?? '',
      run: (item) => this.#batchItem(inner(item), item, token, entry, dropped),
      next: () => this.#nextRequestId(),
      shuffle: this.#o.world.switches.shuffleBatch,
    });
    if (dropped[0] !== undefined) throw dropped[0];
    return { status: 200, headers: {}, body: { responses } };
  }

  /** A dropped item takes the whole answer with it, but not what the other items did. */
  async #batchItem(
    request: SimulatedRequest,
    item: BatchItem,
    token: Caller,
    batch: RequestLogEntry,
    dropped: ConnectionDropped[],
  ): Promise<BatchAnswer> {
    const entry = this.#open(request, batch, item.id);
    let response: SimulatedResponse;
    try {
      response = await this.#answered(request, entry, () => this.#one(request, token, entry));
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
    const body = bodyValue(response);
    return { id: item.id, status: response.status, headers, ...(body === undefined ? {} : { body }) };
  }

  #withFaults(
    request: SimulatedRequest,
    entry: RequestLogEntry,
    isIdentity: boolean,
    answer: () => Promise<SimulatedResponse>,
  ): Promise<SimulatedResponse> {
    const mailbox = entry.mailbox === undefined ? undefined : this.#o.world.findMailbox(entry.mailbox);
    return this.weather.around(request, entry, { isIdentity, mailbox }, answer);
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
