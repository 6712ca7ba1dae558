import { createHmac, timingSafeEqual } from 'node:crypto';
import { Agenda } from '../agenda.ts';
import { GraphError } from '../http/graph-error.ts';
import { SeededRandom } from '../runtime.ts';
import type { SimulatorSwitches } from '../switches.ts';
import { Mailbox, type MailboxChanges, type MailboxSnapshot } from './mailbox.ts';
import type { LogEntry, OutboxMail } from './model.ts';

export interface WorldSnapshot {
  format: 1;
  secret: string;
  random: number;
  outbox: OutboxMail[];
  mailboxes: MailboxSnapshot[];
  /** Milliseconds the clock was moved. */
  clockShift?: number;
  /** State of the other parts of the service, by name (see {@link World.register}). */
  parts?: Record<string, unknown>;
}

/** A part of the service with state of its own: subscriptions, grants. The state is plain JSON. */
export interface Part {
  save(): unknown;
  /** `state` is undefined when the snapshot is older than the part. */
  restore(state: unknown): void;
}

const PROVEN_MAX = 1000;

/** Everything the simulated tenant holds: mailboxes, mail sent, the clock and the dice. */
export class World {
  readonly switches: SimulatorSwitches;
  /** Epoch milliseconds, {@link advance} included. */
  readonly now: () => number;
  readonly agenda: Agenda;
  /** Told of every change in a mailbox right after it is in the change log. */
  onLogged: ((mailbox: Mailbox, entry: LogEntry) => void) | undefined;
  /** Told before a mailbox comes back from a backup under other ids. */
  onReplaced: ((mailbox: Mailbox) => void) | undefined;
  readonly outbox: OutboxMail[] = [];
  /** While set, nothing is put into the outbox: a mailbox being furnished mails nobody. */
  quiet = false;
  #secret: string;
  /** Signatures that were good: every request brings the same token. */
  readonly #proven = new Set<string>();
  readonly #random: SeededRandom;
  readonly #byId = new Map<string, Mailbox>();
  readonly #byAddress = new Map<string, Mailbox>();
  readonly #dirty = new Set<Mailbox>();
  readonly #parts = new Map<string, Part>();
  readonly #dirtyParts = new Set<string>();
  #clockShift = 0;

  constructor(o: { now: () => number; seed: number; switches: SimulatorSwitches }) {
    this.now = () => o.now() + this.#clockShift;
    this.agenda = new Agenda(this.now);
    this.switches = o.switches;
    this.#random = new SeededRandom(o.seed);
    this.#secret = this.hex(64);
  }

