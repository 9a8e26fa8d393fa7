import { bandOf } from '../../src/answer/confidence.ts';
import { createExtractiveEngine } from '../../src/answer/extractive.ts';
import { chooseQuotes } from '../../src/answer/quotes.ts';
import { type Retrieval, retrieve } from '../../src/answer/retrieve.ts';
import type { Database } from '../../src/store/database.ts';
import { readAnswer } from '../../test/helpers/models/answers.ts';
import { type AnsweredQuestion, type Article, addArticles, type Corpus } from './articles.ts';
import { areaUnderCurve, rankOf, recallAt, reciprocalRank, shareOf } from './figures.ts';

/** How well the built-in engine answers questions about articles. Shares are in percent. */
export interface AnswerFigures {
  /** The shares of questions whose right passage is the first result, or among the first five. */
  readonly first: number;
  readonly firstFive: number;
  readonly reciprocalRank: number;
  /** The share of questions whose quotes contain a right answer at any confidence; the most quotes of a question. */
  readonly rightQuotes: number;
  readonly mostQuotes: number;
  /** The shares of answered questions, of answered off-topic questions, and of right answers among the answers. */
  readonly answered: number;
  readonly offTopicAnswered: number;
  readonly rightAnswers: number;
  /** The same three shares for questions whose confidence is in the band `SURE`. */
  readonly sure: number;
  readonly offTopicSure: number;
  readonly rightWhenSure: number;
  /** How well the confidence separates the questions from off-topic ones: 0.5 is chance, 1 is perfect. */
  readonly areaUnderCurve: number;
}

interface Outcome {
  readonly retrieval: Retrieval;
  /** The quotes in the engine's answer. */
  readonly quotes: readonly string[];
}

type InScope = Outcome & AnsweredQuestion;

const engine = createExtractiveEngine({ delayMs: 0 });

/** Asks every question about some articles, and off-topic ones. Each group of articles is a separate corpus. */
export async function measureAnswers(
  db: Database,
  groups: readonly (readonly Article[])[],
  offTopic: readonly string[],
): Promise<AnswerFigures> {
  const inScope: InScope[] = [];
  const outside: Outcome[] = [];
  for (const articles of groups) {
    const corpus = await addArticles(db, articles);
    for (const question of corpus.questions) inScope.push({ ...question, ...(await ask(corpus, question.question)) });
    for (const question of offTopic) outside.push(await ask(corpus, question));
  }
  const ranks = inScope.map(({ retrieval, passageId }) =>
    rankOf(retrieval.hits, ({ passage }) => passage.id === passageId),
  );
  const chosen = inScope.map((outcome) => ({ ...outcome, quotes: quotesOf(outcome) }));
  return {
    first: recallAt(1, ranks),
    firstFive: recallAt(5, ranks),
    reciprocalRank: reciprocalRank(ranks),
    rightQuotes: shareOf(chosen, isRight),
    mostQuotes: Math.max(...chosen.map(({ quotes }) => quotes.length)),
    answered: shareOf(inScope, isAnswered),
    offTopicAnswered: shareOf(outside, isAnswered),
    rightAnswers: shareOf(inScope.filter(isAnswered), isRight),
    sure: shareOf(inScope, isSure),
    offTopicSure: shareOf(outside, isSure),
    rightWhenSure: shareOf(inScope.filter(isSure), isRight),
    areaUnderCurve: areaUnderCurve(inScope.map(confidenceOf), outside.map(confidenceOf)),
  };
}

async function ask({ db, accountId, chatbotId }: Corpus, question: string): Promise<Outcome> {
  const retrieval = await retrieve(db.read, accountId, chatbotId, question, 10);
  const { citations } = await readAnswer(engine, { content: question, retrieval });
  return { retrieval, quotes: citations.map(({ quote }) => quote) };
}

const quotesOf = ({ question, retrieval }: InScope) => chooseQuotes(question, retrieval).map(({ text }) => text);
const isAnswered = ({ quotes }: Outcome) => quotes.length > 0;
const isSure = ({ retrieval }: Outcome) => bandOf(retrieval.confidence) === 'SURE';
const confidenceOf = ({ retrieval }: Outcome) => retrieval.confidence;
const isRight = ({ quotes, answers }: Pick<InScope, 'quotes' | 'answers'>) =>
  answers.some((answer) => quotes.some((quote) => quote.toLowerCase().includes(answer.toLowerCase())));
