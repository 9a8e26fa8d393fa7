import { toConfidenceBand } from '../../src/answer/confidence.ts';
import { createExtractiveEngine } from '../../src/answer/extractive.ts';
import { chooseQuotes } from '../../src/answer/quotes.ts';
import { type Retrieval, retrieve } from '../../src/answer/retrieve.ts';
import { readAnswer } from '../../test/helpers/models/answers.ts';
import type { AnsweredQuestion, ArticleCorpus, Corpus } from './articles.ts';
import { areaUnderCurve, falseShareAt, meanOf, rankOf, recallAt, reciprocalRank, shareOf } from './figures.ts';

/** The quality of the built-in engine's answers to questions about articles. Shares are in percent. */
export interface AnswerFigures {
  /** The shares of questions whose right passage is the first result, or among the first five. */
  readonly first: number;
  readonly firstFive: number;
  readonly reciprocalRank: number;
  /** The shares of questions whose quotes, or first two quotes, contain a right answer, at any confidence. */
  readonly rightQuotes: number;
  readonly rightFirstTwoQuotes: number;
  /** The maximum and the mean number of quotes for a question. */
  readonly maxQuotes: number;
  readonly meanQuotes: number;
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
  /** The share of off-topic questions at or above the confidence that 85 % of the others have. */
  readonly offTopicAt85: number;
  /** All questions, the off-topic ones included, by their confidence. */
  readonly judgements: readonly Judgement[];
}

/** The confidence of an answer to a question, and whether the question is on topic and its quotes contain an answer. */
export interface Judgement {
  readonly confidence: number;
  readonly isOnTopic: boolean;
  readonly isRight: boolean;
}

interface Outcome {
  readonly retrieval: Retrieval;
  /** The quotes in the engine's answer. */
  readonly quotes: readonly string[];
}

interface OnTopicOutcome extends Outcome, AnsweredQuestion {
  /** The quotes that the engine chooses at any confidence. */
  readonly chosenQuotes: readonly string[];
}

const engine = createExtractiveEngine({ delayMs: 0 });

/** Asks all questions of each corpus, and asks each corpus the off-topic questions. */
export async function measureAnswers(
  corpora: readonly ArticleCorpus[],
  offTopic: readonly string[],
): Promise<AnswerFigures> {
  const onTopicOutcomes: OnTopicOutcome[] = [];
  const offTopicOutcomes: Outcome[] = [];
  for (const corpus of corpora) {
    for (const question of corpus.questions) {
      const outcome = await answerQuestion(corpus, question.question);
      onTopicOutcomes.push({ ...question, ...outcome, chosenQuotes: chooseQuotesOf(question.question, outcome) });
    }
    for (const question of offTopic) offTopicOutcomes.push(await answerQuestion(corpus, question));
  }
  const ranks = onTopicOutcomes.map(({ retrieval, passageId }) =>
    rankOf(retrieval.hits, ({ passage }) => passage.id === passageId),
  );
  const [onTopicConfidences, offTopicConfidences] = [
    onTopicOutcomes.map(confidenceOf),
    offTopicOutcomes.map(confidenceOf),
  ];
  const quoteCounts = onTopicOutcomes.map(({ chosenQuotes }) => chosenQuotes.length);
  return {
    first: recallAt(1, ranks),
    firstFive: recallAt(5, ranks),
    reciprocalRank: reciprocalRank(ranks),
    rightQuotes: shareOf(onTopicOutcomes, ({ answers, chosenQuotes }) => isRight({ answers, quotes: chosenQuotes })),
    rightFirstTwoQuotes: shareOf(onTopicOutcomes, ({ answers, chosenQuotes }) =>
      isRight({ answers, quotes: chosenQuotes.slice(0, 2) }),
    ),
    maxQuotes: Math.max(...quoteCounts),
    meanQuotes: meanOf(quoteCounts, (count) => count),
    answered: shareOf(onTopicOutcomes, isAnswered),
    offTopicAnswered: shareOf(offTopicOutcomes, isAnswered),
    rightAnswers: shareOf(onTopicOutcomes.filter(isAnswered), isRight),
    sure: shareOf(onTopicOutcomes, isSure),
    offTopicSure: shareOf(offTopicOutcomes, isSure),
    rightWhenSure: shareOf(onTopicOutcomes.filter(isSure), isRight),
    areaUnderCurve: areaUnderCurve(onTopicConfidences, offTopicConfidences),
    offTopicAt85: falseShareAt(85, onTopicConfidences, offTopicConfidences),
    judgements: [
      ...onTopicOutcomes.map(({ retrieval, answers, chosenQuotes }) => ({
        confidence: retrieval.confidence,
        isOnTopic: true,
        isRight: isRight({ answers, quotes: chosenQuotes }),
      })),
      ...offTopicConfidences.map((confidence) => ({ confidence, isOnTopic: false, isRight: false })),
    ],
  };
}

async function answerQuestion({ db, accountId, chatbotId }: Corpus, question: string): Promise<Outcome> {
  const retrieval = await retrieve(db.read, accountId, chatbotId, question, 10);
  const { citations } = await readAnswer(engine, { content: question, retrieval });
  return { retrieval, quotes: citations.map(({ quote }) => quote) };
}

/** The quotes of an answer or, if the confidence is too low for one, those that it would have. */
function chooseQuotesOf(question: string, { retrieval, quotes }: Outcome): readonly string[] {
  return quotes.length > 0 ? quotes : chooseQuotes(question, retrieval).map(({ text }) => text);
}

const isAnswered = ({ quotes }: Outcome) => quotes.length > 0;
const isSure = ({ retrieval }: Outcome) => toConfidenceBand(retrieval.confidence) === 'SURE';
const confidenceOf = ({ retrieval }: Outcome) => retrieval.confidence;
const isRight = ({ quotes, answers }: Pick<OnTopicOutcome, 'quotes' | 'answers'>) =>
  answers.some((answer) => quotes.some((quote) => quote.toLowerCase().includes(answer.toLowerCase())));
