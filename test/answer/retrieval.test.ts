import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnswerFigures, measureAnswers } from '../../bench/eval/answers.ts';
import { addArticles, addEachArticle } from '../../bench/eval/articles.ts';
import { articles, offTopic } from '../helpers/articles.ts';
import { describeDatabases, openTestDatabase } from '../helpers/databases.ts';

describeDatabases('retrieval', (engine) => {
  let database: Awaited<ReturnType<typeof openTestDatabase>>;

  beforeAll(async () => {
    database = await openTestDatabase(engine);
  });
  afterAll(() => database.close());

  describe('twelve articles as one corpus', () => {
    let figures: AnswerFigures;

    beforeAll(async () => {
      figures = await measureAnswers([await addArticles(database.db, articles)], offTopic);
    });

    it('ranks the right passage first for at least 86 % of the questions', () => {
      expect(figures.first).toBeGreaterThanOrEqual(86);
    });

    it('ranks the right passage among the first five for at least 93 % of the questions', () => {
      expect(figures.firstFive).toBeGreaterThanOrEqual(93);
    });

    it('reaches a mean reciprocal rank of at least 90 %', () => {
      expect(figures.reciprocalRank).toBeGreaterThanOrEqual(90);
    });

    it('chooses at most two quotes, which contain a right answer for at least 83 % of the questions', () => {
      expect(figures.maxQuotes).toBe(2);
      expect(figures.rightQuotes).toBeGreaterThanOrEqual(83);
    });

    it('is right in at least 86 % of the answers that it gives', () => {
      expect(figures.rightAnswers).toBeGreaterThanOrEqual(86);
    });

    it('answers at least 90 % of the questions, and at most 30 % of the off-topic ones', () => {
      expect(figures.answered).toBeGreaterThanOrEqual(90);
      expect(figures.offTopicAnswered).toBeLessThanOrEqual(30);
    });

    it('is sure of at least 48 % of questions, right in at least 90 % of these, and sure of no off-topic one', () => {
      expect(figures.sure).toBeGreaterThanOrEqual(48);
      expect(figures.rightWhenSure).toBeGreaterThanOrEqual(90);
      expect(figures.offTopicSure).toBe(0);
    });

    it('separates questions from off-topic ones by confidence: the area under the ROC curve is at least 0.93', () => {
      expect(figures.areaUnderCurve).toBeGreaterThanOrEqual(0.93);
    });
  });

  it('answers at least 90 % of questions from a one-article corpus, is sure of at most 1 % of off-topic ones', async () => {
    const corpora = await addEachArticle(database.db, articles);
    const { answered, offTopicSure } = await measureAnswers(corpora, offTopic);
    expect(answered).toBeGreaterThanOrEqual(90);
    expect(offTopicSure).toBeLessThanOrEqual(1);
  });

  it('answers at least 90 % of questions from a one-paragraph corpus, is sure of at most 0.5 % of off-topic ones', async () => {
    const openings = articles.map((article) => ({ ...article, paragraphs: article.paragraphs.slice(0, 1) }));
    const corpora = await addEachArticle(database.db, openings);
    const { answered, offTopicSure } = await measureAnswers(corpora, offTopic);
    expect(answered).toBeGreaterThanOrEqual(90);
    expect(offTopicSure).toBeLessThanOrEqual(0.5);
  });
});
