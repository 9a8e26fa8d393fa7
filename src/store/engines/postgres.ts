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
import { migrate } from '../migrations/migrate.ts';
import type { Queryable, Tables } from '../tables.ts';
import { describeFailure } from './error-codes.ts';
import { createGate } from './gate.ts';
import { createPostgresHandle, isCollision } from './postgres-pool.ts';
import type { TransactionOptions } from './transaction.ts';

const FOREIGN_WRITE_POLL_MS = 250;
/** Whoever asks whether it is ready does not wait for a server that says nothing. */
const READY_TIMEOUT_MS = 2_000;
/** How long a transaction waits for its turn: as long as much text that is indexed before it may take. */
const MAX_WAIT_MS = 20_000;
const MAX_ATTEMPTS = 5;
const MAX_PAUSE_MS = 20;

/**
 * Opens a Postgres as the database, checks it and brings its tables up to date. Any number of gateways and tools may
 * share it.
 * @param url as `pg` reads it; its database must exist.
 * @throws StartupError when it cannot be used.
 */
export async function openPostgres(url: string, poolSize: number) {
  try {
    await migratePostgres(url);
    const heartbeat = createPostgresHandle(url, { max: 1 });
    return createDatabase(createPostgresHandle(url, { max: poolSize }), heartbeat, poolSize);
  } catch (error) {
    throw new StartupError(`Cannot use the database: ${describeFailure(error)}`);
  }
}

function createDatabase(db: Queryable, heartbeat: Queryable, poolSize: number) {
  // Transactions may wait for each other, so they get half of the connections: reads go on whatever they wait for.
  const gate = createGate(Math.ceil(poolSize / 2), MAX_WAIT_MS);
  let isWritable = true;
  let poll: NodeJS.Timeout | undefined;

  /**
   * Where a transaction met another it is run again, as if it had begun later: then it finds what the other has written,
   * such as the row of a twin. A connection that is lost is not taken up: where that was at the commit, nobody knows
   * whether it was done. The caller is told that the storage is unavailable, and may repeat what has the same effect
   * once and twice: a send under its `clientMessageId`, or what looks at the row's state before it changes it.
   */
  async function transaction<T>(
    work: (trx: Transaction<Tables>) => Promise<T>,
    { isLazy = false }: TransactionOptions = {},
  ): Promise<T> {
    const run = async (trx: Transaction<Tables>) => {
      if (isLazy) await sql`set local synchronous_commit = off`.execute(trx);
      return work(trx);
    };
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await gate.pass(() => db.transaction().execute(run));
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
        if (!isWritable) await transaction(tryToWrite);
        return true;
      };
      return Promise.race([check().catch(() => false), setTimeout(READY_TIMEOUT_MS, false, { ref: false })]);
    },

    onForeignWrite(listener: () => void) {
      let seen: number | undefined;
      let isAsking = false;
      poll = setInterval(async () => {
        if (isAsking) return;
        isAsking = true;
        // Where it cannot be asked, whoever needs the server is told; afterwards the difference is still there.
        const count = await countRevokedApiKeys(db).catch(() => seen);
        isAsking = false;
        if (count === seen) return;
        seen = count;
        listener();
      }, FOREIGN_WRITE_POLL_MS).unref();
    },

    async close() {
      clearInterval(poll);
      await db.destroy();
      await heartbeat.destroy();
    },
  };
}

/**
 * Brings the tables of a Postgres up to date, on a connection of its own: a migration of much data, or waiting for
 * another's, may take long.
 */
export async function migratePostgres(url: string): Promise<void> {
  const db = createPostgresHandle(url, { max: 1, statement_timeout: 0, query_timeout: 0, lock_timeout: 0 });
  try {
    await migrate(db.withPlugin(new BytewiseText()));
  } finally {
    await db.destroy();
  }
}

/** Text is compared by its bytes, as on SQLite: ids and times sort the same whatever the locale of the database. */
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

/** After a failover connections may still lead to the server that was, which only reads. */
async function isPrimary(db: Queryable): Promise<boolean> {
  const { rows } = await sql<{ isCopy: boolean }>`select pg_is_in_recovery() as "isCopy"`.execute(db);
  return rows[0]?.isCopy === false;
}

/** The smallest change that needs room on the disk and leaves nothing behind. */
async function tryToWrite(trx: Transaction<Tables>): Promise<void> {
  const name = `probe_${randomUUID()}`;
  await trx.schema.createTable(name).addColumn('id', 'text').execute();
  await trx.schema.dropTable(name).execute();
}
