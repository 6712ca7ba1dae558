import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { HookReceiver } from '../support/hook-receiver.ts';
import { CutProxy } from './cut-proxy.ts';
import { DatabaseServer } from './database-server.ts';
import type { Dice } from './dice.ts';
import { freePort, Program, pause } from './processes.ts';

const JWT_SECRET = 'a secret of the fleet, and long enough to sign with';
const ENCRYPTION_KEYS = `fleet:${Buffer.alloc(32, 7).toString('base64')}`;
const CALL_PATIENCE_MS = 15_000;
const CONNECT_PATIENCE_MS = 60_000;

export interface Answer<T = unknown> {
  /** 0: no answer came. */
  readonly status: number;
  readonly body: T;
}

export interface Layout {
  readonly store: 'pglite' | 'postgres';
  /** Processes of their own beside the service; 0: the service carries runs out itself. */
  readonly workers: number;
  readonly mailboxes: number;
  /** Where the embedded database is kept; a temporary folder unless given. */
  readonly dataFolder?: string;
  /** Users are bound to one mailbox together, so that several processes work on it. */
  readonly isMailboxShared?: boolean;
}

/** Somebody whose calendar is kept in step. */
export interface Person {
  readonly userId: string;
  readonly mailbox: string;
  readonly token: string;
}

/** A service, its workers, its database and the Graph it speaks to: each a process of its own that can be killed. */
export class Fleet {
  readonly layout: Layout;
  readonly people: Person[] = [];
  readonly workers: Program[] = [];
  readonly hooks: HookReceiver;
  readonly database: DatabaseServer | undefined;
  readonly simulator: Program;
  readonly service: Program;
  readonly proxy: CutProxy;
  /** Most requests at a time that any mailbox has seen. */
  mostAtOnce = 0;
  readonly #folder: string;
  readonly #url: string;
  readonly #graphUrl: string;

  private constructor(o: {
    layout: Layout;
    folder: string;
    hooks: HookReceiver;
    database: DatabaseServer | undefined;
    proxy: CutProxy;
    ports: { simulator: number; service: number };
  }) {
    const { layout, folder, database, ports } = o;
    this.layout = layout;
    this.#folder = folder;
    this.hooks = o.hooks;
    this.database = database;
    this.proxy = o.proxy;
    this.#url = `http://127.0.0.1:${ports.service}`;
    this.#graphUrl = `http://127.0.0.1:${ports.simulator}`;
    const state = join(folder, 'simulator.json');
    this.simulator = new Program({
      name: 'simulator',
      args: ['simulator', '--json', '--port', String(ports.simulator), '--events', '0', '--state', state],
    });
    const env = {
      DATABASE_URL: this.databaseUrl,
      PORT: String(ports.service),
      LOG_LEVEL: 'info',
      JWT_SECRET,
      CALENDAR_ENCRYPTION_KEYS: ENCRYPTION_KEYS,
      CALENDAR_SYNC_INTERVAL: '0.25',
      GRAPH_CLIENT_ID: '22222222-2222-2222-2222-222222222222',
      GRAPH_TENANT_ID: 'common',
      GRAPH_CLIENT_SECRET: 'simulated',
      GRAPH_BASE_URL: this.proxy.url,
      GRAPH_AUTHORITY_HOST: this.proxy.url,
    };
    const workers = layout.workers > 0 ? 'none' : 'inline';
    this.service = new Program({ name: 'service', args: ['serve', '--json'], env: { ...env, WORKERS: workers } });
    for (let at = 1; at <= layout.workers; at += 1) {
      this.workers.push(new Program({ name: `worker ${at}`, args: ['worker', '--json'], env }));
    }
  }

  /** Brings everything up, and binds everybody to a mailbox. */
  static async start(layout: Layout, dice: Dice): Promise<Fleet> {
    const folder = mkdtempSync(join(tmpdir(), 'gcs-fleet-'));
    const simulatorPort = await freePort();
    const fleet = new Fleet({
      layout,
      folder,
      hooks: await HookReceiver.listen(),
      database: layout.store === 'postgres' ? await DatabaseServer.create() : undefined,
      proxy: await CutProxy.listen(simulatorPort, () => dice.next()),
      ports: { simulator: simulatorPort, service: await freePort() },
    });
    try {
      await fleet.#begin();
    } catch (error) {
      await fleet.destroy();
      throw error;
    }
    return fleet;
  }

  get databaseUrl(): string {
    return this.database?.url ?? `pglite:${this.dataFolder}`;
  }

