import { expireTokens } from './calendar/delta-token.ts';
import { ConnectionDropped } from './http/fault-injection.ts';
import type { FaultScript, PendingFault, ScriptedFault } from './http/faults.ts';
import { fetchRequest } from './http/fetch-request.ts';
import { fetchResponse } from './http/fetch-response.ts';
import { GraphService } from './http/graph-service.ts';
import type { SimulatedRequest, SimulatedResponse } from './http/http-types.ts';
import type { RequestLogEntry } from './http/request-log.ts';
import { type ListenOptions, type RunningServer, startServer } from './http/server.ts';
import { createPlatform } from './identity/platform.ts';
import { SimulatedIdentity, type UserTokenRequest } from './identity/simulated-identity.ts';
import { DEFAULT_LIFETIME_SECONDS } from './identity/token-issuer.ts';
import { type ClientRegistration, DEFAULT_CLIENT } from './identity/tokens.ts';
import type { Mailbox, MailboxSnapshot } from './mailbox/mailbox.ts';
import type { OutboxMail } from './mailbox/model.ts';
import { SimulatedMailbox } from './mailbox/simulated-mailbox.ts';
import { World, type WorldSnapshot } from './mailbox/world.ts';
import { Notifications } from './notifications/notifications.ts';
import { systemNow } from './runtime.ts';
import { defaultSwitches, type SimulatorSwitches } from './switches.ts';
import { type WorldChanges, WorldJournal } from './world-journal.ts';

export interface SimulatorOptions {
  /** Epoch milliseconds; the machine's clock unless given. */
  now?: () => number;
  seed?: number;
  switches?: Partial<SimulatorSwitches>;
  /** Registered applications; {@link DEFAULT_CLIENT} unless given. */
  clients?: ClientRegistration[];
  tokenLifetimeSeconds?: number;
  /** Base of relative addresses given to {@link GraphSimulator.fetch}. */
  origin?: string;
  /** Who knows it may steer over HTTP from anywhere (`Authorization: Bearer`); without one only this machine may. */
  controlKey?: string;
  /** Takes the place of the network for POSTs to webhooks: an application's own handler, in-process. */
  webhookFetch?: typeof fetch;
}

/** A strict Microsoft Graph with calendars only, in memory, in-process or behind a socket. */
export class GraphSimulator {
  readonly switches: SimulatorSwitches;
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  readonly clients: readonly ClientRegistration[];
  /** Consents, revocations, secrets and keys: what administrators and users do to sign-ins. */
  readonly identity: SimulatedIdentity;
  /** Subscriptions and their deliveries, as a test or an operator sees them. */
  readonly notifications: Notifications;
  /** Seconds an access token lives; applies to tokens issued from now on. */
  tokenLifetimeSeconds: number;
  readonly #world: World;
  readonly #service: GraphService;
  readonly #origin: string;
  readonly #people = new Map<string, SimulatedMailbox>();
  readonly #journal: WorldJournal;
  readonly #controlKey: string | undefined;

