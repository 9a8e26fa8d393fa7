import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import {
  type ColumnDefinitionNode,
  DataTypeNode,
  type KyselyPlugin,
  OperationNodeTransformer,
  RawNode,
  sql,
  type Transaction,
} from 'kysely';
import { StartupError, StorageUnavailableError } from '../../domain/errors.ts';
import { countRevokedApiKeys } from '../api-keys.ts';
import { countMemberStateChanges } from '../members/members.ts';
import { isMigrated, migrate } from '../migrations/migrate.ts';
import type { Queryable, Tables } from '../tables.ts';
import { createConcurrencyLimiter } from './concurrency-limiter.ts';
import { describeFailure } from './error-codes.ts';
import { createPostgresHandle, isCollision } from './postgres-pool.ts';
import type { TransactionOptions } from './transaction.ts';

const FOREIGN_WRITE_POLL_MS = 250;
/** How long the readiness check waits for a server that does not respond. */
const READY_TIMEOUT_MS = 2_000;
/** How long a transaction waits in the queue: as long as a transaction that indexes a large text may take. */
const MAX_QUEUE_WAIT_MS = 20_000;
const MAX_ATTEMPTS = 5;
const MAX_PAUSE_MS = 20;

/**
 * Opens a Postgres as the database, checks it and migrates its tables. Any number of gateways and tools may share it.
 * @param url a connection string of `pg`; its database must exist.
 * @throws StartupError when the database cannot be used.
 */
export async function openPostgres(url: string, poolSize: number) {
  const db = createPostgresHandle(url, { max: poolSize });
  try {
    if (!(await isMigrated(db))) await migratePostgres(url);
    return createDatabase(db, createPostgresHandle(url, { max: 1 }), poolSize);
  } catch (error) {
    await db.destroy();
    throw new StartupError(`Cannot use the database: ${describeFailure(error)}`);
  }
}

function createDatabase(db: Queryable, heartbeat: Queryable, poolSize: number) {
  // Transactions may wait for each other. They get half of the connections, so that reads continue meanwhile.
  const limiter = createConcurrencyLimiter(Math.ceil(poolSize / 2), MAX_QUEUE_WAIT_MS);
  let isWritable = true;
  let pollTimer: NodeJS.Timeout | undefined;

  /**
   * Runs a transaction again after a collision. The new run finds what the other transaction has written, such as the
   * row of an identical request. After a lost connection, the transaction does not run again, because it may have
   * committed. The caller gets StorageUnavailableError, and may repeat an idempotent change: a send with its
   * `clientMessageId`, or a change that first checks the row's state.
   */
  async function transaction<T>(
    work: (trx: Transaction<Tables>) => Promise<T>,
    { hasAsyncCommit = false }: TransactionOptions = {},
  ): Promise<T> {
    const run = async (trx: Transaction<Tables>) => {
      if (hasAsyncCommit) await sql`set local synchronous_commit = off`.execute(trx);
      return work(trx);
    };
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await limiter.run(() => db.transaction().execute(run));
        isWritable = true;
        return result;
      } catch (error) {
        if (error instanceof StorageUnavailableError) isWritable = false;
        if (!isCollision(error) || attempt === MAX_ATTEMPTS) throw error;
      }
      await setTimeout(Math.random() * MAX_PAUSE_MS);
    }
  }

  return {
    isShared: true,
    read: db,
    heartbeat,
    transaction,

    async isReady() {
      const check = async () => {
        if (!(await isPrimary(db))) return false;
        if (!isWritable) await transaction(checkWritable);
        return true;
      };
      return Promise.race([check().catch(() => false), setTimeout(READY_TIMEOUT_MS, false, { ref: false })]);
    },

    onForeignWrite(listener: () => void) {
      let lastCount: number | undefined;
      let isPolling = false;
      pollTimer = setInterval(async () => {
        if (isPolling) return;
        isPolling = true;
        // While the server is unreachable, `lastCount` does not change; a later poll finds the difference.
        const count = await countCredentialChanges(db).catch(() => lastCount);
        isPolling = false;
        if (count === lastCount) return;
        lastCount = count;
        listener();
      }, FOREIGN_WRITE_POLL_MS).unref();
    },

    async close() {
      clearInterval(pollTimer);
      await db.destroy();
      await heartbeat.destroy();
    },
  };
}

/**
 * Migrates the tables of a Postgres on a separate connection without timeouts: a migration of much data, or the wait
 * for another gateway's migration, may take long.
 */
export async function migratePostgres(url: string): Promise<void> {
  const db = createPostgresHandle(url, { max: 1, statement_timeout: 0, query_timeout: 0, lock_timeout: 0 });
  try {
    await migrate(db.withPlugin(new BytewiseText()));
  } finally {
    await db.destroy();
  }
}

/**
 * Gives all text columns a collation that compares bytes, as SQLite does. So ids and times sort the same in any locale
 * of the database.
 */
class BytewiseText extends OperationNodeTransformer implements KyselyPlugin {
  transformQuery({ node, queryId }: Parameters<KyselyPlugin['transformQuery']>[0]) {
    return this.transformNode(node, queryId);
  }

  async transformResult({ result }: Parameters<KyselyPlugin['transformResult']>[0]) {
    return result;
  }

  protected override transformColumnDefinition(
    ...[node, queryId]: Parameters<OperationNodeTransformer['transformColumnDefinition']>
  ): ColumnDefinitionNode {
    const column = super.transformColumnDefinition(node, queryId);
    const isText = DataTypeNode.is(column.dataType) && column.dataType.dataType === 'text';
    return isText ? { ...column, dataType: RawNode.createWithSql('text collate "C"') } : column;
  }
}

/** Whether the server is the primary. After a failover, connections may still lead to the old, read-only primary. */
async function isPrimary(db: Queryable): Promise<boolean> {
  const { rows } = await sql<{ isStandby: boolean }>`select pg_is_in_recovery() as "isStandby"`.execute(db);
  return rows[0]?.isStandby === false;
}

/** Checks that a change that needs disk space succeeds. Leaves no change behind. */
async function checkWritable(trx: Transaction<Tables>): Promise<void> {
  const name = `probe_${randomUUID()}`;
  await trx.schema.createTable(name).addColumn('id', 'text').execute();
  await trx.schema.dropTable(name).execute();
}

/** A number that grows with every revocation of a key, and every change of whether a member is active. */
async function countCredentialChanges(db: Queryable): Promise<number> {
  return (await countRevokedApiKeys(db)) + (await countMemberStateChanges(db));
}
