import type { UserId } from '../core/ids.ts';
import { inScopeOf } from '../store/row-scope.ts';
import type { ArchiveFile } from './zip-archive.ts';

/** Rows read at a time; with large bodies some megabytes. */
export const ROWS_A_PAGE = 200;
/** A list that grows longer, in characters, goes on in another file: programs that read JSON take it whole. */
const FILE_LENGTH = 256 * 1024 * 1024;

/** Makes JSON files of what is read about one user, page by page and only as fast as somebody takes it. */
export class ExportFiles {
  readonly #userId: UserId;
  readonly #counts: Record<string, number> = {};

  constructor(userId: UserId) {
    this.#userId = userId;
  }

  /** How many items each list has so far. */
  get counts(): Readonly<Record<string, number>> {
    return this.#counts;
  }

  /** Page after page of what is read in the order of some place, from the beginning. */
  async *paged<Row, Place>(
    readPage: (after: Place | undefined) => Promise<readonly Row[]>,
    placeOf: (row: Row) => Place,
    limit = ROWS_A_PAGE,
  ): AsyncGenerator<Row> {
    let after: Place | undefined;
    for (;;) {
      const from = after;
      const rows = await this.read(() => readPage(from));
      yield* rows;
      const last = rows.at(-1);
      if (last === undefined || rows.length < limit) return;
      after = placeOf(last);
    }
  }

  /** Whoever asks for the next piece of a stream is in no scope, or in another's. */
  read<T>(work: () => Promise<T>): Promise<T> {
    return inScopeOf(this.#userId, work);
  }

  /** One JSON value. */
  document(name: string, read: () => Promise<unknown>): ArchiveFile {
    const text = async function* (this: ExportFiles): AsyncGenerator<string> {
      yield `${JSON.stringify(await this.read(read), null, 2)}\n`;
    };
    return { name, text: text.call(this) };
  }

  /** A list of JSON values, one a line, in one file or several. */
  async *list(name: string, items: AsyncGenerator<object>): AsyncGenerator<ArchiveFile> {
    let next = await items.next();
    this.#counts[name] = 0;
    const text = async function* (this: ExportFiles): AsyncGenerator<string> {
      let separator = '[\n';
      for (let length = 0; !next.done && length < FILE_LENGTH; ) {
        const line = JSON.stringify(next.value);
        length += line.length;
        this.#counts[name] = (this.#counts[name] ?? 0) + 1;
        yield separator + line;
        separator = ',\n';
        next = await items.next();
      }
      yield separator === '[\n' ? '[]\n' : '\n]\n';
    };
    try {
      for (let part = 1; ; part += 1) {
        yield { name: part === 1 ? `${name}.json` : `${name}-${part}.json`, text: text.call(this) };
        if (next.done) return;
      }
    } finally {
      await items.return(undefined);
    }
  }
}
