import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely';
import { DatabaseError, Pool, type PoolClient, type PoolConfig, types } from 'pg';
import { StorageUnavailableError } from '../../domain/errors.ts';
import { checkReads, countReads, findLongColumns } from '../counted-reads.ts';
import type { Queryable, Tables } from '../tables.ts';
import { postgresRuleOf, READ_ONLY, STALE_PLAN, toStorageError } from './error-codes.ts';
import type { NamedQuery } from './prepared.ts';

const SECOND = 1_000;

/** How long a statement may take, in milliseconds. */
const STATEMENT_TIMEOUT_MS = 10 * SECOND;

/**
 * What the server is told when a connection begins, and what the client holds it to. A setting of the same name in the
 * URL wins. TLS is the URL's too, as `pg` reads it: without `sslmode` there is none; `sslmode=require` checks the
 * certificate and the name like `verify-full`, by the system's authorities or by `sslrootcert=<file>`;
 * `sslmode=no-verify` encrypts and checks nothing. `uselibpqcompat=true` makes `require` mean that too, as in libpq.
 */
const SETTINGS: PoolConfig = {
  fallback_application_name: 'chatgraph',
  statement_timeout: STATEMENT_TIMEOUT_MS,
  lock_timeout: 3 * SECOND,
  idle_in_transaction_session_timeout: 10 * SECOND,
  // The server keeps the others; this one is for a network that has gone silent.
  query_timeout: STATEMENT_TIMEOUT_MS + 2 * SECOND,
  connectionTimeoutMillis: 5 * SECOND,
  idleTimeoutMillis: 30 * SECOND,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10 * SECOND,
  // Counts and sums are int8 and numeric, which pg gives as text: ours stay far below 2^53.
  types: { getTypeParser: (type, format) => (NUMBERS.has(type) ? Number : types.getTypeParser(type, format)) },
};

const NUMBERS: ReadonlySet<number> = new Set([types.builtins.INT8, types.builtins.NUMERIC]);

/**
 * Makes a handle on a Postgres whose queries run on a pool of connections, which are opened when they are needed. What
 * fails because the server cannot be reached, or cannot do it now, throws StorageUnavailableError.
 */
export function createPostgresHandle(url: string, settings: PoolConfig): Queryable {
  const pool = new Pool({ ...SETTINGS, connectionString: url, ...settings });
  // A connection that breaks while nobody uses it is gone from the pool, and whoever asks next gets a new one or is told.
  pool.on('error', () => {});
  // The same for one that breaks between two queries of a transaction: the next query tells.
  pool.on('connect', (client) => client.on('error', () => {}));
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new PoolDriver(pool),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
}

/** Whether the same transaction, run again, may succeed or be refused for a better reason: another was in its way. */
export function isCollision(error: unknown): boolean {
  const cause = error instanceof StorageUnavailableError ? error.cause : error;
  return cause instanceof DatabaseError && postgresRuleOf(cause.code).retry === 'transaction';
}

class PoolDriver implements Driver {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<PoolConnection> {
    try {
      return new PoolConnection(await this.#pool.connect());
    } catch (error) {
      // Whatever the reason: nothing was asked yet.
      const { log } = postgresRuleOf(error instanceof DatabaseError ? error.code : undefined);
      throw new StorageUnavailableError({ cause: error, logLevel: log === 'warn' ? 'warn' : 'error' });
    }
  }

  async beginTransaction(connection: PoolConnection): Promise<void> {
    await connection.run('begin');
    connection.isInTransaction = true;
  }

  async commitTransaction(connection: PoolConnection): Promise<void> {
    const { command } = await connection.run('commit');
    // The server's answer where a statement had failed, whatever became of that error.
    if (command !== 'COMMIT') throw new Error('A transaction was to be committed that had failed.');
  }

  async rollbackTransaction(connection: PoolConnection): Promise<void> {
    // The server rolls back what a broken connection leaves; an error here would hide the first.
    if (!connection.isBroken) await connection.run('rollback').catch(() => {});
  }

  async releaseConnection(connection: PoolConnection): Promise<void> {
    connection.release();
  }

  async destroy(): Promise<void> {
    await this.#pool.end();
  }
}

class PoolConnection implements DatabaseConnection {
  readonly #client: PoolClient;
  /** Whether nothing may be asked of it any more. */
  isBroken = false;
  isInTransaction = false;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  async executeQuery<R>(query: CompiledQuery | NamedQuery): Promise<QueryResult<R>> {
    checkReads();
    const { command, rowCount, rows } = await this.#runNamed(query);
    countReads(rows, findLongColumns(rows));
    return command === 'SELECT' ? { rows } : { rows, numAffectedRows: BigInt(rowCount ?? 0) };
  }

  async #runNamed(query: CompiledQuery | NamedQuery) {
    if (!('name' in query)) return this.run(query.sql, query.parameters);
    try {
      return await this.run(query.sql, query.parameters, query.name);
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.code !== STALE_PLAN) throw error;
      this.isBroken = true;
      // A transaction has failed with it, and is run again on a connection that knows no names.
      if (this.isInTransaction) throw error;
      return this.run(query.sql, query.parameters);
    }
  }

  async run(text: string, parameters: readonly unknown[] = [], name = '') {
    try {
      const values = parameters.map(withoutNul);
      return await this.#client.query(name === '' ? { text, values } : { name, text, values });
    } catch (error) {
      if (error instanceof TypeError) throw error;
      const isAnswer = error instanceof DatabaseError;
      this.isBroken ||= !isAnswer || error.severity === 'FATAL' || error.code === READ_ONLY;
      throw toStorageError(postgresRuleOf(isAnswer ? error.code : undefined), error);
    }
  }

  // biome-ignore lint/correctness/useYield: it has nothing to give.
  async *streamQuery(): AsyncGenerator<never> {
    throw new Error('Rows are not streamed.');
  }

  release(): void {
    this.#client.release(this.isBroken);
  }
}

/** Postgres stores no NUL: nothing can be found by one, and what a model says with one is kept with U+FFFD in its place. */
export function withoutNul(value: unknown): unknown {
  return typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value;
}
