import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { retrieve } from '../../src/answer/retrieve.ts';
import type { Database } from '../../src/store/database.ts';
import { addArticles, readArticles } from './articles.ts';
import { type DataSet, type Figure, worstOf } from './data-set.ts';
import { gainAt10, rankOf } from './figures.ts';

/** The same articles in several languages, with one file in the format of SQuAD per language, such as `de.json`. */
export const xquad: DataSet = {
  path: 'xquad',
  async measure(path, db) {
    const files = (await readdir(path)).filter((name) => name.endsWith('.json')).toSorted();
    const figures: Figure[] = [];
    for (const file of files) figures.push(await measureLanguage(join(path, file), db));
    return [...figures, { ...worstOf(figures), level: { atLeast: 95 } }];
  },
};

/** Measures the file of one language. */
export async function measureLanguage(path: string, db: Database): Promise<Figure> {
  const { data } = await readArticles(path);
  const { accountId, chatbotId, questions } = await addArticles(db, data);
  const ranks = [];
  for (const { question, passageId } of questions) {
    const { hits } = await retrieve(db.read, accountId, chatbotId, question, 10);
    ranks.push(rankOf(hits, ({ passage }) => passage.id === passageId));
  }
  const measured = `${basename(path, '.json')}: nDCG@10 of the right passage`;
  return { measured, value: gainAt10(ranks), unit: '%', questions: ranks.length };
}
