/**
 * Measures what the gateway costs beside a floor, and prints it: `npm run bench`, or `npm run bench -- dashboard` for
 * some. A run of all of them with nothing changed writes `bench/RESULTS.md` anew.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Bench, Benchmark, Figure } from './benchmark.ts';
import { heap } from './heap.ts';
import { findLoadGenerator } from './load.ts';
import { models } from './models.ts';
import { dashboard, small } from './queries.ts';
import { formatResults, formatTable } from './report.ts';
import { scale } from './scale.ts';
import { audience, crowd, lag, tokens } from './tokens.ts';

const BENCHMARKS: readonly Benchmark[] = [dashboard, small, tokens, crowd, lag, heap, audience, models, scale];
const DEFAULTS = { rounds: '5', seconds: '3' };

const USAGE = `Usage: npm run bench -- [benchmark …] [--rounds ${DEFAULTS.rounds}] [--seconds ${DEFAULTS.seconds}] [--load wrk|autocannon]

Benchmarks: ${BENCHMARKS.map(({ name }) => name).join(', ')}; all of them when none is named.`;

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

const bench: Bench = {
  load: await findLoadGenerator(values.load),
  rounds: Number(values.rounds),
  seconds: Number(values.seconds),
  note: (text) => console.error(`  ${text}`),
};
console.error(`load by ${bench.load.name}`);

const figures: Figure[] = [];
for (const benchmark of BENCHMARKS) {
  if (positionals.length === 0 || positionals.includes(benchmark.name)) figures.push(...(await benchmark.run(bench)));
}
console.log(`\n${formatTable(figures)}\n`);

const isWhole =
  positionals.length === 0 && values.rounds === DEFAULTS.rounds && values.seconds === DEFAULTS.seconds && !values.load;
if (isWhole) {
  const circumstances = { ...bench, load: bench.load.name, command: 'npm run bench', date: new Date() };
  await writeFile(new URL('RESULTS.md', import.meta.url), formatResults(figures, circumstances));
} else console.error('RESULTS.md stays as it is: only a run of everything, with nothing changed, writes it.');
