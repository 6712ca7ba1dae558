import { SyncError } from '../core/errors.ts';

/** Delta links are one or two thousand characters long; no server takes one of this length back. */
const LONGEST_LINK = 64 * 1024;

interface Addressed {
  /** Below the version's root, or a whole link Graph gave us. */
  readonly path: string;
  readonly isDelta?: boolean;
}

/** One version of Graph at one origin, and which links lead there: the token must not follow one to anywhere else. */
export class GraphRoot {
  readonly #root: string;
  /** The same as a link has it, whose host may be spelt otherwise. */
  readonly #href: string;

  /** @param baseUrl  `GRAPH_BASE_URL`, without the version */
  constructor(baseUrl: string) {
    this.#root = `${baseUrl.replace(/\/+$/, '')}/v1.0`;
    this.#href = new URL(this.#root).href;
  }

  /** @throws {SyncError} `rejected`; for a delta link `cursor-expired`, as it may be one of another `GRAPH_BASE_URL` */
  urlOf({ path, isDelta }: Addressed): string {
    if (path.startsWith('/')) return this.#root + path;
    const link = URL.canParse(path) ? new URL(path) : undefined;
    const isOurs = link?.origin === new URL(this.#href).origin && link.username === '' && link.password === '';
    if (isOurs && path.length <= LONGEST_LINK && this.#isBelow(link)) return path;
    const nowhere = path.length > LONGEST_LINK ? `nowhere in ${path.length} characters` : 'another version';
    const where = isOurs ? nowhere : (link?.host ?? 'no host at all');
    throw new SyncError(
      isDelta ? 'cursor-expired' : 'rejected',
      `a link leads to ${where} instead of Graph; it is not followed`,
    );
  }

  /**
   * A request as an item of a batch has it: below the version's root, whole links among them.
   *
   * @throws {SyncError} as for any link that leads elsewhere
   */
  relativeUrl(request: Addressed): string {
    const url = this.urlOf(request);
    if (url.startsWith(`${this.#root}/`)) return url.slice(this.#root.length);
    const { origin, pathname, search } = new URL(url);
    return `${origin}${pathname}${search}`.slice(this.#href.length);
  }

  #isBelow({ origin, pathname }: URL): boolean {
    return `${origin}${pathname}`.startsWith(`${this.#href}/`);
  }
}
