import type { Mailbox } from '../mailbox/mailbox.ts';
import type { Part, World } from '../mailbox/world.ts';
import { newSigningKey, type SigningKey } from './signing-keys.ts';
import type { ClientRegistration } from './tokens.ts';

/** Tenant of all personal accounts. */
export const CONSUMER_TENANT = '9188040d-6c67-4c5b-b112-36a304b66dad';

/** Whom admin consent is given for. */
export const EVERYBODY = '*';

/** Which accounts an address of the platform is for. */
export type Tenant =
  | { readonly kind: 'single'; readonly id: string }
  | { readonly kind: 'common' | 'organizations' | 'consumers' };

/** An authorization code, from the redirect until a day after its death. */
export interface StoredCode {
  client: string;
  user: string;
  redirectUri: string;
  scope: string;
  challenge: string | null;
  method: 'S256' | 'plain';
  nonce: string | null;
  claims: string | null;
  isSpa: boolean;
  seq: number;
  expiresMs: number;
  isRedeemed: boolean;
}

/** Something after which older tokens are no longer good enough. */
export interface TokenEvent {
  seq: number;
  atMs: number;
}

interface StoredSecret {
  value: string;
  isExpired: boolean;
}

interface DirectoryState {
  /** Tokens, codes and events so far: their order. */
  order: number;
  codes: Record<string, StoredCode>;
  /** Permissions by user (or {@link EVERYBODY}) and client. */
  consents: Record<string, Record<string, string[]>>;
  /** By user id: sessions ended, password changed, account disabled. */
  revocations: Record<string, TokenEvent>;
  /** By user or client id: claims demanded of CAE clients. */
  demands: Record<string, TokenEvent>;
  unusable: Record<string, 'disabled' | 'deleted'>;
  /** By client id, where they are no longer those of the registration. */
  secrets: Record<string, StoredSecret[]>;
  /** The newest first; the others still verify what they signed. */
  signingKeys: SigningKey[];
}

const emptyState = (): DirectoryState => ({
  order: 0,
  codes: {},
  consents: {},
  revocations: {},
  demands: {},
  unusable: {},
  secrets: {},
  signingKeys: [],
});

const DAY_MS = 86_400_000;

/** What the identity platform remembers: consents, codes, revocations, secrets, keys. */
export class Directory implements Part {
  readonly world: World;
  readonly clients: readonly ClientRegistration[];
  #state = emptyState();

  constructor(world: World, clients: readonly ClientRegistration[]) {
    this.world = world;
    this.clients = clients;
    world.register('identity', this);
  }

  save(): unknown {
    return this.#state;
  }

  restore(state: unknown): void {
    this.#state = { ...emptyState(), ...(state as Partial<DirectoryState> | undefined) };
  }

