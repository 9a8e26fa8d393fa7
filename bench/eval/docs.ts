import { existsSync, globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createExtractiveEngine } from '../../src/answer/extractive.ts';
import type { Database } from '../../src/store/database.ts';
import { readAnswer } from '../../test/helpers/models/answers.ts';
import { readSizes } from '../search/index-size.ts';
import type { Corpus } from './articles.ts';
import type { DataSet, Figure, Level } from './data-set.ts';
import { rankOf, recallAt, shareOf } from './figures.ts';
import { retrieveAfter } from './follow-ups.ts';
import { findRawMarkup } from './raw-markup.ts';
import { createSourceCorpus } from './sources.ts';
import { MISTAKES, makeTypingMistake } from './typing-mistakes.ts';

/** A question about a project's documentation. */
interface PageQuestion {
  readonly question: string;
  /** The paths of the pages that answer the question; empty if none does. */
  readonly pages: readonly string[];
  /** Regular expressions, all of which a right answer matches. */
  readonly mustContain: readonly string[];
}

/** The content of `questions.json`; `tree` is the name of the folder beside it that contains the pages. */
export interface QuestionFile {
  readonly questions: readonly (PageQuestion & { readonly tree: string })[];
  readonly followUps: readonly {
    readonly tree: string;
    readonly first: PageQuestion;
    readonly followUp: PageQuestion;
  }[];
}

/** A chatbot whose sources are the pages of a project's documentation. */
export interface PageCorpus extends Corpus {
  /** The page's path, by source id. */
  readonly paths: ReadonlyMap<string, string>;
}

interface Outcome {
  readonly pageRank: number;
  readonly isAnswered: boolean;
  readonly hasFacts: boolean;
  readonly hasRawMarkup: boolean;
}

/** The outcomes of the questions about one project, or of several together. */
interface Outcomes {
  readonly answerable: readonly Outcome[];
  readonly unanswerable: readonly Outcome[];
  readonly followUps: readonly Outcome[];
  /** The answerable questions, each with one typing mistake of each kind. */
  readonly misspelt: readonly Outcome[];
}

/** The number of passages retrieved, to find ten different pages among them. */
const LIMIT = 50;

const engine = createExtractiveEngine({ delayMs: 0 });

/** Questions about Markdown documentation: whether the right page and facts are found, and follow-up questions. */
export const docs: DataSet = {
  path: 'docs',
  async measure(path, db) {
    const { questions, followUps }: QuestionFile = JSON.parse(await readFile(join(path, 'questions.json'), 'utf8'));
    const figures: Figure[] = [];
    const allOutcomes: Outcomes[] = [];
    for (const [tree, treeQuestions] of Map.groupBy(questions, (question) => question.tree)) {
      const folder = join(path, tree);
      if (!existsSync(folder)) {
        figures.push({ measured: tree, value: undefined, questions: treeQuestions.length });
        continue;
      }
      const pairs = followUps.filter((pair) => pair.tree === tree);
      const outcomes = await askQuestions(await addPages(db, folder), treeQuestions, pairs);
      allOutcomes.push(outcomes);
      figures.push(...listDetails(tree, outcomes));
    }
    return [...figures, ...listLevels(allOutcomes), await measureIndex(db)];
  },
};

async function askQuestions(
  corpus: PageCorpus,
  questions: readonly PageQuestion[],
  followUps: QuestionFile['followUps'],
): Promise<Outcomes> {
  const outcomes = { answerable: [] as Outcome[], unanswerable: [] as Outcome[], misspelt: [] as Outcome[] };
  for (const question of questions) {
    const isAnswerable = question.pages.length > 0;
    outcomes[isAnswerable ? 'answerable' : 'unanswerable'].push(await answerQuestion(corpus, [], question));
    for (const mistake of isAnswerable ? MISTAKES : []) {
      const misspelt = makeTypingMistake(question.question, mistake);
      if (misspelt === undefined) continue;
      outcomes.misspelt.push(await answerQuestion(corpus, [], { ...question, question: misspelt }));
    }
  }
  const followUpOutcomes: Outcome[] = [];
  for (const { first, followUp } of followUps) {
    followUpOutcomes.push(await answerQuestion(corpus, [first.question], followUp));
  }
  return { ...outcomes, followUps: followUpOutcomes };
}

