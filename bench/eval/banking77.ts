import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toConfidenceBand } from '../../src/answer/confidence.ts';
import { retrieve } from '../../src/answer/retrieve.ts';
import type { DataSet } from './data-set.ts';
import { rankOf, recallAt, shareOf } from './figures.ts';
import { createSourceCorpus } from './sources.ts';

/** How many of an intent's questions are entries. */
export const ENTRIES_PER_INTENT = 10;

/** Questions to a bank, each with its intent. Training questions become sources; test questions search for them. */
export const banking77: DataSet = {
  path: 'banking77',
  async measure(path, db) {
    const [train, test] = await Promise.all(['train.csv', 'test.csv'].map((name) => readQuestions(join(path, name))));
    const corpus = await createSourceCorpus(db);
    const intents = new Map<string, string>();
    for (const [intent, questions] of Map.groupBy(train ?? [], (question) => question.intent))
      for (const { text } of questions.slice(0, ENTRIES_PER_INTENT)) {
        // The answer has no words, so that only the question can match.
        intents.set(await corpus.add({ qa: { question: text, answer: '–' } }), intent);
      }
    const outcomes = [];
    for (const { text, intent } of test ?? []) {
      const { hits, confidence } = await retrieve(db.read, corpus.accountId, corpus.chatbotId, text, 10);
      const rank = rankOf(hits, ({ passage }) => intents.get(passage.sourceId) === intent);
      outcomes.push({ rank, isFallback: toConfidenceBand(confidence) === 'NONE' });
    }
    const ranks = outcomes.map(({ rank }) => rank);
    const fallback = shareOf(outcomes, ({ isFallback }) => isFallback);
    const common = { unit: '%', questions: ranks.length } as const;
    return [
      { measured: 'right intent first', value: recallAt(1, ranks), level: { atLeast: 72 }, ...common },
      { measured: 'right intent in the first five', value: recallAt(5, ranks), ...common },
      { measured: 'right intent not in the first ten', value: shareOf(ranks, (rank) => rank > 10), ...common },
      { measured: 'fallback message', value: fallback, level: { atMost: 8 }, ...common },
    ];
  },
};

/** Reads a CSV file with a header and two columns: the text, quoted if necessary, and the intent. */
export async function readQuestions(path: string) {
  const csv = await readFile(path, 'utf8');
  const rows = [...csv.matchAll(/^(?:"((?:[^"]|"")*)"|([^",\n]*)),([^,\r\n]+)\r?$/gm)];
  return rows.slice(1).map(([, quoted, plain = '', intent = '']) => ({
    text: quoted?.replaceAll('""', '"') ?? plain,
    intent,
  }));
}
