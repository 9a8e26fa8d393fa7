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
import { ShuttingDownError, StorageUnavailableError } from '../../domain/errors.ts';
import { checkReadBudget, countReads, findLongColumns } from '../counted-reads.ts';
import type { Queryable, Tables } from '../tables.ts';
import { postgresRuleOf, READ_ONLY, STALE_PLAN, toStorageError } from './error-codes.ts';
import type { NamedQuery } from './prepared.ts';

const SECOND = 1_000;

/** The maximum duration of a statement, in milliseconds. */
const STATEMENT_TIMEOUT_MS = 10 * SECOND;

/**
 * The settings of each connection, for the server and for the client. A setting in the URL overrides the setting of the
 * same name here. The URL also configures TLS: without `sslmode`, connections are not encrypted. `sslmode=require`
 * checks the certificate and the host name like `verify-full`, against the system's authorities or
 * `sslrootcert=<file>`. `sslmode=no-verify` encrypts without checks, and so does `sslmode=require` with
 * `uselibpqcompat=true`, as in libpq.
 */
const SETTINGS: PoolConfig = {
  fallback_application_name: 'chatgraph',
  statement_timeout: STATEMENT_TIMEOUT_MS,
  lock_timeout: 3 * SECOND,
  idle_in_transaction_session_timeout: 10 * SECOND,
  // The server enforces the timeouts above; the client enforces this one, for a network that delivers nothing.
  query_timeout: STATEMENT_TIMEOUT_MS + 2 * SECOND,
  connectionTimeoutMillis: 5 * SECOND,
  idleTimeoutMillis: 30 * SECOND,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10 * SECOND,
  // pg returns counts and sums (int8 and numeric) as text; these values stay far below 2^53.
  types: { getTypeParser: (type, format) => (NUMERIC_TYPES.has(type) ? Number : types.getTypeParser(type, format)) },
};

const NUMERIC_TYPES: ReadonlySet<number> = new Set([types.builtins.INT8, types.builtins.NUMERIC]);

/**
 * Creates a handle on a Postgres. Its queries run on a pool of connections, which open on demand. A query throws
 * StorageUnavailableError when the server is unreachable or temporarily cannot run it. `destroy` closes the connections; a
 * query after that throws ShuttingDownError.
 */
export function createPostgresHandle(url: string, settings: PoolConfig): Queryable {
  const pool = new Pool({ ...SETTINGS, connectionString: url, ...settings });
  // The pool drops a connection that breaks while idle; the next query gets a new connection or an error.
  pool.on('error', () => {});
  // If a connection breaks between two queries of a transaction, the next query throws.
  pool.on('connect', (client) => client.on('error', () => {}));
  const db = new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new PoolDriver(pool),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
  // Kysely's own `destroy` lets later queries fail with an error that looks like a bug.
  return Object.assign(db, { destroy: () => pool.end() });
}

/** Whether the transaction collided with another: a second run may succeed, or fail with a more precise error. */
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
    if (this.#pool.ending) throw new ShuttingDownError();
    try {
      return new PoolConnection(await this.#pool.connect());
    } catch (error) {
      // The request may succeed later, because the server has run nothing yet.
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
    // The server answers ROLLBACK to a commit after a failed statement, even if the caller has caught the error.
    if (command !== 'COMMIT') throw new Error('Rolled back, because a statement of the transaction had failed.');
  }

  async rollbackTransaction(connection: PoolConnection): Promise<void> {
    // The server rolls back the transaction of a broken connection. An error here would hide the first error.
    if (!connection.isBroken) await connection.run('rollback').catch(() => {});
  }

  async releaseConnection(connection: PoolConnection): Promise<void> {
    connection.release();
  }

  async destroy(): Promise<void> {}
}

class PoolConnection implements DatabaseConnection {
  readonly #client: PoolClient;
  /** Whether the connection is unusable. */
  isBroken = false;
  isInTransaction = false;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  async executeQuery<R>(query: CompiledQuery | NamedQuery): Promise<QueryResult<R>> {
    checkReadBudget();
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
      // The transaction has failed too. Its caller runs it again, on a new connection without named queries.
      if (this.isInTransaction) throw error;
      return this.run(query.sql, query.parameters);
    }
  }

  async run(text: string, parameters: readonly unknown[] = [], name = '') {
    try {
      const values = parameters.map(replaceNul);
      return await this.#client.query(name === '' ? { text, values } : { name, text, values });
    } catch (error) {
      if (error instanceof TypeError) throw error;
      const isFromServer = error instanceof DatabaseError;
      this.isBroken ||= !isFromServer || error.severity === 'FATAL' || error.code === READ_ONLY;
      throw toStorageError(postgresRuleOf(isFromServer ? error.code : undefined), error);
    }
  }

  // biome-ignore lint/correctness/useYield: it yields nothing.
  async *streamQuery(): AsyncGenerator<never> {
    throw new Error('Rows are not streamed.');
  }

  release(): void {
    this.#client.release(this.isBroken);
  }
}

/** Replaces each NUL in a text with U+FFFD, because Postgres cannot store NUL. */
export function replaceNul(value: unknown): unknown {
  return typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value;
}
