import { readFile } from 'node:fs/promises';
import type { Database } from '../../src/store/database.ts';
import { addChatbot, addSource } from '../../test/helpers/corpus.ts';

/** A text in paragraphs, with the questions that each paragraph answers. */
export interface Article {
  readonly title: string;
  readonly paragraphs: readonly {
    readonly context: string;
    /** Each answer is a part of the paragraph, as a string. SQuAD's own files wrap the string in an object. */
    readonly qas: readonly { readonly question: string; readonly answers: readonly (string | { text: string })[] }[];
  }[];
}

/** Articles, and questions that none of them answers. */
export interface ArticleSet {
  readonly data: readonly Article[];
  /** Absent in SQuAD's own files. */
  readonly offTopic?: readonly string[];
}

/** A question with the passage that answers it, and the words in the passage that are right answers. */
export interface AnsweredQuestion {
  readonly question: string;
  readonly passageId: string;
  readonly answers: readonly string[];
}

/** A chatbot whose passages are searched. */
export interface Corpus {
  readonly db: Database;
  readonly accountId: string;
  readonly chatbotId: string;
}

/** A chatbot whose sources are articles. */
export interface ArticleCorpus extends Corpus {
  readonly questions: readonly AnsweredQuestion[];
}

/** Reads a file in the format of SQuAD 1.1. Rejects with `ENOENT` if the file does not exist. */
export async function readArticles(path: string | URL): Promise<ArticleSet> {
  return JSON.parse(await readFile(path, 'utf8'));
}

/** Creates a chatbot from articles: each article is a source, and its paragraphs are the passages. */
export async function addArticles(db: Database, articles: readonly Article[]): Promise<ArticleCorpus> {
  const chatbot = await addChatbot(db);
  const questions: AnsweredQuestion[] = [];
  for (const { title, paragraphs } of articles) {
    const { passages } = await addSource(db, chatbot.accountId, chatbot.chatbotId, {
      title,
      passages: paragraphs.map(({ context }) => ({ text: context })),
    });
    for (const [index, { id: passageId }] of passages.entries())
      for (const { question, answers } of paragraphs[index]?.qas ?? [])
        questions.push({ question, passageId, answers: answers.map(answerText) });
  }
  return { db, ...chatbot, questions };
}

/** Creates a separate chatbot from each article. */
export async function addEachArticle(db: Database, articles: readonly Article[]): Promise<ArticleCorpus[]> {
  const corpora = [];
  for (const article of articles) corpora.push(await addArticles(db, [article]));
  return corpora;
}

/** Returns the text of an answer, which is a string or an object. */
export const answerText = (answer: string | { text: string }): string =>
  typeof answer === 'string' ? answer : answer.text;
