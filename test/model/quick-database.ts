import { messages, type PGlite, protocol } from '@electric-sql/pglite';

/** What a statement takes and gives, known since it was prepared. */
interface Prepared {
  readonly name: string;
  readonly parameterTypes: readonly number[];
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
}

interface Result {
  readonly rows: Record<string, unknown>[];
  readonly affectedRows: number;
}

const NOTHING: Result = { rows: [], affectedRows: 0 };

/** What only prepares a transaction tells nothing, and travels with the first statement that does. */
const isPreparing = (text: string): boolean =>
  text === 'BEGIN' || text.startsWith("select set_config('graph_calendar_sync.scope'");

/**
 * Makes an embedded database several times faster for who asks the same few hundred statements again and again: each is
 * parsed and planned once, and executed in one exchange instead of five; whatever opens a transaction goes along with its
 * first statement. It is the same PostgreSQL, and the same SQL.
 */
export async function speedUp(pglite: PGlite): Promise<void> {
  await pglite.exec('set plan_cache_mode = force_generic_plan');
  const session = new QuickSession(pglite);
  Object.assign(pglite, {
    query: (text: string, values?: unknown[]) => session.exclusively(() => session.query(text, values)),
    transaction: (work: (tx: { query: QuickSession['query'] }) => Promise<unknown>) => session.transaction(work),
  });
}

class QuickSession {
  readonly #pglite: PGlite;
  readonly #prepared = new Map<string, Prepared>();
  /** Statements of the open transaction that were not sent yet. */
  #held: Uint8Array[] = [];
  #isHeldBack = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(pglite: PGlite) {
    this.#pglite = pglite;
  }

  /** One after the other, a transaction as a whole. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }

  transaction(work: (tx: { query: QuickSession['query'] }) => Promise<unknown>): Promise<unknown> {
    return this.exclusively(async () => {
      await this.query('BEGIN');
      let result: unknown;
      try {
        result = await work({ query: (text, values) => this.query(text, values) });
      } catch (error) {
        await this.query('ROLLBACK');
        throw error;
      }
      await this.query('COMMIT');
      return result;
    });
  }

  async query(text: string, values: readonly unknown[] = []): Promise<Result> {
    if (text === 'BEGIN') this.#isHeldBack = true;
    const prepared = this.#prepared.get(text) ?? (await this.#prepare(text));
    const call = this.#callOf(prepared, values);
    if (this.#isHeldBack && isPreparing(text)) {
      this.#held.push(call);
      return NOTHING;
    }
    const held = this.#held;
    const isUnused = this.#isHeldBack && (text === 'COMMIT' || text === 'ROLLBACK');
    this.#held = [];
    this.#isHeldBack = false;
    if (isUnused) return NOTHING;
    const all = await this.#exchange(...held, call, protocol.serialize.sync());
    const ends = all.flatMap((answer, at) => (answer instanceof messages.CommandCompleteMessage ? [at + 1] : []));
    const answers = all.slice(held.length === 0 ? 0 : ends[held.length - 1]);
    const { parsers } = this.#pglite as unknown as { parsers: Record<number, (text: string) => unknown> };
    const rows: Record<string, unknown>[] = [];
    let affectedRows = 0;
    for (const answer of answers) {
      if (answer instanceof messages.DataRowMessage) {
        rows.push(
          Object.fromEntries(
            prepared.fields.map(({ name, dataTypeID }, at) => {
              const value = answer.fields[at] ?? null;
              const parser = parsers[dataTypeID];
              return [name, value !== null && parser ? parser(value) : value];
            }),
          ),
        );
      } else if (answer instanceof messages.CommandCompleteMessage) {
        affectedRows = Number(/\d+$/.exec(answer.text)?.[0] ?? 0);
        if (text === 'COMMIT' && answer.text === 'ROLLBACK') {
          throw Object.assign(new Error('the transaction had failed before it was committed'), { code: '25P02' });
        }
      }
    }
    return { rows, affectedRows };
  }

  #callOf(prepared: Prepared, values: readonly unknown[]): Uint8Array {
    const { serialize } = protocol;
    const { serializers } = this.#pglite as unknown as { serializers: Record<number, (value: unknown) => string> };
    const parameters = values.map((value, at) => {
      if (value === null || value === undefined) return null;
      const serializer = serializers[prepared.parameterTypes[at] ?? 0];
      return serializer ? serializer(value) : String(value);
    });
    return Buffer.concat([serialize.bind({ statement: prepared.name, values: parameters }), serialize.execute({})]);
  }

  async #prepare(text: string): Promise<Prepared> {
    const { serialize } = protocol;
    const name = `model_${this.#prepared.size + 1}`;
    const answers = await this.#exchange(
      serialize.parse({ name, text }),
      serialize.describe({ type: 'S', name }),
      serialize.sync(),
    );
    const parameters = answers.find((answer) => answer instanceof messages.ParameterDescriptionMessage);
    const rows = answers.find((answer) => answer instanceof messages.RowDescriptionMessage);
    const prepared = { name, parameterTypes: parameters?.dataTypeIDs ?? [], fields: rows?.fields ?? [] };
    this.#prepared.set(text, prepared);
    return prepared;
  }

  async #exchange(...parts: readonly Uint8Array[]) {
    const { messages: answers } = await this.#pglite.execProtocol(Buffer.concat(parts), {
      syncToFs: false,
      throwOnError: false,
    });
    const failure = answers.find((answer) => answer instanceof messages.DatabaseError);
    if (failure) throw failure;
    return answers;
  }
}
