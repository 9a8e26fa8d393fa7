import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { retrieve } from '../../src/answer/retrieve.ts';
import { addArticles, readArticles } from './articles.ts';
import { type DataSet, type Figure, worstOf } from './data-set.ts';
import { gainAt10, rankOf } from './figures.ts';

/** The same articles in several languages, with one file in the format of SQuAD per language, such as `de.json`. */
export const xquad: DataSet = {
  path: 'xquad',
  async measure(path, db) {
    const figures: Figure[] = [];
    const files = (await readdir(path)).filter((name) => name.endsWith('.json')).toSorted();
    for (const file of files) {
      const { data } = await readArticles(join(path, file));
      const { accountId, chatbotId, questions } = await addArticles(db, data);
      const ranks = [];
      for (const { question, passageId } of questions) {
        const { hits } = await retrieve(db.read, accountId, chatbotId, question, 10);
        ranks.push(rankOf(hits, ({ passage }) => passage.id === passageId));
      }
      const measured = `${basename(file, '.json')}: nDCG@10 of the right passage`;
      figures.push({ measured, value: gainAt10(ranks), unit: '%', questions: ranks.length });
    }
    return [...figures, { ...worstOf(figures), level: { atLeast: 95 } }];
  },
};
