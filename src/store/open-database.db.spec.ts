import { inspect } from 'node:util';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEmbedded } from '../../test/support/embedded-database.ts';
import { type PostgresServer, startPostgres } from '../../test/support/postgres-server.ts';
import { type Logger, silentLogger } from '../core/runtime.ts';
import { type Db, openDatabase, type Tx } from './db.ts';

let server: PostgresServer;
let url: string;

beforeAll(async () => {
  server = await startPostgres();
  url = await server.createDatabase('opened');
});
afterAll(() => server?.stop());

const open = (address: string, logger = silentLogger) => openDatabase({ url: address, logger });

describe('opening a database', () => {
  it('shows where it is, and never the password', async () => {
    const db = await open(url);
    expect(db.description).toMatch(/^PostgreSQL at 127\.0\.0\.1:\d+\/opened$/);
    await expect(db.ping()).resolves.toBeUndefined();
    await db.close();
  });

  it.each<[string, (address: URL) => void, RegExp]>([
    [
      'a server that does not run',
      (address) => {
        address.port = '1';
      },
      /\(connect ECONNREFUSED 127\.0\.0\.1:1\)/,
    ],
    [
      'a wrong password',
      (address) => {
        address.password = 'hunter2-secret';
      },
      /\(password authentication failed for user "postgres"\)/,
    ],
    [
      'a wrong user',
      (address) => {
        address.username = 'nobody';
      },
      /\(password authentication failed for user "nobody"\)/,
    ],
    [
      'a database that is not there',
      (address) => {
        address.pathname = '/missing';
      },
      /\(database "missing" does not exist\)/,
    ],
    [
      'a host that is not there',
      (address) => {
        address.hostname = 'missing.invalid';
      },
      /ENOTFOUND|EAI_AGAIN/,
    ],
  ])('tells %s in one clear line', async (_what, spoil, reason) => {
    const address = new URL(url);
    address.password = 'postgres';
    spoil(address);
    const error = await open(address.href).catch((refused: unknown) => refused);
    expect(error).toMatchObject({ code: 'misconfigured', message: expect.stringMatching(reason) });
    const { message } = error as Error;
    expect(message).toMatch(/^PostgreSQL at \S+ is not reachable \(.*\); check DATABASE_URL and that the server runs$/);
    expect(message).not.toContain('\n');
    if (address.password !== 'postgres') expect(inspect(error, { depth: 10 })).not.toContain(address.password);
  });

  it.each([
    ['another product’s address', 'mysql://root:hunter2-secret@127.0.0.1/calendar'],
    ['no address at all', 'hunter2-secret'],
    ['an address that cannot be read', 'postgres://root:hunter2-secret@127.0.0.1:99999/calendar'],
    ['a host of nonsense', 'postgres://root:hunter2-secret@[::g]/calendar'],
  ])('refuses %s without repeating what is secret in it', async (_what, address) => {
    const error = await open(address).catch((refused: unknown) => refused);
    expect(error).toMatchObject({ code: 'misconfigured', message: expect.stringContaining('DATABASE_URL') });
    expect(inspect(error, { depth: 10 })).not.toContain('hunter2-secret');
  });

  it('goes on after the server has dropped its connections, and logs that in words only', async () => {
    const logged: string[] = [];
    const logger: Logger = {
      ...silentLogger,
      warn: (fields, message) => logged.push(inspect({ fields, message }, { depth: 10 })),
    };
    const db = await open(url, logger);
    const other = await open(url);
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = 'opened'`.execute(
      other.kysely,
    );
    await expect.poll(() => logged.length).toBe(1);
    expect(logged[0]).toMatch(/a database connection broke/);
    expect(logged[0]?.length).toBeLessThan(300);
    await expect(db.ping()).resolves.toBeUndefined();
    await Promise.all([db.close(), other.close()]);
  });

  it('tells what passes by itself as such: a query, a transaction and a commit that the server went away from', async () => {
    const [db, other] = [await open(url), await open(url)];
    const away = { code: 'unavailable', recovery: 'retry', cause: expect.any(Error) };
    const terminate = (pid: unknown) => sql`select pg_terminate_backend(${pid}::int)`.execute(other.kysely);
    const ownPid = async (q: Db | Tx) =>
      (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(q.kysely)).rows[0]?.pid;
    const killItself = sql`select pg_terminate_backend(pg_backend_pid())`;
    await expect(killItself.execute(db.kysely)).rejects.toMatchObject(away);
    await expect(db.transaction((tx) => killItself.execute(tx.kysely))).rejects.toMatchObject(away);
    const atCommit = db.transaction(async (tx) => void (await terminate(await ownPid(tx))));
    await expect(atCommit).rejects.toMatchObject(away);
    await expect(sql`select no_such_column`.execute(db.kysely)).rejects.toMatchObject({ code: '42703' });
    await expect(db.ping()).resolves.toBeUndefined();
    await Promise.all([db.close(), other.close()]);
  });
});

describe.each([
  ['the embedded database', openEmbedded],
  ['a PostgreSQL server', () => open(url)],
])('a transaction on %s', (_name, openOne) => {
  let db: Db;
  beforeAll(async () => {
    db = await openOne();
    await sql`create table word (text text primary key)`.execute(db.kysely);
  });
  afterAll(() => db?.close());

  it('commits as a whole', async () => {
    const answer = await db.transaction(async (tx) => {
      await put(tx, 'one');
      await put(tx, 'two');
      return 'done';
    });
    expect(answer).toBe('done');
    expect(await words(db)).toEqual(['one', 'two']);
    await clear(db);
  });

  it('leaves nothing behind when it fails, by us or by the database', async () => {
    const failing = db.transaction(async (tx) => {
      await put(tx, 'one');
      throw new Error('changed our mind');
    });
    await expect(failing).rejects.toThrow('changed our mind');
    const refused = db.transaction(async (tx) => {
      await put(tx, 'one');
      await put(tx, 'one');
    });
    await expect(refused).rejects.toMatchObject({ code: '23505' });
    expect(await words(db)).toEqual([]);
  });

  it('does not take in what others write at the same time', async () => {
    const isOpen = Promise.withResolvers<void>();
    const isToEnd = Promise.withResolvers<void>();
    const undone = db.transaction(async (tx) => {
      await put(tx, 'inside');
      isOpen.resolve();
      await isToEnd.promise;
      throw new Error('undone');
    });
    await isOpen.promise;
    const outside = [put(db, 'outside'), db.transaction((tx) => put(tx, 'another'))];
    isToEnd.resolve();
    await expect(undone).rejects.toThrow('undone');
    await Promise.all(outside);
    expect(await words(db)).toEqual(['another', 'outside']);
    await clear(db);
  });
});

describe('transactions that meet on a PostgreSQL server', () => {
  it('are tried again when they block one another, until both are through', async () => {
    const db = await open(url);
    await sql`create table shelf (id text primary key, books int not null)`.execute(db.kysely);
    await sql`insert into shelf values ('a', 0), ('b', 0)`.execute(db.kysely);
    let attempts = 0;
    const both = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    const move = (first: string, second: string, own: 0 | 1) =>
      db.transaction(async (tx) => {
        attempts += 1;
        await sql`update shelf set books = books + 1 where id = ${first}`.execute(tx.kysely);
        both[own].resolve();
        await both[own === 0 ? 1 : 0].promise;
        await sql`update shelf set books = books + 1 where id = ${second}`.execute(tx.kysely);
      });
    await Promise.all([move('a', 'b', 0), move('b', 'a', 1)]);
    // PostgreSQL ends one of two that block each other; the second meeting may end the same way.
    expect(attempts).toBeGreaterThanOrEqual(3);
    expect((await sql`select * from shelf order by id`.execute(db.kysely)).rows).toEqual([
      { id: 'a', books: 2 },
      { id: 'b', books: 2 },
    ]);
    await db.close();
  });

  it('are given up after five more attempts', async () => {
    const db = await open(url);
    let attempts = 0;
    const hopeless = db.transaction(async () => {
      attempts += 1;
      throw Object.assign(new Error('could not serialize access'), { code: '40001' });
    });
    await expect(hopeless).rejects.toMatchObject({ code: '40001' });
    expect(attempts).toBe(6);
    await db.close();
  });
});

async function put(q: Db | Tx, text: string): Promise<void> {
  await sql`insert into word values (${text})`.execute(q.kysely);
}

async function words(db: Db): Promise<string[]> {
  const found = await sql<{ text: string }>`select text from word order by text`.execute(db.kysely);
  return found.rows.map(({ text }) => text);
}

async function clear(db: Db): Promise<void> {
  await sql`delete from word`.execute(db.kysely);
}
