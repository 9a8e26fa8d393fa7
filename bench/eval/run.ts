/**
 * Measures the quality of search and answers on the data sets in the folder `EVAL_DATA`, and prints a table: `npm run
 * eval` for all data sets on both database engines, or `npm run eval -- xquad --engine sqlite` for some on one.
 */
import { existsSync } from 'node:fs';
import { join, parse } from 'node:path';
import { parseArgs } from 'node:util';
import { banking77 } from './banking77.ts';
import type { DataSet } from './data-set.ts';
import { docs } from './docs.ts';
import { ENGINES, type EvalEngine } from './engines.ts';
import { inflected } from './inflected.ts';
import { type DataSetResult, type EngineResult, formatResults } from './results.ts';
import { squad, squadSample } from './squad.ts';
import { xquad } from './xquad.ts';

const DATA_SETS: readonly DataSet[] = [squad, squadSample, xquad, inflected, banking77, docs];

const nameOf = ({ path }: DataSet) => parse(path).name;

const USAGE = `Usage: EVAL_DATA=<folder> npm run eval -- [data set …] [--engine ${ENGINES.map(({ name }) => name).join('|')}]

Data sets: ${DATA_SETS.map(nameOf).join(', ')}; without a name, all of them run. Without an engine, both run;
Postgres at TEST_DATABASE_URL or on this machine.`;

/** The levels of speed need a corpus that takes minutes to index. */
const SPEED =
  'Speed: `npm run bench -- search`. Level: in 100,000 passages, 95 % of searches take at most 3 times a two-word AND.';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { engine: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
});

const engines = ENGINES.filter(({ name }) => values.engine === undefined || name === values.engine);
const unknown = positionals.filter((name) => !DATA_SETS.some((dataSet) => nameOf(dataSet) === name));
if (values.help || unknown.length > 0 || engines.length === 0) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 2);
}

const folder = process.env.EVAL_DATA;
if (!folder) console.error('EVAL_DATA is not set.');
const reachable = new Map<EvalEngine, boolean>();
for (const engine of engines) reachable.set(engine, await engine.isReachable());

const results: DataSetResult[] = [];
for (const dataSet of DATA_SETS) {
  if (positionals.length === 0 || positionals.includes(nameOf(dataSet))) results.push(await measure(dataSet));
}
const command = ['npm run eval', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' ');
const titles = engines.map(({ title }) => title);
console.log(`${command}\n\n${formatResults(results, titles)}\n\n${SPEED}`);

/** Measures a data set on each engine, one after the other. */
async function measure(dataSet: DataSet): Promise<DataSetResult> {
  const name = nameOf(dataSet);
  const path = folder && join(folder, dataSet.path);
  if (!path || !existsSync(path)) return { name, engines: undefined };
  const engineResults = new Map<string, EngineResult>();
  for (const [engine, isReachable] of reachable) {
    if (!isReachable) {
      engineResults.set(engine.title, 'not reachable');
      continue;
    }
    const start = performance.now();
    engineResults.set(engine.title, await engine.withDatabase((db) => dataSet.measure(path, db)));
    console.error(`${name} on ${engine.title}: ${((performance.now() - start) / 1_000).toFixed(1)} s`);
  }
  return { name, engines: engineResults };
}
