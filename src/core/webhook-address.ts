import { BlockList, isIP } from 'node:net';

/** What an operator and the surroundings allow besides the public internet. */
export interface WebhookPolicy {
  /** Development: plain `http:` to this machine is a way to try things out. */
  readonly allowsLoopback: boolean;
  /** `WEBHOOK_ALLOWED_HOSTS`: names, addresses and networks that may be called although they are private. */
  readonly allowed: readonly string[];
}

export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** An address of the caller's choice: what is wrong with it, or what it is in its one spelling. */
export type CheckedUrl =
  | { readonly kind: 'good'; readonly url: string; readonly hostname: string }
  | { readonly kind: 'refused'; readonly why: string };

const LONGEST_URL = 2_048;

/** IANA's special-purpose registry: whatever is not the public internet, or only a way into something else. */
const PRIVATE_V4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
  // Azure's own services answer every virtual machine there.
  '168.63.129.16/32',
];
/** Of what is public at all: protocol assignments (Teredo among them), documentation, 6to4. */
const PRIVATE_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];
/** Everything outside of it is local, mapped, translated, multicast or not given out. */
const PUBLIC_V6 = '2000::/3';
const LOOPBACK = ['127.0.0.0/8', '::1/128'];

/** Names that mean this machine or this network, whatever a resolver makes of them. */
const LOCAL_NAME = /(^|\.)(localhost|local|localdomain|internal|intranet|lan|home|corp|home\.arpa)$/;
const LOOPBACK_NAME = /(^|\.)localhost$/;

/** Ports below 1024 but the web's own belong to other protocols, and so do these, which browsers refuse as well. */
const FIRST_FREE_PORT = 1024;
const WEB_PORTS = new Set([80, 443]);
const FOREIGN_PORTS = new Set([
  ...[
    1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
  ],
]);

const privateAddresses = networksOf([...PRIVATE_V4, ...PRIVATE_V6]);
const publicV6 = networksOf([PUBLIC_V6]);
const loopback = networksOf(LOOPBACK);

/**
 * Where webhooks may go. Users choose the addresses and the service calls them from inside its network, so an address is
 * good only if anybody on the internet could call it as well, or an operator says so.
 */
export class WebhookAddresses {
  readonly #allowsLoopback: boolean;
  readonly #allowedHosts: ReadonlySet<string>;
  readonly #allowedNetworks: BlockList;
  readonly #hasNetworks: boolean;

  constructor(policy: WebhookPolicy) {
    this.#allowsLoopback = policy.allowsLoopback;
    this.#allowedHosts = new Set(policy.allowed.filter((entry) => !readNetwork(entry)).map(bareHost));
    const networks = policy.allowed.filter((entry) => readNetwork(entry));
    this.#allowedNetworks = networksOf(networks);
    this.#hasNetworks = networks.length > 0;
  }

  /**
   * Judges what can be judged without asking a resolver. Spellings of an address (octal, hexadecimal, one number, full-width
   * digits) are the URL parser's business: it turns all of them into the usual one.
   */
  check(text: string): CheckedUrl {
    if (text.length > LONGEST_URL) return refused(`must be at most ${LONGEST_URL} characters long`);
    if (!URL.canParse(text)) return refused('must be a web address, e.g. https://app.example.com/hooks');
    const url = new URL(text);
    if (url.protocol !== 'https:' && url.protocol !== 'http:') return refused('must begin with https:');
    if (url.username !== '' || url.password !== '') return refused('must not carry a user name or a password');
    const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
    if ((port < FIRST_FREE_PORT && !WEB_PORTS.has(port)) || FOREIGN_PORTS.has(port)) {
      return refused('must use port 443, or one from 1024 that belongs to no other protocol');
    }
    url.hash = '';
    url.hostname = url.hostname.replace(/\.$/, '');
    const hostname = bareHost(url.hostname);
    if (hostname === '' || hostname.startsWith('.')) return refused('must name a host');
    const isLoopback = isIP(hostname) ? isIn(loopback, hostname) : LOOPBACK_NAME.test(hostname);
    if (url.protocol === 'http:' && !(isLoopback && this.#allowsLoopback)) return refused('must begin with https:');
    const isGood = isIP(hostname) ? this.mayCall(hostname, hostname) : this.#mayName(hostname, isLoopback);
    return isGood
      ? { kind: 'good', url: url.href, hostname }
      : refused('must be reachable from the internet: addresses of private networks are refused');
  }

  /** Whether a host may be called at this address, which a resolver named for it. */
  mayCall(hostname: string, address: string): boolean {
    if (this.#allowedHosts.has(bareHost(hostname)) || isIn(this.#allowedNetworks, address)) return true;
    if (isIn(loopback, address)) return this.#allowsLoopback;
    if (isIn(privateAddresses, address)) return false;
    return isIP(address) === 4 || isIn(publicV6, address);
  }

  #mayName(hostname: string, isLoopback: boolean): boolean {
    if (this.#allowedHosts.has(hostname)) return true;
    if (isLoopback) return this.#allowsLoopback;
    // What a local name leads to may be in a network that is allowed; that is seen when it is looked up.
    if (this.#hasNetworks) return true;
    // A name without a dot is looked for in the network's own search domains.
    return hostname.includes('.') && !LOCAL_NAME.test(hostname);
  }
}

/** Whether this can stand in `WEBHOOK_ALLOWED_HOSTS`: a name, an address, or a network in CIDR notation. */
export function isHostOrNetwork(text: string): boolean {
  if (readNetwork(text)) return true;
  return (
    /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i.test(text) && !/^[\d.]+$/.test(text)
  );
}

function refused(why: string): CheckedUrl {
  return { kind: 'refused', why };
}

function bareHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/\.$/, '')
    .replace(/^\[(.*)\]$/, '$1');
}

function readNetwork(text: string): { address: string; prefix: number; family: 'ipv4' | 'ipv6' } | undefined {
  const [address = '', bits, ...more] = bareHost(text).split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0 || address.includes('%')) return undefined;
  const longest = version === 4 ? 32 : 128;
  const prefix = bits === undefined ? longest : Number(bits);
  if (bits !== undefined && !/^\d{1,3}$/.test(bits)) return undefined;
  return prefix <= longest ? { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' } : undefined;
}

function networksOf(texts: readonly string[]): BlockList {
  const networks = new BlockList();
  for (const text of texts) {
    const network = readNetwork(text);
    if (network) networks.addSubnet(network.address, network.prefix, network.family);
  }
  return networks;
}

function isIn(networks: BlockList, address: string): boolean {
  const version = isIP(address);
  return version !== 0 && networks.check(address, version === 4 ? 'ipv4' : 'ipv6');
}