  get mailboxes(): Mailbox[] {
    return [...this.#byId.values()];
  }

  // --- time

  /**
   * Moves the clock forward, and does on the way whatever falls due, in order of time.
   *
   * @param ms milliseconds, 0 or more
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0)) throw new RangeError('advance: milliseconds, 0 or more');
    const end = this.now() + ms;
    for (let due = this.agenda.nextDueMs; due !== undefined && due <= end; due = this.agenda.nextDueMs) {
      this.#clockShift += Math.max(0, due - this.now());
      await this.agenda.runDue();
    }
    this.#clockShift += Math.max(0, end - this.now());
    await this.agenda.runDue();
  }

  /** A clock that jumps, back as well: nothing falls due on the way, as on a server whose time was set. */
  jumpClock(ms: number): void {
    this.#clockShift += ms;
  }

  // --- parts

  /** Makes a part's state belong to snapshots and to the journal. */
  register(name: string, part: Part): void {
    this.#parts.set(name, part);
  }

  /** To be called after each change of a part's state. */
  markPartDirty(name: string): void {
    this.#dirtyParts.add(name);
  }

  /** The state of every part changed since the last call. */
  takePartChanges(): Record<string, unknown> | undefined {
    if (this.#dirtyParts.size === 0) return undefined;
    const changed = Object.fromEntries([...this.#dirtyParts].map((name) => [name, this.#parts.get(name)?.save()]));
    this.#dirtyParts.clear();
    return changed;
  }

  restoreParts(parts: Record<string, unknown>): void {
    for (const [name, state] of Object.entries(parts)) this.#parts.get(name)?.restore(structuredClone(state));
  }

  get clockShift(): number {
    return this.#clockShift;
  }

  set clockShift(ms: number) {
    this.#clockShift = ms;
  }

  get randomState(): number {
    return this.#random.state;
  }

  set randomState(state: number) {
    this.#random.state = state;
  }

  next(): number {
    return this.#random.next();
  }

  /** Random lower-case hex digits. */
  hex(length: number): string {
    let text = '';
    while (text.length < length)
      text += Math.floor(this.next() * 2 ** 32)
        .toString(16)
        .padStart(8, '0');
    return text.slice(0, length);
  }

  guid(): string {
    const digits = this.hex(32);
    return [
      digits.slice(0, 8),
      digits.slice(8, 12),
      `4${digits.slice(13, 16)}`,
      `a${digits.slice(17, 20)}`,
      digits.slice(20),
    ].join('-');
  }

  addMailbox(m: { address: string; name?: string; timeZone?: string; id?: string }): Mailbox {
    if (this.#byAddress.has(m.address.toLowerCase())) throw new Error(`mailbox ${m.address} exists already`);
    const mailbox = Mailbox.create({
      id: m.id ?? this.guid(),
      address: m.address,
      name: m.name ?? m.address.split('@')[0] ?? m.address,
      timeZone: m.timeZone ?? 'UTC',
    });
    this.#register(mailbox);
    return mailbox;
  }

  /** The mailbox and all in it are gone, as after a user was deleted. */
  removeMailbox(mailbox: Mailbox): void {
    this.#byId.delete(mailbox.state.id.toLowerCase());
    this.#byAddress.delete(mailbox.state.address.toLowerCase());
    this.#dirty.delete(mailbox);
    this.onReplaced?.(mailbox);
  }

  /**
   * Puts one mailbox back to an earlier state; the rest of the world stays as it is.
   *
   * @throws {Error} when another mailbox has its address
   */
  putBack(snapshot: MailboxSnapshot): Mailbox {
    const { id, address } = snapshot.state;
    const undone = this.#byId.get(id.toLowerCase());
    const holder = this.#byAddress.get(address.toLowerCase());
    if (holder !== undefined && holder !== undone) throw new Error(`another mailbox has the address ${address}`);
    const mailbox = Mailbox.restore(structuredClone(snapshot));
    if (undone !== undefined) {
      mailbox.discardTokensOf(undone);
      mailbox.continueNumbersOf(undone);
      this.#byAddress.delete(undone.state.address.toLowerCase());
      this.#dirty.delete(undone);
    }
    this.#register(mailbox);
    return mailbox;
  }

  /** What changed since the last call. */
  takeChanges(): MailboxChanges[] {
    const changes = [...this.#dirty].map((mailbox) => mailbox.takeChanges()).filter((each) => each !== undefined);
    this.#dirty.clear();
    return changes;
  }

  #register(mailbox: Mailbox): void {
    mailbox.onDirty = () => this.#dirty.add(mailbox);
    mailbox.onLogged = (entry) => this.onLogged?.(mailbox, entry);
    this.#byId.set(mailbox.state.id.toLowerCase(), mailbox);
    this.#byAddress.set(mailbox.state.address.toLowerCase(), mailbox);
  }

  findMailbox(addressOrId: string): Mailbox | undefined {
    const key = addressOrId.toLowerCase();
    return this.#byAddress.get(key) ?? this.#byId.get(key);
  }

  /** @throws {GraphError} 404 `ErrorInvalidUser` */
  mailbox(addressOrId: string): Mailbox {
    const found = this.findMailbox(addressOrId);
    if (found === undefined) {
      throw new GraphError(404, 'ErrorInvalidUser', `The requested user '${addressOrId}' is invalid.`);
    }
    return found;
  }

  mail(mail: Omit<OutboxMail, 'at'>): void {
    if (this.quiet || mail.to.length === 0) return;
    this.outbox.push({ ...mail, at: new Date(this.now()).toISOString() });
  }

  /** Signs text, so that tokens and links are opaque and forgeries show. */
  sign(text: string): string {
    return createHmac('sha256', this.#secret).update(text).digest('base64url');
  }

  isSigned(text: string, signature: string): boolean {
    const proof = `${text}.${signature}`;
    if (this.#proven.has(proof)) return true;
    const expected = Buffer.from(this.sign(text));
    const given = Buffer.from(signature);
    if (expected.length !== given.length || !timingSafeEqual(expected, given)) return false;
    if (this.#proven.size === PROVEN_MAX) this.#proven.clear();
    this.#proven.add(proof);
    return true;
  }

  snapshot(): WorldSnapshot {
    return {
      format: 1,
      secret: this.#secret,
      random: this.#random.state,
      outbox: this.outbox,
      mailboxes: this.mailboxes.map((mailbox) => mailbox.snapshot()),
      clockShift: this.#clockShift,
      parts: Object.fromEntries([...this.#parts].map(([name, part]) => [name, part.save()])),
    };
  }

  restore(snapshot: WorldSnapshot): void {
    this.#secret = snapshot.secret;
    this.#proven.clear();
    this.randomState = snapshot.random;
    this.#clockShift = snapshot.clockShift ?? 0;
    this.outbox.splice(0, this.outbox.length, ...snapshot.outbox);
    const before = new Map(this.#byId);
    this.#byId.clear();
    this.#byAddress.clear();
    this.#dirty.clear();
    for (const each of snapshot.mailboxes) {
      const mailbox = Mailbox.restore(each);
      const undone = before.get(mailbox.state.id.toLowerCase());
      if (undone !== undefined) mailbox.discardTokensOf(undone);
      this.#register(mailbox);
    }
    for (const [name, part] of this.#parts) part.restore(structuredClone(snapshot.parts?.[name]));
    this.#dirtyParts.clear();
  }
}
