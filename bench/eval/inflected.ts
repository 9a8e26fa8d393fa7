import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createExtractiveEngine } from '../../src/answer/extractive.ts';
import { retrieve } from '../../src/answer/retrieve.ts';
import { readAnswer } from '../../test/helpers/models/answers.ts';
import type { Corpus } from './articles.ts';
import { type DataSet, type Figure, worstOf } from './data-set.ts';
import { shareOf } from './figures.ts';
import { createSourceCorpus } from './sources.ts';

/** A question whose words have other forms than in the source that answers it. */
interface InflectedQuestion {
  readonly source: string;
  readonly question: string;
  /** A part of the source that answers the question. */
  readonly expected: string;
}

/** The number of passages among which the expected text counts as found. */
const MAX_PASSAGES = 3;

const engine = createExtractiveEngine({ delayMs: 0 });

/**
 * Questions in other inflections than their sources, with one file per language, such as `ko.json`. The sources of a
 * language are those of one chatbot. A question is found if the built-in engine answers it with a citation, and the
 * answer or one of the first three passages contains the expected text; case and Unicode form do not count.
 */
export const inflected: DataSet = {
  path: 'inflected',
  async measure(path, db) {
    const figures: Figure[] = [];
    const files = (await readdir(path)).filter((name) => name.endsWith('.json')).toSorted();
    for (const file of files) {
      const questions: InflectedQuestion[] = JSON.parse(await readFile(join(path, file), 'utf8'));
      const corpus = await createSourceCorpus(db);
      for (const text of new Set(questions.map(({ source }) => source))) await corpus.add({ text });
      const outcomes = [];
      for (const question of questions) outcomes.push(await isFound(corpus, question));
      figures.push({
        measured: `${basename(file, '.json')}: found`,
        value: shareOf(outcomes, (found) => found),
        unit: '%',
        questions: questions.length,
      });
    }
    return [...figures, { ...worstOf(figures), level: { atLeast: 90 } }];
  },
};

async function isFound(
  { db, accountId, chatbotId }: Corpus,
  { question, expected }: InflectedQuestion,
): Promise<boolean> {
  const retrieval = await retrieve(db.read, accountId, chatbotId, question, 10);
  const { text, citations } = await readAnswer(engine, { content: question, retrieval });
  const texts = [text, ...retrieval.hits.slice(0, MAX_PASSAGES).map(({ passage }) => passage.text)];
  return citations.length > 0 && texts.some((found) => foldText(found).includes(foldText(expected)));
}

const foldText = (text: string) => text.normalize('NFC').toLowerCase();
