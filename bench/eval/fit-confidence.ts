/**
 * Finds the weights in `src/answer/ranking/confidence-weights.ts`, and writes that file: `EVAL_DATA=<folder> node
 * bench/eval/fit-confidence.ts`. Run it after `fit-ranking.ts`, which names the data and its licences. A question counts
 * as answered if a right passage, page or entry is among the first three; a question about other articles never is.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findWeighted, rankFound } from '../../src/answer/retrieve.ts';
import type { Database } from '../../src/store/database.ts';
import { type Article, addArticles, type Corpus, readArticles } from './articles.ts';
import { ENTRIES_PER_INTENT, readQuestions } from './banking77.ts';
import { addPages, type QuestionFile } from './docs.ts';
import { sqlite } from './engines.ts';
import { dot, fitLogistic, type Observation } from './logit.ts';
import { createSourceCorpus } from './sources.ts';

const FEATURES = [
  'score',
  'entry',
  'words',
  'coverage',
  'unknown',
  'agreement',
  'evidence',
  'length',
  'lead',
  'shortness',
  'corpus',
] as const;
const FIRST = 3;
const LIMIT = 8;
const FOLDS = 5;
/** Measured with 1, 4 and 10: the other groups hardly change, and documentation is best separated with 4. */
const PAGES_WEIGHT = 4;

/** The questions of a group count together as much as those of any other group. */
type Grouped = Observation & { readonly group: string };

const folder = process.env.EVAL_DATA ?? '';
const observations: Grouped[] = [];
await sqlite.withDatabase(async (db) => {
  await observeArticles(db);
  await observePages(db);
  await observeEntries(db);
  await observeSentences(db);
});
const weighted = balance(observations);
const length = FEATURES.length + 1;
const weights = fitLogistic(weighted, length);
report();
const format = (value = 0) => value.toFixed(3);
await writeFile(
  new URL('../../src/answer/ranking/confidence-weights.ts', import.meta.url),
  `// Written by bench/eval/fit-confidence.ts: do not edit.
import type { ConfidenceFeatures } from './confidence-features.ts';

/** The logit of the confidence if all features are 0. */
export const CONFIDENCE_INTERCEPT = ${format(weights[0])};

/** What a feature adds to the logit of the confidence, times its value. */
export const CONFIDENCE_WEIGHTS: ConfidenceFeatures = {
${FEATURES.map((name, index) => `  ${name}: ${format(weights[index + 1])},`).join('\n')}
};
`,
);

async function observeArticles(db: Database): Promise<void> {
  const { data, offTopic = [] } = await readArticles(join(folder, 'squad-sample.json'));
  await observeCorpus(db, 'squad', data, offTopic);
  for (const article of data) await observeCorpus(db, 'one article', [article], every(offTopic, 5));
  for (const { title, paragraphs } of data)
    for (const paragraph of every(paragraphs, 8))
      await observeCorpus(db, 'one paragraph', [{ title, paragraphs: [paragraph] }], every(offTopic, 20));
  for (const file of (await readdir(join(folder, 'xquad'))).filter((name) => name.endsWith('.json')).toSorted()) {
    const articles = (await readArticles(join(folder, 'xquad', file))).data;
    const others = articles.filter((_, index) => index % 2 === 1);
    const otherQuestions = others.flatMap(({ paragraphs }) => paragraphs.flatMap(({ qas }) => qas));
    const known = articles.filter((_, index) => index % 2 === 0);
    await observeCorpus(
      db,
      'xquad',
      known,
      every(otherQuestions, 3).map(({ question }) => question),
      3,
    );
  }
}

async function observeCorpus(
  db: Database,
  group: string,
  articles: readonly Article[],
  offTopic: readonly string[],
  step = 1,
): Promise<void> {
  const corpus = await addArticles(db, articles);
  for (const { question, passageId } of every(corpus.questions, step))
    await observe(corpus, `${group}, on topic`, question, ({ id }) => id === passageId);
  for (const question of offTopic) await observe(corpus, `${group}, off-topic`, question, () => false);
}

async function observePages(db: Database): Promise<void> {
  const { questions }: QuestionFile = JSON.parse(await readFile(join(folder, 'docs/questions.json'), 'utf8'));
  const { offTopic = [] } = await readArticles(join(folder, 'squad-sample.json'));
  for (const [tree, treeQuestions] of Map.groupBy(questions, (question) => question.tree)) {
    const corpus = await addPages(db, join(folder, 'docs', tree));
    for (const { question, pages } of treeQuestions) {
      const group = pages.length > 0 ? 'pages, on topic' : 'pages, off-topic';
      await observe(corpus, group, question, ({ sourceId }) => pages.includes(corpus.paths.get(sourceId) ?? ''));
    }
    for (const question of every(offTopic, 2)) await observe(corpus, 'pages, off-topic', question, () => false);
  }
}

