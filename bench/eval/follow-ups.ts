import { toConfidenceBand } from '../../src/answer/confidence.ts';
import type { HistoryMessage } from '../../src/answer/engine.ts';
import type { Retrieval } from '../../src/answer/retrieve.ts';
import { retrieveWithHistory } from '../../src/answer/retrieve-with-history.ts';
import type { ArticleCorpus, Corpus } from './articles.ts';
import { shareOf } from './figures.ts';

/** The quality of the search with the context of a conversation. All values are shares of the questions, in percent. */
export interface FollowUpFigures {
  /** A follow-up finds the right passage of its question among the first eight. */
  readonly followUps: number;
  /** The question itself finds its passage, as the first message of a conversation. */
  readonly asFirstMessage: number;
  /** The question itself finds its passage, after a question about another passage. */
  readonly afterUnrelatedQuestion: number;
  /** An off-topic question that follows the question gets an answer. */
  readonly offTopicAnswered: number;
}

/** The number of passages that a reply uses. */
const LIMIT = 8;

/** Questions that mean little without their context. */
const FOLLOW_UPS = [
  ...['And how much is that?', 'Why?', 'When was that?', 'Who did it?', 'Tell me more about that', 'And where is it?'],
  ...['What about in 1990?', 'How did they do it?', 'What else?', 'Is it still so today?', 'Which is the largest?'],
  ...['How much does it cost per year?', 'Can you explain that in more detail?', 'And what is the main reason for it?'],
];

/** Asks every question of a corpus alone, after another one, and before a follow-up and an off-topic question. */
export async function measureFollowUps(corpus: ArticleCorpus, offTopic: readonly string[]): Promise<FollowUpFigures> {
  const { questions } = corpus;
  const outcomes = [];
  for (const [index, { question, passageId }] of questions.entries()) {
    const hasPassage = ({ hits }: Retrieval) => hits.some(({ passage }) => passage.id === passageId);
    // The step picks a question that is usually far away, and the same one in every run.
    const other = questions[(index * 37) % questions.length]?.question ?? '';
    const offTopicRetrieval = await retrieveAfter(corpus, [question], offTopic[index % offTopic.length] ?? '');
    outcomes.push({
      followUp: hasPassage(await retrieveAfter(corpus, [question], FOLLOW_UPS[index % FOLLOW_UPS.length] ?? '')),
      asFirstMessage: hasPassage(await retrieveAfter(corpus, [], question)),
      afterUnrelatedQuestion: hasPassage(await retrieveAfter(corpus, [other], question)),
      offTopic: toConfidenceBand(offTopicRetrieval.confidence) !== 'NONE',
    });
  }
  return {
    followUps: shareOf(outcomes, ({ followUp }) => followUp),
    asFirstMessage: shareOf(outcomes, ({ asFirstMessage }) => asFirstMessage),
    afterUnrelatedQuestion: shareOf(outcomes, ({ afterUnrelatedQuestion }) => afterUnrelatedQuestion),
    offTopicAnswered: shareOf(outcomes, ({ offTopic }) => offTopic),
  };
}

/** Retrieves the passages for a question after earlier questions, each of which got the same irrelevant reply. */
export function retrieveAfter(
  { db, accountId, chatbotId }: Corpus,
  earlier: readonly string[],
  question: string,
  limit = LIMIT,
): Promise<Retrieval> {
  const history = earlier.flatMap((content): HistoryMessage[] => [
    { role: 'USER', content },
    { role: 'ASSISTANT', content: 'Submarines are yellow.' },
  ]);
  return retrieveWithHistory(db.read, accountId, chatbotId, question, history, limit);
}
