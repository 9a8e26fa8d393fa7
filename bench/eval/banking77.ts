import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { retrieve } from '../../src/answer/retrieve.ts';
import { addChatbot, addSource } from '../../test/helpers/corpus.ts';
import { type DataSet, percent } from './data-set.ts';
import { rankOf, recallAt, shareOf } from './figures.ts';

const SOURCES_PER_INTENT = 10;

/** Questions to a bank, each with its intent. Training questions become sources; test questions search for them. */
export const banking77: DataSet = {
  path: 'banking77',
  async measure(path, db) {
    const [train, test] = await Promise.all(['train.csv', 'test.csv'].map((name) => readQuestions(join(path, name))));
    const { accountId, chatbotId } = await addChatbot(db);
    const intents = new Map<string, string>();
    for (const [intent, questions] of Map.groupBy(train ?? [], (question) => question.intent))
      for (const { text } of questions.slice(0, SOURCES_PER_INTENT)) {
        // The answer has no words, so that only the question can match.
        const source = { title: text, type: 'QA', passages: [{ headingPath: [text], text: '–' }] } as const;
        const { sourceId } = await addSource(db, accountId, chatbotId, source);
        intents.set(sourceId, intent);
      }
    const ranks = [];
    for (const { text, intent } of test ?? []) {
      const { hits } = await retrieve(db.read, accountId, chatbotId, text, 10);
      ranks.push(rankOf(hits, ({ passage }) => intents.get(passage.sourceId) === intent));
    }
    const count = { questions: ranks.length };
    return [
      { measured: 'right intent first', result: percent(recallAt(1, ranks)), ...count },
      { measured: 'right intent in the first five', result: percent(recallAt(5, ranks)), ...count },
      { measured: 'right intent not in the first ten', result: percent(shareOf(ranks, (rank) => rank > 10)), ...count },
    ];
  },
};

/** Reads a CSV file with a header and two columns: the text, quoted if necessary, and the intent. */
async function readQuestions(path: string) {
  const csv = await readFile(path, 'utf8');
  const rows = [...csv.matchAll(/^(?:"((?:[^"]|"")*)"|([^",\n]*)),([^,\r\n]+)\r?$/gm)];
  return rows.slice(1).map(([, quoted, plain = '', intent = '']) => ({
    text: quoted?.replaceAll('""', '"') ?? plain,
    intent,
  }));
}
