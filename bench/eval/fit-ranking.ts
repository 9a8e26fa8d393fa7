/**
 * Finds the weights in `src/answer/ranking/ranking-weights.ts`, and writes that file: `EVAL_DATA=<folder> node
 * bench/eval/fit-ranking.ts`. The result depends only on the data and on the rules by which texts become terms, so run
 * it again after a change of those rules.
 *
 * Data: SQuAD 1.1 (Rajpurkar, Zhang, Lopyrev and Liang, 2016; © its authors and the Wikipedia contributors, CC BY-SA
 * 4.0), XQuAD (Artetxe, Ruder and Yogatama, 2020; CC BY-SA 4.0), banking77 (Casanueva et al., 2020; CC BY 4.0), and
 * questions about the documentation of dokku and Chatwoot. The data is not part of the repository.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createEntryReader, type EntryFeatures } from '../../src/answer/ranking/entry-features.ts';
import { isInEnglish, type PassageFeatures, readPassageFeatures } from '../../src/answer/ranking/passage-features.ts';
import { questionOf } from '../../src/answer/ranking/rank-passages.ts';
import { findWeighted } from '../../src/answer/retrieve.ts';
import type { Database } from '../../src/store/database.ts';
import { type Article, addArticles, type Corpus, readArticles } from './articles.ts';
import { ENTRIES_PER_INTENT, readQuestions } from './banking77.ts';
import { addPages, type QuestionFile } from './docs.ts';
import { sqlite } from './engines.ts';
import { type Choice, fitChoices } from './logit.ts';
import { createSourceCorpus } from './sources.ts';

const CANDIDATES = 50;

/** The weight of one question: there are few about documentation. */
const DOCUMENTATION_WEIGHT = 5;

/** Of each intent, the questions after those that are entries; the questions for tests are not used. */
const BANK_QUESTIONS = 40;

const PASSAGE_FEATURES = [
  'words',
  'nearness',
  'headings',
  'spelling',
  'whole',
  'stopWords',
  'sequence',
  'page',
] as const;
const ENTRY_FEATURES = ['coverage', 'likeness', 'letters'] as const;

const folder = process.env.EVAL_DATA ?? '';
const { passages, entries } = await sqlite.withDatabase(async (db) => ({
  passages: Object.groupBy(await collectPassageChoices(db), ({ language }) => language),
  entries: await collectEntryChoices(db),
}));
await writeFile(
  new URL('../../src/answer/ranking/ranking-weights.ts', import.meta.url),
  `// Written by bench/eval/fit-ranking.ts: do not edit.
import type { EntryFeatures } from './entry-features.ts';
import type { PassageFeatures } from './passage-features.ts';

/** The weights of the features of an English passage; their sum is 1. */
export const ENGLISH_WEIGHTS: PassageFeatures = ${format(PASSAGE_FEATURES, passages.english)};

/** The weights of the features of a passage in another language; their sum is 1. */
export const PASSAGE_WEIGHTS: PassageFeatures = ${format(PASSAGE_FEATURES, passages.other)};

/** The weights of the features of a question-answer entry; their sum is 1. */
export const ENTRY_WEIGHTS: EntryFeatures = ${format(ENTRY_FEATURES, entries)};
`,
);

/** A choice of a passage, by the weights that it is for. */
type PassageChoice = Choice & { readonly language: 'english' | 'other' };

async function collectPassageChoices(db: Database): Promise<PassageChoice[]> {
  const choices: PassageChoice[] = [];
  const addArticleChoices = async (articles: readonly Article[]) => {
    const corpus = await addArticles(db, articles);
    for (const { question, passageId } of corpus.questions)
      choices.push(await toPassageChoice(corpus, question, 1, ({ id }) => id === passageId));
  };
  await addArticleChoices((await readArticles(join(folder, 'squad-sample.json'))).data);
  for (const file of (await readdir(join(folder, 'xquad'))).filter((name) => name.endsWith('.json')).toSorted())
    await addArticleChoices((await readArticles(join(folder, 'xquad', file))).data);
  const { questions }: QuestionFile = JSON.parse(await readFile(join(folder, 'docs/questions.json'), 'utf8'));
  for (const [tree, treeQuestions] of Map.groupBy(questions, (question) => question.tree)) {
    const corpus = await addPages(db, join(folder, 'docs', tree));
    for (const { question, pages } of treeQuestions) {
      const isRight = ({ sourceId }: { sourceId: string }) => pages.includes(corpus.paths.get(sourceId) ?? '');
      choices.push(await toPassageChoice(corpus, question, DOCUMENTATION_WEIGHT, isRight));
    }
  }
  return choices;
}

async function toPassageChoice(
  corpus: Corpus,
  question: string,
  weight: number,
  isRight: (passage: { id: string; sourceId: string }) => boolean,
): Promise<PassageChoice> {
  const found = await search(corpus, question);
  const { candidates, averageLength } = found;
  const features = readPassageFeatures(found, candidates, averageLength);
  return {
    items: features.map((feature) => PASSAGE_FEATURES.map((name) => feature[name])),
    isRight: candidates.map(({ passage }) => isRight(passage)),
    weight,
    language: isInEnglish(found, candidates) ? 'english' : 'other',
  };
}

async function collectEntryChoices(db: Database): Promise<Choice[]> {
  const questions = await readQuestions(join(folder, 'banking77/train.csv'));
  const corpus = await createSourceCorpus(db);
  const intents = new Map<string, string>();
  const asked: typeof questions = [];
  for (const [intent, ofIntent] of Map.groupBy(questions, (question) => question.intent)) {
    for (const { text } of ofIntent.slice(0, ENTRIES_PER_INTENT))
      intents.set(await corpus.add({ qa: { question: text, answer: '–' } }), intent);
    asked.push(...ofIntent.slice(ENTRIES_PER_INTENT, ENTRIES_PER_INTENT + BANK_QUESTIONS));
  }
  const choices: Choice[] = [];
  for (const { text, intent } of asked) {
    const found = await search(corpus, text);
    const { candidates } = found;
    const readEntry = createEntryReader(found);
    const features = candidates.map((candidate) => readEntry(questionOf(candidate)));
    choices.push({
      items: features.map((feature) => ENTRY_FEATURES.map((name) => feature[name])),
      isRight: candidates.map(({ passage }) => intents.get(passage.sourceId) === intent),
      weight: 1,
    });
  }
  return choices;
}

function search({ db, accountId, chatbotId }: Corpus, question: string) {
  return findWeighted(db.read, accountId, chatbotId, question, CANDIDATES);
}

/** Formats the weights of choices as an object, with two decimals and a sum of 1. */
function format(
  names: readonly (keyof PassageFeatures | keyof EntryFeatures)[],
  choices: readonly Choice[] = [],
): string {
  const weights = fitChoices(choices, names.length).map((weight) => Math.max(0, weight));
  const sum = weights.reduce((a, b) => a + b, 0);
  const lines = names.map((name, index) => `  ${name}: ${((weights[index] ?? 0) / sum).toFixed(3)},`);
  return `{\n${lines.join('\n')}\n}`;
}
