import { createHash, hash } from 'node:crypto';
import { sql } from 'kysely';
import { replaceNul } from '../engines/postgres-pool.ts';
import type { Queryable, Tables } from '../tables.ts';

/** A row of any table. */
export type AnyRow = Readonly<Record<string, unknown>>;

/**
 * A table with the columns of its primary key. A copy reads the rows in the order of the key, which is the same on both
 * engines.
 */
export interface KeyedTable {
  readonly name: string;
  readonly key: readonly string[];
  /** The columns to read; absent means all. */
  readonly columns?: readonly string[] | undefined;
}

/** The number of rows of a table and their checksum. Tables with equal rows have equal checksums, on both engines. */
export interface TableChecksum {
  readonly rows: number;
  readonly checksum: string;
}

/**
 * A copy omits the gateways of the source, their claims, and the secrets that they share. The target's own triggers fill
 * inbox_counts, and `copyIndex` the search index.
 */
type CopiedTable = Exclude<
  keyof Tables,
  'nodes' | 'task_claims' | 'gateway_secrets' | 'inbox_counts' | `search_${string}`
>;

/** The tables with their primary keys. A table comes after those that its foreign keys refer to. */
const KEYS: { readonly [T in CopiedTable]: readonly (keyof Tables[T] & string)[] } = {
  accounts: ['id'],
  api_keys: ['id'],
  members: ['id'],
  chatbots: ['id'],
  sources: ['id'],
  passages: ['id'],
  passage_vectors: ['passage_id'],
  visitors: ['id'],
  visitor_joins: ['visitor_id'],
  address_blocks: ['account_id', 'network'],
  session_tokens: ['id'],
  identity_secrets: ['id'],
  conversations: ['id'],
  messages: ['id'],
  message_words: ['message_id'],
  task_progress: ['task'],
  leads: ['id'],
  conversation_events: ['conversation_id', 'number'],
  conversation_activities: ['id'],
  account_logs: ['account_id', 'shard'],
  chatbot_deletions: ['account_id', 'shard', 'shard_number'],
  idempotency_keys: ['chatbot_id', 'operation', 'key'],
  usage: ['account_id', 'month'],
  budget_usage: ['owner_id', 'month'],
  usage_days: ['account_id', 'day', 'chatbot_id', 'api_key_id'],
  usage_quarter_hours: ['account_id', 'quarter_hour', 'chatbot_id', 'api_key_id'],
  quota_warnings: ['account_id', 'number'],
  provider_keys: ['account_id', 'provider'],
  provider_models: ['account_id', 'provider', 'model'],
  operation_manifests: ['id'],
  operations: ['id'],
  webhook_subscriptions: ['id'],
  webhook_events: ['id'],
  webhook_deliveries: ['id'],
  webhook_attempts: ['delivery_id', 'number'],
};

/** The columns that both engines have, of tables to which SQLite adds a column. */
const COLUMNS: { readonly [table: string]: readonly string[] } = {
  message_words: ['message_id', 'account_id', 'conversation_id', 'is_private', 'words'],
};

/** All tables whose rows are copied unchanged, in the order of the copy. */
export const COPIED_TABLES: readonly KeyedTable[] = Object.entries(KEYS).map(([name, key]) => ({
  name,
  key,
  columns: COLUMNS[name],
}));

/** The table with the entries of the search index. The rest of the index is derived from these entries. */
export const INDEX_ENTRIES: KeyedTable = {
  name: 'search_entries',
  key: ['passage_id'],
  columns: ['passage_id', 'source_id', 'terms'],
};

const BATCH_SIZE = 1_000;

/** Yields the rows of a table in batches, in the order of its key, starting after the row `after` if given. */
export async function* readBatches(db: Queryable, table: KeyedTable, after?: AnyRow): AsyncGenerator<AnyRow[]> {
  const key = sql.join(table.key.map((name) => sql.ref(name)));
  const columns = table.columns ? sql.join(table.columns.map((name) => sql.ref(name))) : sql`*`;
  let last = after;
  while (true) {
    const condition = last && sql`where (${key}) > (${sql.join(table.key.map((name) => last?.[name]))})`;
    const { rows } = await sql<AnyRow>`
      select ${columns} from ${sql.table(table.name)} ${condition ?? sql``} order by ${key} limit ${sql.lit(BATCH_SIZE)}
    `.execute(db);
    if (rows.length > 0) yield rows.map(toStorable);
    if (rows.length < BATCH_SIZE) return;
    last = rows.at(-1);
  }
}

/** The last row by the key, with only the columns of the key; `undefined` for an empty table. */
export async function findLastRow(db: Queryable, { name, key }: KeyedTable): Promise<AnyRow | undefined> {
  const order = sql.join(key.map((column) => sql`${sql.ref(column)} desc`));
  const columns = sql.join(key.map((column) => sql.ref(column)));
  const { rows } = await sql<AnyRow>`select ${columns} from ${sql.table(name)} order by ${order} limit 1`.execute(db);
  return rows[0];
}

/** Counts the rows of a table. */
export async function countRows(db: Queryable, { name }: KeyedTable): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) as count from ${sql.table(name)}`.execute(db);
  return rows[0]?.count ?? 0;
}

/** Inserts rows into a table of a Postgres, in one statement. */
export async function insertRows(db: Queryable, { name }: KeyedTable, rows: readonly AnyRow[]): Promise<void> {
  const table = sql.table(name);
  await sql`
    insert into ${table} select * from json_populate_recordset(null::${table}, ${JSON.stringify(rows)}::json)
  `.execute(db);
}

/** Reads a whole table, computes its checksum, and calls `onRow` with each row. */
export async function checksumTable(
  db: Queryable,
  table: KeyedTable,
  onRow: (row: AnyRow) => void = () => {},
): Promise<TableChecksum> {
  const sum = createHash('sha256');
  let count = 0;
  for await (const rows of readBatches(db, table)) {
    const columns = Object.keys(rows[0] ?? {}).sort();
    sum.update(rows.map((row) => `${JSON.stringify(columns.map((name) => row[name]))}\n`).join(''));
    for (const row of rows) onRow(row);
    count += rows.length;
  }
  return { rows: count, checksum: sum.digest('hex') };
}

/** Combines the names and the checksums of several tables into one checksum. */
export function combineChecksums(checksums: ReadonlyMap<string, TableChecksum>): string {
  return hash('sha256', JSON.stringify([...checksums]));
}

/** Returns a row as Postgres stores it, with bytes in Postgres' notation, because JSON has none. */
function toStorable(row: AnyRow): AnyRow {
  const convert = (value: unknown) =>
    Buffer.isBuffer(value) ? String.raw`\x${value.toString('hex')}` : replaceNul(value);
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, convert(value)]));
}