  get dataFolder(): string {
    return this.layout.dataFolder ?? join(this.#folder, 'data');
  }

  /** What of ours runs: service and workers. */
  get ours(): readonly Program[] {
    return [this.service, ...this.workers];
  }

  async #begin(): Promise<void> {
    const ready = await this.simulator.start();
    const environment = ready['environment'] as Record<string, string>;
    for (const name of ['GRAPH_CLIENT_ID', 'GRAPH_TENANT_ID', 'GRAPH_CLIENT_SECRET']) {
      for (const program of this.ours) Object.assign(program.recipe.env ?? {}, { [name]: environment[name] });
    }
    await this.outlook('PATCH', '/switches', { latencyMs: 15 });
    if (this.layout.store === 'pglite') mkdirSync(this.dataFolder, { recursive: true });
    await this.service.start();
    await Promise.all(this.workers.map((worker) => worker.start()));
    for (let at = 1; at <= this.layout.mailboxes; at += 1) await this.#settleIn(at);
  }

  async #settleIn(at: number): Promise<void> {
    const userId = `user-${at}`;
    const mailbox = this.layout.isMailboxShared ? 'shared@example.com' : `user-${at}@example.com`;
    const person: Person = { userId, mailbox, token: await tokenFor(userId, mailbox) };
    if (at === 1 || !this.layout.isMailboxShared)
      expectStatus(await this.outlook('POST', '/mailboxes', { address: mailbox }), 201);
    for (const until = Date.now() + CONNECT_PATIENCE_MS; ; await pause(500)) {
      const answer = await this.call(person, 'PUT', '/calendar/connection', { mode: 'application', mailbox });
      if (answer.status === 200) break;
      if (Date.now() > until) throw new Error(`${userId} cannot connect: ${JSON.stringify(answer)}`);
    }
    const url = `http://127.0.0.1:${this.hooks.port}/${userId}`;
    expectStatus(await this.call(person, 'POST', '/calendar/webhooks', { url, events: ['event.created'] }), 201);
    this.people.push(person);
  }

  /** Calls the service as the application does. */
  call<T>(person: Person, method: string, path: string, body?: unknown, headers = {}): Promise<Answer<T>> {
    return send<T>(`${this.#url}${path}`, method, body, { authorization: `Bearer ${person.token}`, ...headers });
  }

  /** Calls the service as an operator does. */
  async operate<T>(path: string): Promise<Answer<T>> {
    const token = await tokenFor('operator', 'operator@example.com', ['operator', 'admin']);
    return send<T>(`${this.#url}${path}`, 'GET', undefined, { authorization: `Bearer ${token}` });
  }

  /** Steers the simulator, as the people whose mailboxes are in it would. */
  outlook<T>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    return send<T>(`${this.#graphUrl}/simulator${path}`, method, body);
  }

  /** The simulator forgets its high-water marks when it is killed; they are kept here. */
  async noteConcurrency(): Promise<void> {
    const { status, body } = await this.outlook<Record<string, number>>('GET', '/concurrency');
    if (status === 200) this.mostAtOnce = Math.max(this.mostAtOnce, ...Object.values(body));
  }

  /** Starts again whatever does not run, as its supervisor would. */
  async revive(): Promise<void> {
    for (const program of [this.simulator, ...this.ours]) {
      if (!program.isRunning) await program.start();
    }
  }

  async destroy(): Promise<void> {
    await Promise.all([this.simulator, ...this.ours].map((program) => program.kill()));
    await this.database?.destroy();
    await this.proxy.close();
    await this.hooks.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function send<T>(url: string, method: string, body?: unknown, headers = {}): Promise<Answer<T>> {
  try {
    const answer = await fetch(url, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(CALL_PATIENCE_MS),
    });
    const text = await answer.text();
    return { status: answer.status, body: (isJson(answer) ? JSON.parse(text) : text) as T };
  } catch {
    return { status: 0, body: undefined as T };
  }
}

const isJson = (answer: Response): boolean => (answer.headers.get('content-type') ?? '').includes('json');

function expectStatus(answer: Answer, status: number): void {
  if (answer.status !== status) throw new Error(`expected ${status}, got ${JSON.stringify(answer)}`);
}

function tokenFor(userId: string, email: string, roles: readonly string[] = []): Promise<string> {
  return new SignJWT({ email, ...(roles.length > 0 ? { roles: [...roles] } : {}) })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(userId)
    .setIssuedAt()
    .setExpirationTime('1d')
    .sign(new TextEncoder().encode(JWT_SECRET));
}
