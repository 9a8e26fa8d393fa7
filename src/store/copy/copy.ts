/**
 * Copies all rows of a SQLite file to a Postgres. Rows are written in the order of their keys, so a copy that was
 * killed continues after the last row of each table. The copy is complete when both databases have the same checksums.
 */
import { sql } from 'kysely';
import { StartupError, StorageUnavailableError } from '../../domain/errors.ts';
import { describeFailure } from '../engines/error-codes.ts';
import { openSqliteSnapshot } from '../engines/sqlite.ts';
import { compareMigrations, listMigrations } from '../migrations/migrate.ts';
import type { Queryable } from '../tables.ts';
import {
  type AnyRow,
  COPIED_TABLES,
  checksumTable,
  combineChecksums,
  countRows,
  findLastRow,
  INDEX_ENTRIES,
  insertRows,
  type KeyedTable,
  readBatches,
  type TableChecksum,
} from './rows.ts';
import { copyIndex, hasEqualResults } from './search-index.ts';
import { markCopyComplete, markCopyStarted, readTargetState, withTarget } from './target.ts';

/** The progress of a copy. */
export interface CopyProgress {
  readonly step: 'reading' | 'copying' | 'checking';
  readonly table: string;
  readonly rows: number;
  /** The final number of rows; absent if unknown. */
  readonly total?: number;
}

/** The source and the target of a copy. */
export interface CopyOptions {
  /** The source: a URL `sqlite:<path>`. The copy never writes to it. */
  readonly from: string;
  /** The target: the URL of a Postgres that is empty or contains a part of the same copy. */
  readonly to: string;
  readonly onProgress: (progress: CopyProgress) => void;
}

/** The result of a copy. */
export interface CopyReport {
  /** Whether the target was already complete. */
  readonly wasComplete: boolean;
  /** The number of rows of each table, by its name. */
  readonly rows: Readonly<Record<string, number>>;
}

const TABLES = [...COPIED_TABLES, INDEX_ENTRIES];

/** The maximum number of passages whose search results the final comparison compares. */
const MAX_SAMPLES = 100;

const START_OVER = 'Drop that database, make an empty one, and copy to it.';

/**
 * Copies a database, or continues an unfinished copy, and compares both databases. Until the copy is complete, no
 * gateway can start on the source or the target.
 * @throws StartupError when a database cannot be used, or both differ at the end; the message says what to do.
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
    await requireSameVersion(source.db);
    return await withTarget(to, (target) => copy(source.db, target, to, onProgress));
  } catch (error) {
    if (!(error instanceof StorageUnavailableError)) throw error;
    throw new StartupError(`The target failed: ${describeFailure(error)}. Run this again to resume.`);
  } finally {
    await source.close();
  }
}

/** Requires a source of this version: the copy does not migrate the source, because that would change it. */
async function requireSameVersion(source: Queryable): Promise<void> {
  const tables = await source.introspection.getTables({ withInternalKyselyTables: true });
  const hasMigrations = tables.some(({ name }) => name === 'kysely_migration');
  const version = hasMigrations ? compareMigrations(await listMigrations(source)) : 'older';
  if (version === 'newer')
    throw new StartupError('The source was made by a newer version of ChatGraph. Use that version.');
  if (version === 'older')
    throw new StartupError(
      'The source was made by an older version of ChatGraph. Start and stop this version on it once.',
    );
}

async function copy(
  source: Queryable,
  target: Queryable,
  url: string,
  onProgress: CopyOptions['onProgress'],
): Promise<CopyReport> {
  const state = await readTargetState(target);
  const { checksums, samples } = await readSource(source, onProgress);
  const fingerprint = combineChecksums(checksums);
  const createReport = (wasComplete: boolean): CopyReport => ({
    wasComplete,
    rows: Object.fromEntries([...checksums].map(([name, { rows }]) => [name, rows])),
  });

  if (state.kind === 'filled') {
    if ((await listDifferingTables(target, checksums, onProgress)).length === 0) return createReport(true);
    throw new StartupError('The target contains other data, and was not changed. Name an empty database.');
  }
  if (state.kind === 'empty') await markCopyStarted(url, target, fingerprint);
  else if (state.fingerprint !== fingerprint) {
    throw new StartupError(`The source has changed since the copy started. ${START_OVER}`);
  }

  for (const table of TABLES) await copyTable(source, target, table, checksums.get(table.name)?.rows ?? 0, onProgress);
  // Without `analyze`, Postgres has no statistics for tables that have just been filled.
  await sql`analyze`.execute(target);
  const differences = await listDifferingTables(target, checksums, onProgress);
  for (const row of samples) {
    if (differences.length === 0 && !(await hasEqualResults(source, target, row))) differences.push('the search index');
  }
  if (differences.length > 0) {
    throw new StartupError(`The target differs from the source in ${differences.join(', ')}. ${START_OVER}`);
  }
  await markCopyComplete(target);
  return createReport(false);
}

/** Computes the checksum of each table, and samples index entries whose search results are compared later. */
async function readSource(source: Queryable, onProgress: CopyOptions['onProgress']) {
  const checksums = new Map<string, TableChecksum>();
  const samples: AnyRow[] = [];
  const sampleInterval = Math.ceil((await countRows(source, INDEX_ENTRIES)) / MAX_SAMPLES);
  let passagesRead = 0;
  const sample = (row: AnyRow) => {
    if (passagesRead++ % sampleInterval === 0) samples.push(row);
  };
  for (const table of TABLES) {
    const checksum = await checksumTable(source, table, table === INDEX_ENTRIES ? sample : undefined);
    checksums.set(table.name, checksum);
    onProgress({ step: 'reading', table: table.name, rows: checksum.rows });
  }
  return { checksums, samples };
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

/** Describes each table that differs in the target: its name, and its numbers of rows in the target and the source. */
async function listDifferingTables(
  target: Queryable,
  checksums: ReadonlyMap<string, TableChecksum>,
  onProgress: CopyOptions['onProgress'],
): Promise<string[]> {
  const differences: string[] = [];
  for (const table of TABLES) {
    const { rows, checksum } = await checksumTable(target, table);
    const total = checksums.get(table.name)?.rows ?? 0;
    onProgress({ step: 'checking', table: table.name, rows, total });
    if (checksum !== checksums.get(table.name)?.checksum) differences.push(`${table.name} (${rows} rows of ${total})`);
  }
  return differences;
}
