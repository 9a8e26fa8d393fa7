import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnswerFigures, measureAnswers } from '../../bench/eval/answers.ts';
import { type ArticleSet, addArticles, addEachArticle, readArticles } from '../../bench/eval/articles.ts';
import { banking77 } from '../../bench/eval/banking77.ts';
import { measureCitations } from '../../bench/eval/citations.ts';
import { type DataSet, type Figure, spreadOver } from '../../bench/eval/data-set.ts';
import { docs } from '../../bench/eval/docs.ts';
import { measureFollowUps } from '../../bench/eval/follow-ups.ts';
import { measureMisspeltSearch } from '../../bench/eval/misspelt-search.ts';
import { measureLanguage } from '../../bench/eval/xquad.ts';
import { openTestDatabase, SQLITE } from '../helpers/databases.ts';

/** Long enough for a busy machine: these tests measure the quality of answers, not their speed. */
const TIMEOUT_MS = 120_000;

/** In questions: enough for the gate, and quick. `npm run eval` asks all of them. */
const SOME_QUESTIONS = 250;

const folder = process.env.EVAL_DATA ?? '';
const sample = join(folder, 'squad-sample.json');
const hasData = (path: string) => folder !== '' && existsSync(join(folder, path));

/**
 * Quality levels that no change may lower, measured on the data in the folder `EVAL_DATA`. They are measured on SQLite,
 * because both engines run the same search; `retrieval.test.ts` measures both.
 */
describe.skipIf(!hasData('squad-sample.json'))('ten articles of SQuAD', { timeout: TIMEOUT_MS }, () => {
  let articles: ArticleSet['data'];
  let offTopic: readonly string[];

  beforeAll(async () => {
    ({ data: articles, offTopic = [] } = await readArticles(sample));
  });

  describe('as one corpus', () => {
    let database: Awaited<ReturnType<typeof openTestDatabase>>;
    let figures: AnswerFigures;

    beforeAll(async () => {
      database = await openTestDatabase(SQLITE);
      figures = await measureAnswers([await addArticles(database.db, articles)], offTopic);
    }, TIMEOUT_MS);
    afterAll(() => database.close());

    it('ranks the right passage first for at least 86 % of the questions', () => {
      expect(figures.first).toBeGreaterThanOrEqual(86);
    });

    it('ranks the right passage among the first five for at least 95 % of the questions', () => {
      expect(figures.firstFive).toBeGreaterThanOrEqual(95);
    });

    it('reaches a mean reciprocal rank of at least 90 %', () => {
      expect(figures.reciprocalRank).toBeGreaterThanOrEqual(90);
    });

    it('chooses at most two quotes, which contain a right answer for at least 86 % of the questions', () => {
      expect(figures.maxQuotes).toBe(2);
      expect(figures.rightQuotes).toBeGreaterThanOrEqual(86);
    });

    it('is right in at least 87 % of the answers that it gives', () => {
      expect(figures.rightAnswers).toBeGreaterThanOrEqual(87);
    });

    it('answers at least 97 % of the questions, and at most 46 % of the off-topic ones, most with a doubt', () => {
      expect(figures.answered).toBeGreaterThanOrEqual(97);
      expect(figures.offTopicAnswered).toBeLessThanOrEqual(46);
    });

    it('is sure of at least 89 % of questions, right in at least 89 % of these, and of at most 3 % of off-topic ones', () => {
      expect(figures.sure).toBeGreaterThanOrEqual(89);
      expect(figures.rightWhenSure).toBeGreaterThanOrEqual(89);
      expect(figures.offTopicSure).toBeLessThanOrEqual(3);
    });

    it('separates questions from off-topic ones by confidence: the area under the ROC curve is at least 0.97', () => {
      expect(figures.areaUnderCurve).toBeGreaterThanOrEqual(0.97);
    });

    it('answers at most 3 % of the off-topic questions at the confidence of 85 % of the others', () => {
      expect(figures.offTopicAt85).toBeLessThanOrEqual(3);
    });
  });

  describe('some of their questions', () => {
    let database: Awaited<ReturnType<typeof openTestDatabase>>;

    beforeAll(async () => {
      database = await openTestDatabase(SQLITE);
    });
    afterAll(() => database.close());

    it('loses at most 2.5 points of right first passages to a typing mistake', async () => {
      const corpus = await addArticles(database.db, articles);
      const figures = await measureMisspeltSearch({
        ...corpus,
        questions: spreadOver(corpus.questions, SOME_QUESTIONS),
      });
      expect(findValue(figures, 'cost of one typing mistake, mean')).toBeLessThanOrEqual(2.5);
    });

    it('is sure of at least 90 % of questions from a one-paragraph corpus, and of at most 1 % of off-topic ones', async () => {
      const openings = articles.map((article) => ({ ...article, paragraphs: article.paragraphs.slice(0, 1) }));
      const corpora = await addEachArticle(database.db, openings);
      const { sure, offTopicSure } = await measureAnswers(corpora, spreadOver(offTopic, 30));
      expect(sure).toBeGreaterThanOrEqual(90);
      expect(offTopicSure).toBeLessThanOrEqual(1);
    });

    it('finds the passage for at least 88 % of follow-ups, and answers at most 62 % of off-topic questions', async () => {
      const corpus = await addArticles(database.db, articles);
      const questions = spreadOver(corpus.questions, SOME_QUESTIONS);
      const figures = await measureFollowUps({ ...corpus, questions }, offTopic);
      expect(figures.followUps).toBeGreaterThanOrEqual(88);
      // A question about another passage lowers the share of questions that find their passage by at most 1.5 % of all.
      expect(figures.asFirstMessage - figures.afterUnrelatedQuestion).toBeLessThanOrEqual(1.5);
      expect(figures.offTopicAnswered).toBeLessThanOrEqual(62);
    });
  });

  it('keeps at least 99 % of the citations of right passages, and at most 5 % of those of wrong passages', () => {
    const { right, wrong } = measureCitations(articles);
    expect(right).toBeGreaterThanOrEqual(99);
    expect(wrong).toBeLessThanOrEqual(5);
  });
});

