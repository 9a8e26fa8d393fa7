import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { retrieve } from '../../src/answer/retrieve.ts';
import { addArticles, readArticles } from './articles.ts';
import { type DataSet, percent } from './data-set.ts';
import { gainAt10, rankOf, recallAt } from './figures.ts';

/** The same articles in several languages, with one file in the format of SQuAD per language, such as `de.json`. */
export const xquad: DataSet = {
  path: 'xquad',
  async measure(path, db) {
    const figures = [];
    const files = (await readdir(path)).filter((name) => name.endsWith('.json')).toSorted();
    for (const file of files) {
      const { data } = await readArticles(join(path, file));
      const { accountId, chatbotId, questions } = await addArticles(db, data);
      const ranks = [];
      for (const { question, passageId } of questions) {
        const { hits } = await retrieve(db.read, accountId, chatbotId, question, 10);
        ranks.push(rankOf(hits, ({ passage }) => passage.id === passageId));
      }
      const language = basename(file, '.json');
      const count = { questions: questions.length };
      figures.push(
        { measured: `${language}: nDCG@10 of the right passage`, result: percent(gainAt10(ranks)), ...count },
        { measured: `${language}: right passage first`, result: percent(recallAt(1, ranks)), ...count },
      );
    }
    return figures;
  },
};
