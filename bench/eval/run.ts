/**
 * Measures the quality of search and answers on the data sets in the folder `EVAL_DATA`, and prints a table: `npm run
 * eval` for all data sets, or `npm run eval -- xquad` for some.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, parse } from 'node:path';
import { parseArgs } from 'node:util';
import { openDatabase } from '../../src/store/database.ts';
import { formatTable } from '../table.ts';
import { banking77 } from './banking77.ts';
import type { DataSet } from './data-set.ts';
import { docs } from './docs.ts';
import { squad } from './squad.ts';
import { xquad } from './xquad.ts';

const DATA_SETS: readonly DataSet[] = [squad, xquad, banking77, docs];

const HEAD = ['data set', 'measured', 'result', 'questions'];

const nameOf = ({ path }: DataSet) => parse(path).name;

const USAGE = `Usage: EVAL_DATA=<folder> npm run eval -- [data set …]

Data sets: ${DATA_SETS.map(nameOf).join(', ')}; without a name, all of them run.`;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' } },
});

const unknown = positionals.filter((name) => !DATA_SETS.some((dataSet) => nameOf(dataSet) === name));
if (values.help || unknown.length > 0) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 2);
}

const folder = process.env.EVAL_DATA;
if (!folder) console.error('EVAL_DATA is not set.');
const rows: string[][] = [];
for (const dataSet of DATA_SETS) {
  if (positionals.length === 0 || positionals.includes(nameOf(dataSet))) rows.push(...(await measure(dataSet)));
}
const command = positionals.length === 0 ? 'npm run eval' : `npm run eval -- ${positionals.join(' ')}`;
console.log(`${command}\n\n${formatTable(HEAD, rows)}`);

/** Measures a data set in a new SQLite database, and returns its table rows. */
async function measure(dataSet: DataSet): Promise<string[][]> {
  const name = nameOf(dataSet);
  const path = folder && join(folder, dataSet.path);
  if (!path || !existsSync(path)) return [[name, '', 'no data', '']];
  const temporary = await mkdtemp(join(tmpdir(), 'chatgraph-eval-'));
  const db = await openDatabase({ url: `sqlite:${join(temporary, 'chatgraph.db')}`, role: 'tool' });
  try {
    console.error(`${name} …`);
    const figures = await dataSet.measure(path, db);
    return figures.map(({ measured, result, questions }) => [name, measured, result, String(questions)]);
  } finally {
    await db.close();
    await rm(temporary, { recursive: true });
  }
}