describe('other data sets', { timeout: TIMEOUT_MS }, () => {
  it.skipIf(!hasData('xquad')).each(['ar', 'hi'])('reaches nDCG@10 of at least 95 % in %s', async (language) => {
    const { db, close } = await openTestDatabase(SQLITE);
    const { value } = await measureLanguage(join(folder, 'xquad', `${language}.json`), db).finally(close);
    expect(value).toBeGreaterThanOrEqual(95);
  });

  it.skipIf(!hasData('banking77'))('finds the right intent of at least 71 % of the questions to a bank', async () => {
    const figures = await measure(banking77);
    expect(findValue(figures, 'right intent first')).toBeGreaterThanOrEqual(71);
    expect(findValue(figures, 'fallback message')).toBeLessThanOrEqual(2);
  });

  it.skipIf(!hasData('docs'))('finds the right page of documentation, and answers without raw markup', async () => {
    const figures = await measure(docs);
    expect(findValue(figures, 'right page first')).toBeGreaterThanOrEqual(50);
    expect(findValue(figures, 'right page in the first five')).toBeGreaterThanOrEqual(70);
    expect(findValue(figures, 'all facts in the answer')).toBeGreaterThanOrEqual(29);
    expect(findValue(figures, 'refused, where no page has the answer')).toBeGreaterThanOrEqual(83);
    expect(findValue(figures, 'raw markup in the answer')).toBe(0);
    expect(findValue(figures, 'fallback message after one typing mistake')).toBeLessThanOrEqual(39);
  });
});

async function measure({ path, measure }: DataSet): Promise<readonly Figure[]> {
  const { db, close } = await openTestDatabase(SQLITE);
  return measure(join(folder, path), db).finally(close);
}

/** The value of a figure; NaN, which no level accepts, if there is no such figure. */
function findValue(figures: readonly Figure[], measured: string): number {
  return figures.find((figure) => figure.measured === measured)?.value ?? Number.NaN;
}