async function observeEntries(db: Database): Promise<void> {
  const questions = await readQuestions(join(folder, 'banking77/train.csv'));
  const { offTopic = [] } = await readArticles(join(folder, 'squad-sample.json'));
  const corpus = await createSourceCorpus(db);
  const intents = new Map<string, string>();
  const asked: typeof questions = [];
  for (const [intent, ofIntent] of Map.groupBy(questions, (question) => question.intent)) {
    for (const { text } of ofIntent.slice(0, ENTRIES_PER_INTENT))
      intents.set(await corpus.add({ qa: { question: text, answer: '–' } }), intent);
    asked.push(...ofIntent.slice(ENTRIES_PER_INTENT, ENTRIES_PER_INTENT + 8));
  }
  for (const { text, intent } of asked)
    await observe(corpus, 'entries, on topic', text, ({ sourceId }) => intents.get(sourceId) === intent);
  for (const question of offTopic) await observe(corpus, 'entries, off-topic', question, () => false);
  for (const { text, intent } of every(asked, 30)) {
    const single = await createSourceCorpus(db);
    await single.add({ qa: { question: text, answer: 'Yes.' } });
    const same = asked.find((other) => other.intent === intent && other.text !== text);
    if (same) await observe(single, 'one entry, on topic', same.text, () => true);
    for (const question of every(offTopic, 20)) await observe(single, 'one entry, off-topic', question, () => false);
  }
}

/** Sources of one sentence in eight languages, and questions in other inflections; half of them are not in the sources. */
async function observeSentences(db: Database): Promise<void> {
  const fixtures = new URL('../../test/fixtures/inflected/', import.meta.url);
  for (const file of (await readdir(fixtures)).toSorted()) {
    const pairs: { source: string; question: string }[] = JSON.parse(await readFile(new URL(file, fixtures), 'utf8'));
    for (const parity of [0, 1]) {
      const corpus = await createSourceCorpus(db);
      const ids = new Map<string, string>();
      for (const [index, { source, question }] of pairs.entries())
        if (index % 2 === parity) ids.set(question, await corpus.add({ text: source }));
      for (const { question } of pairs) {
        const group = ids.has(question) ? 'sentences, on topic' : 'sentences, off-topic';
        await observe(corpus, group, question, ({ sourceId }) => sourceId === ids.get(question));
      }
    }
  }
}

async function observe(
  { db, accountId, chatbotId }: Corpus,
  group: string,
  question: string,
  isRight: (passage: { id: string; sourceId: string }) => boolean,
): Promise<void> {
  const { ranked, features } = rankFound(await findWeighted(db.read, accountId, chatbotId, question, LIMIT));
  if (features === undefined) return;
  const isTrue = ranked.slice(0, FIRST).some(({ passage }) => isRight(passage));
  observations.push({ group, isTrue, weight: 1, features: [1, ...FEATURES.map((name) => features[name])] });
}

/** Gives small groups a larger share than their size, and documentation more: most chatbots answer from it. */
function balance(all: readonly Grouped[]): Grouped[] {
  const sizes = new Map<string, number>();
  for (const { group } of all) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  return all.map((one) => ({
    ...one,
    weight: (one.group.startsWith('pages') ? PAGES_WEIGHT : 1) / Math.sqrt(sizes.get(one.group) ?? 1),
  }));
}

/** Prints, by cross-validation, the mean confidence, the share of right answers, and the shares of both bands. */
function report(): void {
  const folds = Array.from({ length: FOLDS }, (_, fold) =>
    fitLogistic(
      weighted.filter((_, index) => index % FOLDS !== fold),
      length,
    ),
  );
  const predicted = weighted.map(
    ({ features }, index) => 1 / (1 + Math.exp(-dot(features, folds[index % FOLDS] ?? []))),
  );
  for (const [group, members] of Map.groupBy(
    weighted.map((one, index) => ({ ...one, p: predicted[index] ?? 0 })),
    (one) => one.group,
  )) {
    const share = (test: (one: (typeof members)[number]) => boolean) =>
      (members.filter(test).length / members.length).toFixed(3);
    const mean = (members.reduce((sum, { p }) => sum + p, 0) / members.length).toFixed(3);
    const bands = [0.1, 0.15, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8]
      .map((min) => `${min}: ${share(({ p }) => p >= min)}`)
      .join('  ');
    console.log(`${group} (${members.length})  right ${share(({ isTrue }) => isTrue)}  mean ${mean}  above ${bands}`);
  }
}

function every<T>(items: readonly T[], step: number): T[] {
  return items.filter((_, index) => index % step === 0);
}
