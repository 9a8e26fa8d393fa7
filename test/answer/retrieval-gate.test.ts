import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bandOf } from '../../src/answer/confidence.ts';
import { createExtractiveEngine } from '../../src/answer/extractive.ts';
import { chooseQuotes } from '../../src/answer/quotes.ts';
import { type Retrieval, retrieve } from '../../src/answer/retrieve.ts';
import { openCorpus } from '../helpers/corpus.ts';
import { describeEngines } from '../helpers/databases.ts';
import { readAnswer } from '../helpers/models/answers.ts';
import { type AnsweredQuestion, addArticles, articles, offTopic } from '../helpers/squad.ts';

/** One question of the sample, asked. */
interface Outcome extends Partial<AnsweredQuestion> {
  retrieval: Retrieval;
  quotes: string[];
}

const engine = createExtractiveEngine({ delayMs: 0 });

describeEngines('retrieval', (stored) => {
  let corpus: Awaited<ReturnType<typeof openCorpus>>;

  beforeAll(async () => {
    corpus = await openCorpus(stored);
  });
  afterAll(() => corpus.close());

  async function ask(chatbot: { accountId: string; chatbotId: string }, question: string): Promise<Outcome> {
    const retrieval = await retrieve(corpus.db.read, chatbot.accountId, chatbot.chatbotId, question, 10);
    const { citations } = await readAnswer(engine, { content: question, retrieval });
    return { retrieval, quotes: citations.map(({ quote }) => quote) };
  }

  function share<T>(items: readonly T[], holds: (item: T) => boolean): number {
    return (100 * items.filter(holds).length) / items.length;
  }

  const isAnswered = ({ quotes }: Outcome) => quotes.length > 0;

  const quotesFor = ({ question = '', retrieval }: Outcome) =>
    chooseQuotes(question, retrieval).map(({ text }) => text);
  const isRight = ({ quotes, answers = [] }: Outcome) =>
    answers.some((answer) => quotes.some((quote) => quote.toLowerCase().includes(answer.toLowerCase())));

  /** The chance that a question of the sources is met with more confidence than one of none. */
  function areaUnderCurve(inScope: readonly Outcome[], outside: readonly Outcome[]): number {
    let wins = 0;
    for (const { retrieval: a } of inScope)
      for (const { retrieval: b } of outside)
        wins += a.confidence > b.confidence ? 1 : a.confidence === b.confidence ? 0.5 : 0;
    return wins / (inScope.length * outside.length);
  }

  describe('ten articles as one corpus', () => {
    const inScope: Outcome[] = [];
    const outside: Outcome[] = [];

    beforeAll(async () => {
      const chatbot = await addArticles(corpus.db, articles);
      for (const question of chatbot.questions)
        inScope.push({ ...question, ...(await ask(chatbot, question.question)) });
      for (const question of offTopic) outside.push(await ask(chatbot, question));
    });

    const rankOf = ({ retrieval, passageId }: Outcome) =>
      retrieval.hits.findIndex(({ passage }) => passage.id === passageId);

    it('ranks the right passage first for 83 % of the questions', () => {
      expect(share(inScope, (outcome) => rankOf(outcome) === 0)).toBeGreaterThanOrEqual(83);
    });

    it('ranks the right passage among the first five for 95 % of the questions', () => {
      expect(share(inScope, (outcome) => rankOf(outcome) !== -1 && rankOf(outcome) < 5)).toBeGreaterThanOrEqual(95);
    });

    it('reaches a mean reciprocal rank of 88 %', () => {
      const sum = inScope.reduce(
        (total, outcome) => total + (rankOf(outcome) === -1 ? 0 : 1 / (rankOf(outcome) + 1)),
        0,
      );
      expect((100 * sum) / inScope.length).toBeGreaterThanOrEqual(88);
    });

    it('chooses quotes that hold a right answer, at most three, for 86 % of the questions', () => {
      const chosen = inScope.map((outcome) => ({ ...outcome, quotes: quotesFor(outcome) }));
      expect(Math.max(...chosen.map(({ quotes }) => quotes.length))).toBe(3);
      expect(share(chosen, isRight)).toBeGreaterThanOrEqual(86);
    });

    it('is right in 88 % of the answers that it gives', () => {
      expect(share(inScope.filter(isAnswered), isRight)).toBeGreaterThanOrEqual(88);
    });

    it('answers 93 % of what its sources answer, and 8 % of what they do not', () => {
      expect(share(inScope, isAnswered)).toBeGreaterThanOrEqual(93);
      expect(share(outside, isAnswered)).toBeLessThanOrEqual(8);
    });

    it('is sure of 77 % of what its sources answer, and of nothing that they do not', () => {
      const isSure = ({ retrieval }: Outcome) => bandOf(retrieval.confidence) === 'SURE';
      expect(share(inScope, isSure)).toBeGreaterThanOrEqual(77);
      expect(share(outside, isSure)).toBe(0);
      expect(share(inScope.filter(isSure), isRight)).toBeGreaterThanOrEqual(92);
    });

    it('is more confident of questions to its sources than of others, with an area under the curve of 0.97', () => {
      expect(areaUnderCurve(inScope, outside)).toBeGreaterThanOrEqual(0.97);
    });
  });

  describe('one article as the corpus', () => {
    it('answers 86 % of what it answers, and 2 % of what it does not', async () => {
      const inScope: Outcome[] = [];
      const outside: Outcome[] = [];
      for (const article of articles) {
        const chatbot = await addArticles(corpus.db, [article]);
        for (const { question } of chatbot.questions) inScope.push(await ask(chatbot, question));
        for (const question of offTopic) outside.push(await ask(chatbot, question));
      }
      expect(share(inScope, isAnswered)).toBeGreaterThanOrEqual(86);
      expect(share(outside, isAnswered)).toBeLessThanOrEqual(2);
    });
  });

  describe('one paragraph as the corpus', () => {
    it('answers 84 % of what it answers, and 1 % of what it does not', async () => {
      const inScope: Outcome[] = [];
      const outside: Outcome[] = [];
      for (const article of articles) {
        const chatbot = await addArticles(corpus.db, [{ ...article, paragraphs: article.paragraphs.slice(0, 1) }]);
        for (const { question } of chatbot.questions) inScope.push(await ask(chatbot, question));
        for (const question of offTopic) outside.push(await ask(chatbot, question));
      }
      expect(share(inScope, isAnswered)).toBeGreaterThanOrEqual(84);
      expect(share(outside, isAnswered)).toBeLessThanOrEqual(1);
    });
  });
});
