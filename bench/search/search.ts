import { retrieve } from '../../src/answer/retrieve.ts';
import type { Database } from '../../src/store/database.ts';
import type { BenchContext, Benchmark, Figure } from '../benchmark.ts';
import { ENGINES } from '../eval/engines.ts';
import { fillSearch, PASSAGES, type SearchedChatbot, searchBaseline } from './corpus.ts';
import { measureIndexSize } from './index-size.ts';
import { createSearchClock, type MeasureSearch } from './search-clock.ts';

/** The number of passages that a reply uses. */
const LIMIT = 8;
const WARM_UP_QUESTIONS = 20;
const RUNS_PER_QUESTION = 3;

/**
 * Search in one chatbot with `BENCH_PASSAGES` passages, if absent 100,000, and the size of the index of real texts: on
 * SQLite, and on the Postgres at `TEST_DATABASE_URL` or on this machine.
 */
export const search: Benchmark = {
  name: 'search',
  async run(bench) {
    const figures: Figure[] = [];
    for (const { title, isReachable, withDatabase } of ENGINES) {
      if (!(await isReachable())) {
        bench.logProgress(`search on ${title}: not measured, because it does not respond.`);
        continue;
      }
      figures.push(...(await withDatabase((db) => measureIndexSize(title, db))));
      figures.push(...(await withDatabase((db, url) => measureTimes(bench, title, db, url))));
    }
    return figures;
  },
};

/** The searches that are compared. The baseline is the database's own search for two words that occur together. */
type Kind = 'baseline' | 'twoWords' | 'eightWords' | 'misspelt';

/** The rows of the table, each with the kinds to compare, and the level of the ratio of their 95th percentiles. */
const ROWS: readonly { name: string; kind: Kind; against: Kind; target?: number }[] = [
  { name: 'two words', kind: 'twoWords', against: 'baseline', target: 3 },
  { name: 'eight words', kind: 'eightWords', against: 'baseline', target: 3 },
  { name: 'eight words with a typing mistake', kind: 'misspelt', against: 'baseline' },
  { name: 'two words, against eight words', kind: 'twoWords', against: 'eightWords', target: 1 },
  { name: 'eight words with a typing mistake, against none', kind: 'misspelt', against: 'eightWords', target: 3 },
];

async function measureTimes(bench: BenchContext, engine: string, db: Database, url: string): Promise<Figure[]> {
  const chatbot = await fillSearch(db, url, (text) => bench.logProgress(`${engine}: ${text}`));
  const rounds: Readonly<Record<Kind, Percentiles>>[] = [];
  for (let round = 0; round < bench.rounds; round++) {
    const measured = await measureRound(db, chatbot);
    bench.logProgress(`${engine}, in microseconds: ${JSON.stringify(measured)}`);
    rounds.push(measured);
  }
  return (['p50', 'p95'] as const).flatMap((percentile) =>
    ROWS.map(
      ({ name, kind, against, target }): Figure => ({
        quantity: `${engine}: search in ${PASSAGES.toLocaleString('en')} passages, ${percentile}: ${name}`,
        unit: 'µs',
        gateway: rounds.map((round) => round[kind][percentile]),
        baseline: rounds.map((round) => round[against][percentile]),
        ...(percentile === 'p95' && target !== undefined && { target }),
      }),
    ),
  );
}

/** The times of some searches, in microseconds. */
interface Percentiles {
  readonly p50: number;
  readonly p95: number;
}

/** Searches for each question in all ways, one directly after the other, so that they meet the same load. */
async function measureRound(
  db: Database,
  { accountId, chatbotId, twoWords, eightWords, misspelt }: SearchedChatbot,
): Promise<Record<Kind, Percentiles>> {
  const clock = await createSearchClock(db);
  const time = (run: () => Promise<unknown>) => measureShortest(clock, run);
  const find = (question = '') => retrieve(db.read, accountId, chatbotId, question, LIMIT);
  const times: Record<Kind, number>[] = [];
  for (const [index, words] of twoWords.entries()) {
    times.push({
      baseline: await time(() => searchBaseline(db, words)),
      twoWords: await time(() => find(words)),
      eightWords: await time(() => find(eightWords[index])),
      misspelt: await time(() => find(misspelt[index])),
    });
  }
  const percentilesOf = (kind: Kind) => toPercentiles(times.slice(WARM_UP_QUESTIONS).map((searches) => searches[kind]));
  return {
    baseline: percentilesOf('baseline'),
    twoWords: percentilesOf('twoWords'),
    eightWords: percentilesOf('eightWords'),
    misspelt: percentilesOf('misspelt'),
  };
}

function toPercentiles(times: readonly number[]): Percentiles {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN);
  return { p50: at(0.5), p95: at(0.95) };
}

/** The shortest time of several runs: the least disturbed by garbage collection and by other processes. */
async function measureShortest(measure: MeasureSearch, run: () => Promise<unknown>): Promise<number> {
  const times = [];
  for (let runs = 0; runs < RUNS_PER_QUESTION; runs++) times.push(await measure(run));
  return Math.min(...times);
}
