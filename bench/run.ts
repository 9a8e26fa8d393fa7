/**
 * Measures the cost of the gateway in comparison with baselines, and prints it: `npm run bench` for all benchmarks, or
 * `npm run bench -- dashboard` for some. With default options, it also writes `bench/RESULTS.md`; a run of some
 * benchmarks replaces only their figures.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { credentials } from './access/credentials.ts';
import { operations } from './access/operations.ts';
import type { BenchContext, Benchmark, Figure } from './benchmark.ts';
import { heap } from './heap.ts';
import { lists } from './lists.ts';
import { findLoadGenerator } from './load.ts';
import { models } from './models.ts';
import { dashboard, small } from './queries.ts';
import { formatFigures, formatResults, readResults } from './report.ts';
import { scale } from './scale.ts';
import { search } from './search/search.ts';
import { audience, crowd, lag, tokens } from './tokens.ts';
import { webhooks } from './webhooks.ts';

const BENCHMARKS: readonly Benchmark[] = [
  dashboard,
  small,
  operations,
  tokens,
  crowd,
  lag,
  heap,
  audience,
  models,
  webhooks,
  credentials,
  lists,
  search,
  scale,
];
const DEFAULTS = { rounds: '5', seconds: '3' };

const USAGE = `Usage: npm run bench -- [benchmark …] [--rounds ${DEFAULTS.rounds}] [--seconds ${DEFAULTS.seconds}] [--load wrk|autocannon]

Benchmarks: ${BENCHMARKS.map(({ name }) => name).join(', ')}; without a name, all of them run.`;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: DEFAULTS.rounds },
    seconds: { type: 'string', default: DEFAULTS.seconds },
    load: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});

const unknown = positionals.filter((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name));
if (values.help || unknown.length > 0) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 2);
}

const bench: BenchContext = {
  load: await findLoadGenerator(values.load),
  rounds: Number(values.rounds),
  seconds: Number(values.seconds),
  logProgress: (text) => console.error(`  ${text}`),
};
console.error(`load generator: ${bench.load.name}`);

const figures: Figure[] = [];
for (const benchmark of BENCHMARKS) {
  if (positionals.length === 0 || positionals.includes(benchmark.name)) figures.push(...(await benchmark.run(bench)));
}
console.log(`\n${formatFigures(figures)}\n`);

const hasDefaults = values.rounds === DEFAULTS.rounds && values.seconds === DEFAULTS.seconds && !values.load;
if (hasDefaults && !process.env.BENCH_CONVERSATIONS && !process.env.BENCH_PASSAGES) {
  const path = new URL('RESULTS.md', import.meta.url);
  const runsAll = positionals.length === 0;
  const command = runsAll ? 'npm run bench' : `npm run bench -- ${positionals.join(' ')}`;
  const conditions = { ...bench, load: bench.load.name, command, date: new Date() };
  const earlier = runsAll ? undefined : readResults(await readFile(path, 'utf8'));
  await writeFile(path, formatResults(figures, conditions, earlier));
} else console.error('RESULTS.md is unchanged: only a run with the default options writes it.');
