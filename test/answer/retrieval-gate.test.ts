import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnswerFigures, measureAnswers } from '../../bench/eval/answers.ts';
import { type ArticleSet, addArticles, addEachArticle, readArticles } from '../../bench/eval/articles.ts';
import { measureCitations } from '../../bench/eval/citations.ts';
import { measureFollowUps } from '../../bench/eval/follow-ups.ts';
import { describeDatabases, openTestDatabase } from '../helpers/databases.ts';

/** Long enough for a busy machine: these tests measure the quality of answers, not their speed. */
const TIMEOUT_MS = 120_000;

const sample = join(process.env.EVAL_DATA ?? '', 'squad-sample.json');

/** Quality levels that no change may lower, measured on the sample of SQuAD in the folder `EVAL_DATA`. */
describe.skipIf(!process.env.EVAL_DATA || !existsSync(sample))('ten articles of SQuAD', { timeout: TIMEOUT_MS }, () => {
  let articles: ArticleSet['data'];
  let offTopic: readonly string[];

  beforeAll(async () => {
    ({ data: articles, offTopic = [] } = await readArticles(sample));
  });

  describeDatabases('retrieval', (engine) => {
    let database: Awaited<ReturnType<typeof openTestDatabase>>;

    beforeAll(async () => {
      database = await openTestDatabase(engine);
    });
    afterAll(() => database.close());

    describe('as one corpus', () => {
      let figures: AnswerFigures;

      beforeAll(async () => {
        figures = await measureAnswers([await addArticles(database.db, articles)], offTopic);
      }, TIMEOUT_MS);

      it('ranks the right passage first for at least 83 % of the questions', () => {
        expect(figures.first).toBeGreaterThanOrEqual(83);
      });

      it('ranks the right passage among the first five for at least 95 % of the questions', () => {
        expect(figures.firstFive).toBeGreaterThanOrEqual(95);
      });

      it('reaches a mean reciprocal rank of at least 88 %', () => {
        expect(figures.reciprocalRank).toBeGreaterThanOrEqual(88);
      });

      it('chooses at most two quotes, which contain a right answer for at least 86 % of the questions', () => {
        expect(figures.maxQuotes).toBe(2);
        expect(figures.rightQuotes).toBeGreaterThanOrEqual(86);
      });

      it('is right in at least 87 % of the answers that it gives', () => {
        expect(figures.rightAnswers).toBeGreaterThanOrEqual(87);
      });

      it('answers at least 97 % of the questions, and at most 45 % of the off-topic ones, of which it is not sure', () => {
        expect(figures.answered).toBeGreaterThanOrEqual(97);
        expect(figures.offTopicAnswered).toBeLessThanOrEqual(45);
        expect(figures.offTopicSure).toBeLessThanOrEqual(2);
      });

      it('is sure of at least 89 % of questions, and right in at least 89 % of these', () => {
        expect(figures.sure).toBeGreaterThanOrEqual(89);
        expect(figures.rightWhenSure).toBeGreaterThanOrEqual(89);
      });

      it('answers at most 3 % of the off-topic questions at the confidence that 85 % of the others reach', () => {
        expect(figures.offTopicAt85).toBeLessThanOrEqual(3);
      });

      it('separates questions from off-topic ones by confidence: the area under the ROC curve is at least 0.97', () => {
        expect(figures.areaUnderCurve).toBeGreaterThanOrEqual(0.97);
      });
    });

    it('is sure of at least 92 % of questions from a one-article corpus, and of at most 3 % of off-topic ones', async () => {
      const corpora = await addEachArticle(database.db, articles);
      const { sure, offTopicSure } = await measureAnswers(corpora, offTopic);
      expect(sure).toBeGreaterThanOrEqual(92);
      expect(offTopicSure).toBeLessThanOrEqual(3);
    });

    it('is sure of at least 90 % of questions from a one-paragraph corpus, and of at most 1 % of off-topic ones', async () => {
      const openings = articles.map((article) => ({ ...article, paragraphs: article.paragraphs.slice(0, 1) }));
      const corpora = await addEachArticle(database.db, openings);
      const { sure, offTopicSure } = await measureAnswers(corpora, offTopic);
      expect(sure).toBeGreaterThanOrEqual(90);
      expect(offTopicSure).toBeLessThanOrEqual(1);
    });
  });

  it('finds the passage for at least 88 % of follow-ups, and answers at most 60 % of off-topic questions', async () => {
    const { db, close } = await openTestDatabase();
    const figures = await measureFollowUps(await addArticles(db, articles), offTopic).finally(close);
    expect(figures.followUps).toBeGreaterThanOrEqual(88);
    // A question about another passage lowers the share of questions that find their passage by at most 1 % of all.
    expect(figures.asFirstMessage - figures.afterUnrelatedQuestion).toBeLessThanOrEqual(1);
    expect(figures.offTopicAnswered).toBeLessThanOrEqual(60);
  });

  it('keeps at least 99 % of the citations of right passages, and at most 5 % of those of wrong passages', () => {
    const { right, wrong } = measureCitations(articles);
    expect(right).toBeGreaterThanOrEqual(99);
    expect(wrong).toBeLessThanOrEqual(5);
  });
});
