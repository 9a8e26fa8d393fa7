import { readFileSync } from 'node:fs';
import type { Database } from '../../src/store/database.ts';
import { addChatbot, addSource } from './corpus.ts';

interface Sample {
  offTopic: string[];
  data: Article[];
}

interface Article {
  title: string;
  paragraphs: { context: string; qas: { question: string; answers: string[] }[] }[];
}

/** A question with the passage that answers it, and the words that do. */
export interface AnsweredQuestion {
  readonly question: string;
  readonly passageId: string;
  readonly answers: readonly string[];
}

const sample: Sample = JSON.parse(readFileSync(new URL('../fixtures/squad-sample.json', import.meta.url), 'utf8'));

/** The articles of the sample, and questions that none of them answers. */
export const { data: articles, offTopic } = sample;

/** Makes a chatbot of some articles, each a source whose passages are its paragraphs. */
export async function addArticles(db: Database, chosen: readonly Article[]) {
  const chatbot = await addChatbot(db);
  const questions: AnsweredQuestion[] = [];
  for (const { title, paragraphs } of chosen) {
    const { passages } = await addSource(db, chatbot.accountId, chatbot.chatbotId, {
      title,
      passages: paragraphs.map(({ context }) => ({ text: context })),
    });
    for (const [index, passage] of passages.entries())
      for (const { question, answers } of paragraphs[index]?.qas ?? [])
        questions.push({ question, answers, passageId: passage.id });
  }
  return { ...chatbot, questions };
}