  constructor(options: SimulatorOptions = {}) {
    const seed = options.seed ?? 1;
    this.switches = { ...defaultSwitches, ...options.switches };
    this.clients = options.clients ?? [DEFAULT_CLIENT];
    this.tokenLifetimeSeconds = options.tokenLifetimeSeconds ?? DEFAULT_LIFETIME_SECONDS;
    this.#origin = options.origin ?? 'http://graph.sim.test';
    this.#world = new World({ now: options.now ?? systemNow, seed, switches: this.switches });
    this.#journal = new WorldJournal(this.#world);
    const platform = createPlatform({
      world: this.#world,
      clients: this.clients,
      lifetimeSeconds: () => this.tokenLifetimeSeconds,
      seed,
    });
    this.identity = new SimulatedIdentity(platform, () => this.#commit());
    this.notifications = new Notifications({
      world: this.#world,
      commit: () => this.#commit(),
      signingKey: () => platform.directory.signingKeys[0]!,
      seed: seed + 3,
      webhookFetch: options.webhookFetch,
    });
    this.#service = new GraphService({
      world: this.#world,
      notifications: this.notifications,
      platform,
      commit: () => this.#commit(),
      control: (request) => this.#steer(request),
      seed,
    });
    this.#controlKey = options.controlKey;
    this.fetch = (input, init) => this.#fetch(input, init);
  }

  get requests(): RequestLogEntry[] {
    return this.#service.log.entries;
  }

  /** Every mail Exchange would have sent. */
  get outbox(): OutboxMail[] {
    return this.#world.outbox;
  }

  /** POST, PATCH and DELETE requests on events, those inside batches included. */
  writes(): RequestLogEntry[] {
    return this.#service.log.writes();
  }

  /** Forgets requests, mails and high-water marks. */
  clearLog(): void {
    this.clearRequests();
    this.clearOutbox();
  }

  clearRequests(): void {
    this.#service.log.clear();
    this.#service.limits.forgetHighest();
  }

  clearOutbox(): void {
    this.#journal.clearOutbox();
    this.#commit();
  }

  // --- mailboxes

  addMailbox(m: { address: string; name?: string; timeZone?: string; id?: string }): SimulatedMailbox {
    const mailbox = this.#world.addMailbox(m);
    mailbox.markDirty();
    this.#commit();
    return this.#person(mailbox);
  }

  /** @throws {GraphError} 404 `ErrorInvalidUser` */
  mailbox(addressOrId: string): SimulatedMailbox {
    return this.#person(this.#world.mailbox(addressOrId));
  }

  /** The mailbox is gone with all that was in it; paths to it answer as for a user who never was. */
  removeMailbox(addressOrId: string): void {
    const mailbox = this.#world.mailbox(addressOrId);
    this.#world.removeMailbox(mailbox);
    this.#people.delete(mailbox.state.id);
    this.#journal.replaced();
  }

  get mailboxes(): SimulatedMailbox[] {
    return this.#world.mailboxes.map((mailbox) => this.#person(mailbox));
  }

  #person(mailbox: Mailbox): SimulatedMailbox {
    let person = this.#people.get(mailbox.state.id);
    if (person === undefined) {
      person = new SimulatedMailbox(this.#world, mailbox, () => this.#commit());
      this.#people.set(mailbox.state.id, person);
    }
    return person;
  }

  /** Runs `furnish` without putting mails into the outbox. */
  quietly<T>(furnish: () => T): T {
    const before = this.#world.quiet;
    this.#world.quiet = true;
    try {
      return furnish();
    } finally {
      this.#world.quiet = before;
    }
  }

  // --- time

  /** Epoch milliseconds of the simulator's clock. */
  now(): number {
    return this.#world.now();
  }

  /** Milliseconds by which the clock was moved so far. */
  get clockShiftMs(): number {
    return this.#world.clockShift;
  }

  /** Moves the clock forward; deliveries, retries and expiries on the way happen in order of time. */
  async advance(ms: number): Promise<void> {
    await this.#world.advance(ms);
    this.#commit(true);
  }

  /** The clock jumps, back as well, and nothing falls due on the way. */
  jumpClock(ms: number): void {
    this.#world.jumpClock(ms);
    this.#commit(true);
  }

  /** Waits until everything the service does by itself and is due has happened. */
  async settled(): Promise<void> {
    const { agenda, now } = this.#world;
    // What is under way may plan more that is due already.
    do await agenda.runDue();
    while ((agenda.nextDueMs ?? Number.POSITIVE_INFINITY) <= now());
  }

  // --- weather

  /** The script: what is pending, and how it is taken back. */
  get faults(): FaultScript {
    return this.#service.faults;
  }

  failNext(fault: ScriptedFault): PendingFault {
    return this.#service.faults.add(fault);
  }

  clearFaults(): void {
    this.#service.weather.clear();
  }

  /** Every delta link issued so far answers 410 from now on. */
  expireDeltaTokens(mailboxAddress?: string): void {
    const mailboxes = mailboxAddress === undefined ? this.#world.mailboxes : [this.#world.mailbox(mailboxAddress)];
    for (const mailbox of mailboxes) expireTokens(mailbox);
    this.#commit();
  }

  /** Most requests at once on a mailbox since the log was cleared, refused ones included. */
  concurrencyHighWater(mailbox: string): number {
    return this.#service.limits.highest(this.#world.mailbox(mailbox).state.id);
  }

  /** An access token without the round trip: of an application, or `{ user, scopes }` of somebody signed in. */
  accessToken(of?: ClientRegistration | UserTokenRequest): string {
    return this.identity.accessToken(of);
  }

  // --- state

  /** The whole state as JSON: mailboxes, change logs, token secret, mails. Not the request log. */
  snapshot(): string {
    return JSON.stringify(this.state);
  }

  /** What {@link snapshot} writes down; parts of it are those in use, so it is to be written and not to be kept. */
  get state(): WorldSnapshot {
    return this.#world.snapshot();
  }

  restore(snapshot: string): void {
    this.restoreState(JSON.parse(snapshot) as WorldSnapshot);
  }

  /** @param state becomes the simulator's own */
  restoreState(state: WorldSnapshot): void {
    this.#world.restore(state);
    this.#people.clear();
    this.#journal.caughtUp();
    this.#journal.replaced();
  }

  /** One mailbox as JSON: what is in it, its change log, and nothing of the others. */
  snapshotMailbox(addressOrId: string): string {
    return JSON.stringify({ format: 1, mailbox: this.#world.mailbox(addressOrId).snapshot() });
  }

  /**
   * Puts one mailbox back, or adds it when it is not here. Delta tokens issued since the snapshot answer 410 from now
   * on, those from before it go on working; ids and changeKeys made since are not made again.
   *
   * @throws {Error} for anything but a mailbox's snapshot, and when another mailbox has its address
   */
  restoreMailbox(snapshot: string): SimulatedMailbox {
    const { mailbox } = JSON.parse(snapshot) as { mailbox?: MailboxSnapshot };
    if (mailbox?.state === undefined) throw new Error('this is no snapshot of a mailbox');
    const restored = this.#world.putBack(mailbox);
    this.notifications.catchUp();
    this.#journal.replaced();
    return this.#person(restored);
  }

  /** Repeats changes recorded through {@link onChange}. */
  replay(changes: WorldChanges): void {
    this.#journal.replay(changes);
    this.notifications.catchUp();
  }

  /**
   * `sink` is called with every change before the request that made it is answered; `onReplaced` when the state became
   * another one, which no list of changes tells: a snapshot put back, a mailbox removed.
   */
  onChange(sink: ((changes: WorldChanges) => void) | undefined, onReplaced?: () => void): void {
    this.#journal.listen(sink, onReplaced);
  }

  #commit(isClockMoved = false): void {
    this.notifications.observeCalendars();
    this.#journal.commit(isClockMoved);
  }

  // --- transport

  /** Loaded when it is asked for: it calls the methods of this class, and nobody in-process needs it. */
  async #steer(request: SimulatedRequest): Promise<SimulatedResponse> {
    const { ControlPlane } = await import('./control/control-plane.ts');
    return new ControlPlane(this, this.#controlKey).handle(request);
  }

  listen(o: ListenOptions = {}): Promise<RunningServer> {
    return startServer((request) => this.#service.handle(request), o);
  }

  async #fetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const request = await fetchRequest(input, init, this.#origin);
    request.signal?.throwIfAborted();
    try {
      return fetchResponse(await this.#service.handle(request));
    } catch (error) {
      if (error instanceof ConnectionDropped) throw new TypeError('fetch failed', { cause: error });
      throw error;
    }
  }
}
