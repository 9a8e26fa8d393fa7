import { toConfidenceBand } from '../../src/answer/confidence.ts';
import { createExtractiveEngine } from '../../src/answer/extractive.ts';
import { chooseQuotes } from '../../src/answer/quotes.ts';
import { type Retrieval, retrieve } from '../../src/answer/retrieve.ts';
import type { Database } from '../../src/store/database.ts';
import { readAnswer } from '../../test/helpers/models/answers.ts';
import { type AnsweredQuestion, type Article, addArticles, type Corpus } from './articles.ts';
import { areaUnderCurve, rankOf, recallAt, reciprocalRank, shareOf } from './figures.ts';

/** The quality of the built-in engine's answers to questions about articles. Shares are in percent. */
export interface AnswerFigures {
  /** The shares of questions whose right passage is the first result, or among the first five. */
  readonly first: number;
  readonly firstFive: number;
  readonly reciprocalRank: number;
  /** The share of questions whose quotes contain a right answer, at any confidence. */
  readonly rightQuotes: number;
  /** The maximum number of quotes for a question. */
  readonly maxQuotes: number;
  /** The shares of answered questions, of answered off-topic questions, and of right answers among the answers. */
  readonly answered: number;
  readonly offTopicAnswered: number;
  readonly rightAnswers: number;
  /** The same three shares, but with an answer counted only if its confidence is in the band `SURE`. */
  readonly sure: number;
  readonly offTopicSure: number;
  readonly rightWhenSure: number;
  /** The separation of on-topic from off-topic questions by the confidence: 0.5 is chance, 1 is perfect. */
  readonly areaUnderCurve: number;
}

interface Outcome {
  readonly retrieval: Retrieval;
  /** The quotes in the engine's answer. */
  readonly quotes: readonly string[];
}

type OnTopicOutcome = Outcome & AnsweredQuestion;

const engine = createExtractiveEngine({ delayMs: 0 });

/** Asks all questions about the articles, and the off-topic questions. Each group of articles is a separate corpus. */
export async function measureAnswers(
  db: Database,
  groups: readonly (readonly Article[])[],
  offTopic: readonly string[],
): Promise<AnswerFigures> {
  const onTopicOutcomes: OnTopicOutcome[] = [];
  const offTopicOutcomes: Outcome[] = [];
  for (const articles of groups) {
    const corpus = await addArticles(db, articles);
    for (const question of corpus.questions) {
      onTopicOutcomes.push({ ...question, ...(await answerQuestion(corpus, question.question)) });
    }
    for (const question of offTopic) offTopicOutcomes.push(await answerQuestion(corpus, question));
  }
  const ranks = onTopicOutcomes.map(({ retrieval, passageId }) =>
    rankOf(retrieval.hits, ({ passage }) => passage.id === passageId),
  );
  const withChosenQuotes = onTopicOutcomes.map((outcome) => ({ ...outcome, quotes: quotesOf(outcome) }));
  return {
    first: recallAt(1, ranks),
    firstFive: recallAt(5, ranks),
    reciprocalRank: reciprocalRank(ranks),
    rightQuotes: shareOf(withChosenQuotes, isRight),
    maxQuotes: Math.max(...withChosenQuotes.map(({ quotes }) => quotes.length)),
    answered: shareOf(onTopicOutcomes, isAnswered),
    offTopicAnswered: shareOf(offTopicOutcomes, isAnswered),
    rightAnswers: shareOf(onTopicOutcomes.filter(isAnswered), isRight),
    sure: shareOf(onTopicOutcomes, isSure),
    offTopicSure: shareOf(offTopicOutcomes, isSure),
    rightWhenSure: shareOf(onTopicOutcomes.filter(isSure), isRight),
    areaUnderCurve: areaUnderCurve(onTopicOutcomes.map(confidenceOf), offTopicOutcomes.map(confidenceOf)),
  };
}

async function answerQuestion({ db, accountId, chatbotId }: Corpus, question: string): Promise<Outcome> {
  const retrieval = await retrieve(db.read, accountId, chatbotId, question, 10);
  const { citations } = await readAnswer(engine, { content: question, retrieval });
  return { retrieval, quotes: citations.map(({ quote }) => quote) };
}

const quotesOf = ({ question, retrieval }: OnTopicOutcome) => chooseQuotes(question, retrieval).map(({ text }) => text);
const isAnswered = ({ quotes }: Outcome) => quotes.length > 0;
const isSure = ({ retrieval }: Outcome) => toConfidenceBand(retrieval.confidence) === 'SURE';
const confidenceOf = ({ retrieval }: Outcome) => retrieval.confidence;
const isRight = ({ quotes, answers }: Pick<OnTopicOutcome, 'quotes' | 'answers'>) =>
  answers.some((answer) => quotes.some((quote) => quote.toLowerCase().includes(answer.toLowerCase())));
