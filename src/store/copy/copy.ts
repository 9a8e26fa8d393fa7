/**
 * Copies all of a SQLite file to a Postgres. Rows are written in the order of their keys, so the target's last rows
 * show how far the copy is, and a copy that was killed can continue. It is complete when both sides have the same
 * checksums.
 */
import { sql } from 'kysely';
import { StartupError, StorageUnavailableError } from '../../domain/errors.ts';
import { describeFailure } from '../engines/error-codes.ts';
import { openSqliteSnapshot } from '../engines/sqlite.ts';
import { compareMigrations, listMigrations } from '../migrations/migrate.ts';
import type { Queryable } from '../tables.ts';
import {
  type AnyRow,
  type Checksum,
  COPIED_TABLES,
  checksumTable,
  countRows,
  findLastRow,
  INDEX_ENTRIES,
  insertRows,
  joinChecksums,
  type KeyedTable,
  readBatches,
} from './rows.ts';
import { copyIndex, hasEqualResults } from './search-index.ts';
import { markCopyComplete, markCopyStarted, readTargetState, withTarget } from './target.ts';

/** The progress of a copy. */
export interface CopyProgress {
  readonly step: 'reading' | 'copying' | 'checking';
  readonly table: string;
  readonly rows: number;
  /** The final number of rows; absent while unknown. */
  readonly total?: number;
}

/** The source and the target of a copy. */
export interface CopyOptions {
  /** A SQLite file, as `DATABASE_URL` names it. The copy never writes to it. */
  readonly from: string;
  /** A Postgres, as `DATABASE_URL` names it: empty, or with part of the same copy. */
  readonly to: string;
  readonly onProgress: (progress: CopyProgress) => void;
}

/** The result of a copy. */
export interface CopyReport {
  /** Whether the target was complete before. */
  readonly wasComplete: boolean;
  /** How many rows each table has now, on both sides. */
  readonly rows: Readonly<Record<string, number>>;
}

const TABLES = [...COPIED_TABLES, INDEX_ENTRIES];

/** How many passages the final comparison searches for on both sides. */
const MAX_SAMPLES = 100;

const AGAIN = 'Drop that database, make an empty one, and copy to it.';

/**
 * Copies a database, or continues an unfinished copy, and compares both sides. Meanwhile no gateway can start on the
 * source, and none on the target before the copy is complete.
 * @throws StartupError when a database cannot be used, or the sides differ at the end; the message says what to do.
 */
export async function copyDatabase({ from, to, onProgress }: CopyOptions): Promise<CopyReport> {
  if (!/^postgres(ql)?:\/\/./.test(to)) {
    throw new StartupError('Name the Postgres to copy to: migrate-to postgres://<user>:<password>@<host>/<database>');
  }
  if (!from.startsWith('sqlite:')) {
    throw new StartupError(
      'DATABASE_URL names a Postgres: copy it with pg_dump and pg_restore. This command copies SQLite only.',
    );
  }
  const source = openSqliteSnapshot(from.slice('sqlite:'.length));
  try {
    await requireCurrent(source.db);
    return await withTarget(to, (target) => copy(source.db, target, to, onProgress));
  } catch (error) {
    if (!(error instanceof StorageUnavailableError)) throw error;
    throw new StartupError(`The target failed: ${describeFailure(error)}. Run this again to resume.`);
  } finally {
    await source.close();
  }
}

/** Requires a source of this version: the copy does not migrate the source, because that would change it. */
async function requireCurrent(source: Queryable): Promise<void> {
  const tables = await source.introspection.getTables({ withInternalKyselyTables: true });
  const hasMigrations = tables.some(({ name }) => name === 'kysely_migration');
  const version = hasMigrations ? compareMigrations(await listMigrations(source)) : 'older';
  if (version === 'newer')
    throw new StartupError('The source was made by a newer version of ChatGraph. Use that version.');
  if (version === 'older')
    throw new StartupError('The source is of an older version. Start and stop this version of ChatGraph on it once.');
}

async function copy(
  source: Queryable,
  target: Queryable,
  url: string,
  onProgress: CopyOptions['onProgress'],
): Promise<CopyReport> {
  const state = await readTargetState(target);
  const { digests, samples } = await readSource(source, onProgress);
  const fingerprint = joinChecksums(digests);
  const report = (wasComplete: boolean): CopyReport => ({
    wasComplete,
    rows: Object.fromEntries([...digests].map(([name, { rows }]) => [name, rows])),
  });

  if (state.is === 'filled') {
    if ((await listDifferent(target, digests, onProgress)).length === 0) return report(true);
    throw new StartupError('The target contains other data, and was not changed. Name an empty database.');
  }
  if (state.is === 'empty') await markCopyStarted(url, target, fingerprint);
  else if (state.fingerprint !== fingerprint) {
    throw new StartupError(`The source has changed since the copy started. ${AGAIN}`);
  }

  for (const table of TABLES) await copyTable(source, target, table, digests.get(table.name)?.rows ?? 0, onProgress);
  // Without `analyze`, Postgres has no statistics for tables that have just been filled.
  await sql`analyze`.execute(target);
  const different = await listDifferent(target, digests, onProgress);
  for (const row of samples) {
    if (different.length === 0 && !(await hasEqualResults(source, target, row))) different.push('the search index');
  }
  if (different.length > 0) {
    throw new StartupError(`The target differs from the source in ${different.join(', ')}. ${AGAIN}`);
  }
  await markCopyComplete(target);
  return report(false);
}

/** Reads all rows to copy, and samples some passages to search for. */
async function readSource(source: Queryable, onProgress: CopyOptions['onProgress']) {
  const digests = new Map<string, Checksum>();
  const samples: AnyRow[] = [];
  const distance = Math.ceil((await countRows(source, INDEX_ENTRIES)) / MAX_SAMPLES);
  let passagesRead = 0;
  const sample = (row: AnyRow) => {
    if (passagesRead++ % distance === 0) samples.push(row);
  };
  for (const table of TABLES) {
    const digest = await checksumTable(source, table, table === INDEX_ENTRIES ? sample : undefined);
    digests.set(table.name, digest);
    onProgress({ step: 'reading', table: table.name, rows: digest.rows });
  }
  return { digests, samples };
}

async function copyTable(
  source: Queryable,
  target: Queryable,
  table: KeyedTable,
  total: number,
  onProgress: CopyOptions['onProgress'],
): Promise<void> {
  let rows = await countRows(target, table);
  const onBatch = (added: number) => {
    rows += added;
    onProgress({ step: 'copying', table: table.name, rows, total });
  };
  onBatch(0);
  const after = await findLastRow(target, table);
  if (table === INDEX_ENTRIES) return copyIndex(source, target, after, onBatch);
  for await (const batch of readBatches(source, table, after)) {
    await insertRows(target, table, batch);
    onBatch(batch.length);
  }
}

/** The names of the tables that differ in the target. */
async function listDifferent(
  target: Queryable,
  digests: ReadonlyMap<string, Checksum>,
  onProgress: CopyOptions['onProgress'],
): Promise<string[]> {
  const different: string[] = [];
  for (const table of TABLES) {
    const { rows, checksum } = await checksumTable(target, table);
    const total = digests.get(table.name)?.rows ?? 0;
    onProgress({ step: 'checking', table: table.name, rows, total });
    if (checksum !== digests.get(table.name)?.checksum) different.push(`${table.name} (${rows} rows of ${total})`);
  }
  return different;
}
