import { retrieve } from '../../src/answer/retrieve.ts';
import { createSearchClock, type MeasureSearch } from '../search/search-clock.ts';
import type { ArticleCorpus } from './articles.ts';
import { type Figure, spreadOver } from './data-set.ts';
import { meanOf, medianOf, rankOf, recallAt } from './figures.ts';
import { MISTAKES, makeTypingMistake } from './typing-mistakes.ts';

/** The maximum number of questions that are asked with mistakes: five searches for each of them. */
const MAX_QUESTIONS = 1_000;

/** A search for one wording of a question. */
interface Search {
  readonly rank: number;
  /** CPU time in microseconds. */
  readonly time: number;
}

/**
 * Asks the questions of a corpus as they are, and with one typing mistake of each kind. The cost is the share of
 * questions whose right passage is no longer first. The times are of the same questions in turn, so that their ratio
 * depends little on the load of the machine.
 */
export async function measureMisspeltSearch(corpus: ArticleCorpus): Promise<Figure[]> {
  const questions = spreadOver(
    corpus.questions.filter(({ question }) => makeTypingMistake(question, 'swapped') !== undefined),
    MAX_QUESTIONS,
  );
  const measure = await createSearchClock(corpus.db);
  const correct: Search[] = [];
  const misspelt = MISTAKES.map((mistake) => ({ mistake, searches: [] as Search[] }));
  for (const { question, passageId } of questions) {
    correct.push(await search(corpus, measure, { question, passageId }));
    for (const { mistake, searches } of misspelt) {
      const misspeltQuestion = makeTypingMistake(question, mistake) ?? question;
      searches.push(await search(corpus, measure, { question: misspeltQuestion, passageId }));
    }
  }
  const firstOf = (searches: readonly Search[]) =>
    recallAt(
      1,
      searches.map(({ rank }) => rank),
    );
  const medianTime = (searches: readonly Search[]) => medianOf(searches.map(({ time }) => time));
  const count = { questions: questions.length };
  const cost = firstOf(correct) - meanOf(misspelt, ({ searches }) => firstOf(searches));
  const slowdown = medianTime(misspelt.flatMap(({ searches }) => searches)) / medianTime(correct);
  return [
    { measured: 'spelt correctly: right passage first', value: firstOf(correct), unit: '%', ...count },
    ...misspelt.map(
      ({ mistake, searches }): Figure => ({
        measured: `one mistake (${mistake}): right passage first`,
        value: firstOf(searches),
        unit: '%',
        ...count,
      }),
    ),
    { measured: 'cost of one typing mistake, mean', value: cost, unit: 'points', level: { atMost: 1.5 }, ...count },
    { measured: 'time of a misspelt search', value: slowdown, unit: '×', level: { atMost: 3 }, ...count },
  ];
}

async function search(
  { db, accountId, chatbotId }: ArticleCorpus,
  measure: MeasureSearch,
  { question, passageId }: { question: string; passageId: string },
): Promise<Search> {
  let rank = Number.POSITIVE_INFINITY;
  const time = await measure(async () => {
    const { hits } = await retrieve(db.read, accountId, chatbotId, question, 10);
    rank = rankOf(hits, ({ passage }) => passage.id === passageId);
  });
  return { rank, time };
}