  #changed(): void {
    this.world.markPartDirty('identity');
  }

  /** The next place in the order of everything issued and everything that happened. */
  nextInOrder(): number {
    this.#state.order += 1;
    this.#changed();
    return this.#state.order;
  }

  // --- tenants, applications, people

  /** @param segment  a GUID, a verified domain, `common`, `organizations` or `consumers` */
  findTenant(segment: string): Tenant | undefined {
    const name = segment.toLowerCase();
    if (name === 'common' || name === 'organizations' || name === 'consumers') return { kind: name };
    if (name === CONSUMER_TENANT) return { kind: 'consumers' };
    const client = this.clients.find(({ tenantId }) => tenantId.toLowerCase() === name);
    if (client !== undefined) return { kind: 'single', id: client.tenantId };
    const isVerified = this.world.mailboxes.some(
      (mailbox) => !isPersonal(mailbox) && mailbox.state.address.toLowerCase().endsWith(`@${name}`),
    );
    const first = this.clients[0];
    return isVerified && first !== undefined ? { kind: 'single', id: first.tenantId } : undefined;
  }

  findClient(tenant: Tenant, clientId: string): ClientRegistration | undefined {
    return this.clients.find(
      (client) =>
        client.clientId.toLowerCase() === clientId.toLowerCase() &&
        (tenant.kind !== 'single' || client.tenantId === tenant.id),
    );
  }

  /** @throws {Error} for a client nobody registered: a control function was called wrongly */
  client(client: string | ClientRegistration | undefined): ClientRegistration {
    const id = typeof client === 'string' ? client : client?.clientId;
    const found = id === undefined ? this.clients[0] : this.clients.find(({ clientId }) => clientId === id);
    if (found === undefined) throw new Error(`no application ${id} is registered`);
    return found;
  }

  /** Accounts somebody may choose among at an address of the platform. */
  accounts(tenant: Tenant): Mailbox[] {
    return this.world.mailboxes.filter(
      (mailbox) => this.usability(mailbox.state.id) !== 'deleted' && belongsTo(mailbox, tenant),
    );
  }

  usability(user: string): 'usable' | 'disabled' | 'deleted' {
    return this.#state.unusable[user] ?? 'usable';
  }

  setUsability(user: string, usability: 'usable' | 'disabled' | 'deleted'): void {
    if (usability === 'usable') delete this.#state.unusable[user];
    else this.#state.unusable[user] = usability;
    this.#changed();
  }

  // --- consent

  /** Permissions a client has from a user, those an administrator gave for everybody included. */
  consentsOf(user: string, client: string): string[] {
    const given = (whose: string) => this.#state.consents[whose]?.[client] ?? [];
    return [...new Set([...given(user), ...given(EVERYBODY)])];
  }

  grant(user: string, client: string, permissions: readonly string[]): void {
    const mine = this.#state.consents[user] ?? {};
    this.#state.consents[user] = mine;
    mine[client] = [...new Set([...(mine[client] ?? []), ...permissions])];
    this.#changed();
  }

  withdraw(user: string, o: { client?: string | undefined; permissions?: readonly string[] | undefined }): void {
    const mine = this.#state.consents[user] ?? {};
    for (const client of o.client === undefined ? Object.keys(mine) : [o.client]) {
      const gone = new Set((o.permissions ?? mine[client] ?? []).map((name) => name.toLowerCase()));
      mine[client] = (mine[client] ?? []).filter((name) => !gone.has(name.toLowerCase()));
    }
    this.#changed();
  }

  // --- codes

  addCode(code: Omit<StoredCode, 'seq' | 'isRedeemed'>): string {
    const now = this.world.now();
    for (const [key, { expiresMs }] of Object.entries(this.#state.codes)) {
      if (expiresMs + DAY_MS < now) delete this.#state.codes[key];
    }
    const seq = this.nextInOrder();
    const key = `1.${seq.toString(36)}.${this.world.sign(`code ${seq} ${code.client} ${code.user}`)}`;
    this.#state.codes[key] = { ...code, seq, isRedeemed: false };
    return key;
  }

  findCode(code: string): Readonly<StoredCode> | undefined {
    return Object.hasOwn(this.#state.codes, code) ? this.#state.codes[code] : undefined;
  }

  redeem(code: string): void {
    const stored = this.#state.codes[code];
    if (stored !== undefined) stored.isRedeemed = true;
    this.#changed();
  }

  // --- revocation and claims

  revocationOf(user: string): TokenEvent | undefined {
    return this.#state.revocations[user];
  }

  revoke(user: string): void {
    this.#state.revocations[user] = { seq: this.nextInOrder(), atMs: this.world.now() };
  }

  /** @param subject  a user's or an application's id */
  demandOf(subject: string): TokenEvent | undefined {
    return this.#state.demands[subject];
  }

  demandClaims(subject: string): void {
    this.#state.demands[subject] = { seq: this.nextInOrder(), atMs: this.world.now() };
  }

  forgetDemand(subject: string): void {
    delete this.#state.demands[subject];
    this.#changed();
  }

  // --- credentials and keys

  secretsOf({ clientId, clientSecret }: ClientRegistration): readonly Readonly<StoredSecret>[] {
    return this.#state.secrets[clientId] ?? [{ value: clientSecret, isExpired: false }];
  }

  setSecrets(clientId: string, secrets: StoredSecret[]): void {
    this.#state.secrets[clientId] = secrets;
    this.#changed();
  }

  /** The first is made when somebody needs it: most simulators never sign an id token. */
  get signingKeys(): readonly SigningKey[] {
    if (this.#state.signingKeys.length === 0) this.rotateSigningKey();
    return this.#state.signingKeys;
  }

  rotateSigningKey(): SigningKey {
    const key = newSigningKey();
    // Microsoft publishes a few at a time; the oldest verify nothing that still lives.
    this.#state.signingKeys = [key, ...this.#state.signingKeys].slice(0, 3);
    this.#changed();
    return key;
  }
}

const PERSONAL_DOMAINS = /@(outlook|hotmail|live|msn)\.com$/i;

/** Whether somebody's account is a personal Microsoft account. */
export const isPersonal = ({ state }: Mailbox): boolean => PERSONAL_DOMAINS.test(state.address);

/** The home tenant of a person, seen by an application. */
export const tenantIdOf = (user: Mailbox, client: ClientRegistration): string =>
  isPersonal(user) ? CONSUMER_TENANT : client.tenantId;

export function belongsTo(user: Mailbox, tenant: Tenant): boolean {
  if (tenant.kind === 'common') return true;
  return isPersonal(user) === (tenant.kind === 'consumers');
}