/** Creates a chatbot whose sources are the Markdown pages in a folder. */
export async function addPages(db: Database, folder: string): Promise<PageCorpus> {
  const corpus = await createSourceCorpus(db);
  const paths = new Map<string, string>();
  for (const path of globSync('**/*.{md,mdx}', { cwd: folder }).toSorted()) {
    const text = await readFile(join(folder, path), 'utf8');
    if (text.trim() !== '') paths.set(await corpus.add({ text }), path);
  }
  return { ...corpus, paths };
}

async function answerQuestion(
  corpus: PageCorpus,
  earlier: readonly string[],
  { question, pages, mustContain }: PageQuestion,
): Promise<Outcome> {
  const retrieval = await retrieveAfter(corpus, earlier, question, LIMIT);
  const { text, citations } = await readAnswer(engine, { content: question, retrieval });
  const foundPages = new Set(retrieval.hits.map(({ passage }) => corpus.paths.get(passage.sourceId) ?? ''));
  return {
    pageRank: rankOf([...foundPages], (page) => pages.includes(page)),
    isAnswered: citations.length > 0,
    hasFacts: mustContain.every((pattern) => new RegExp(pattern, 'i').test(text)),
    hasRawMarkup: findRawMarkup(text) !== undefined,
  };
}

function listDetails(tree: string, { answerable, unanswerable, followUps }: Outcomes): Figure[] {
  const row = (measured: string, value: number, { length }: readonly Outcome[]): Figure => ({
    measured: `${tree}: ${measured}`,
    unit: '%',
    value,
    questions: length,
  });
  return [
    row('right page first', recallAt(1, ranksOf(answerable)), answerable),
    row('right page in the first five', recallAt(5, ranksOf(answerable)), answerable),
    row('right page in the first ten', recallAt(10, ranksOf(answerable)), answerable),
    row('answered', shareOf(answerable, isAnswered), answerable),
    row('all facts in the answer', shareOf(answerable, hasFacts), answerable),
    row('answered although no page has the answer', shareOf(unanswerable, isAnswered), unanswerable),
    row('follow-up: right page first', recallAt(1, ranksOf(followUps)), followUps),
    row('follow-up: right page in the first five', recallAt(5, ranksOf(followUps)), followUps),
  ];
}

/** The figures of all projects together. Their levels are set above those of 2026-11-30, before a new retrieval. */
function listLevels(allOutcomes: readonly Outcomes[]): Figure[] {
  const [answerable, unanswerable, misspelt] = (['answerable', 'unanswerable', 'misspelt'] as const).map((kind) =>
    allOutcomes.flatMap((outcomes) => outcomes[kind]),
  ) as [Outcome[], Outcome[], Outcome[]];
  const row = (measured: string, value: number, { length }: readonly Outcome[], level: Level): Figure => ({
    ...{ measured, value, level },
    unit: '%',
    questions: length,
  });
  const answers = [...answerable, ...unanswerable].filter(isAnswered);
  return [
    row('right page first', recallAt(1, ranksOf(answerable)), answerable, { atLeast: 53.6 }),
    row('right page in the first five', recallAt(5, ranksOf(answerable)), answerable, { atLeast: 73.6 }),
    row('all facts in the answer', shareOf(answerable, hasFacts), answerable, { atLeast: 26.8 }),
    row('refused, where no page has the answer', shareOf(unanswerable, isRefused), unanswerable, { atLeast: 83.3 }),
    row('raw markup in the answer', shareOf(answers, hasRawMarkup), answers, { atMost: 0 }),
    row('fallback message', shareOf(answerable, isRefused), answerable, { atMost: 5 }),
    row('fallback message after one typing mistake', shareOf(misspelt, isRefused), misspelt, { atMost: 5 }),
  ];
}

/** The size of the index against that of the text. It depends on the engine, the language and the lengths of the pages. */
async function measureIndex(db: Database): Promise<Figure> {
  const { indexBytes, textBytes } = await readSizes(db);
  const value = textBytes > 0 ? indexBytes / textBytes : undefined;
  return { measured: 'search index per MB of text', value, unit: 'MB', questions: 0, level: { atMost: 4 } };
}

const ranksOf = (outcomes: readonly Outcome[]) => outcomes.map(({ pageRank }) => pageRank);
const isAnswered = (outcome: Outcome) => outcome.isAnswered;
const isRefused = (outcome: Outcome) => !outcome.isAnswered;
const hasFacts = (outcome: Outcome) => outcome.hasFacts;
const hasRawMarkup = (outcome: Outcome) => outcome.hasRawMarkup;
