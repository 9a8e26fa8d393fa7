import { bandOf } from '../../src/answer/confidence.ts';
import type { Turn } from '../../src/answer/engine.ts';
import type { Retrieval } from '../../src/answer/retrieve.ts';
import { retrieveWithHistory } from '../../src/answer/retrieve-with-history.ts';
import type { ArticleCorpus, Corpus } from './articles.ts';
import { shareOf } from './figures.ts';

/** How well the search uses the context of a conversation. All values are shares of the questions, in percent. */
export interface FollowUpFigures {
  /** The right passage of the question is among the first eight for a follow-up to it. */
  readonly followUps: number;
  /** The same for the question itself: as the first message, and after a question about another passage. */
  readonly alone: number;
  readonly afterAnother: number;
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
    const other = questions[(index * 37) % questions.length]?.question ?? '';
    const outside = await askAfter(corpus, [question], offTopic[index % offTopic.length] ?? '');
    outcomes.push({
      followUp: hasPassage(await askAfter(corpus, [question], FOLLOW_UPS[index % FOLLOW_UPS.length] ?? '')),
      alone: hasPassage(await askAfter(corpus, [], question)),
      afterAnother: hasPassage(await askAfter(corpus, [other], question)),
      offTopic: bandOf(outside.confidence) !== 'NONE',
    });
  }
  return {
    followUps: shareOf(outcomes, ({ followUp }) => followUp),
    alone: shareOf(outcomes, ({ alone }) => alone),
    afterAnother: shareOf(outcomes, ({ afterAnother }) => afterAnother),
    offTopicAnswered: shareOf(outcomes, ({ offTopic }) => offTopic),
  };
}

/** Retrieves the passages for a question after earlier ones, each of which had a meaningless reply. */
export function askAfter(
  { db, accountId, chatbotId }: Corpus,
  earlier: readonly string[],
  question: string,
  limit = LIMIT,
): Promise<Retrieval> {
  const history = earlier.flatMap((content): Turn[] => [
    { role: 'USER', content },
    { role: 'ASSISTANT', content: 'Submarines are yellow.' },
  ]);
  return retrieveWithHistory(db.read, accountId, chatbotId, question, history, limit);
}
