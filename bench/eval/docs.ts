import { existsSync, globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createExtractiveEngine } from '../../src/answer/extractive.ts';
import { systemClock } from '../../src/domain/time.ts';
import { createSourceReader } from '../../src/sources/source-reader.ts';
import { createSource } from '../../src/sources/sources.ts';
import type { Database } from '../../src/store/database.ts';
import { addChatbot } from '../../test/helpers/corpus.ts';
import { readAnswer } from '../../test/helpers/models/answers.ts';
import type { Corpus } from './articles.ts';
import { type DataSet, type Figure, percent } from './data-set.ts';
import { rankOf, recallAt, shareOf } from './figures.ts';
import { retrieveAfter } from './follow-ups.ts';

/** A question about a project's documentation. */
interface PageQuestion {
  readonly question: string;
  /** The paths of the pages that answer the question; empty if none does. */
  readonly pages: readonly string[];
  /** Regular expressions, all of which a right answer matches. */
  readonly mustContain: readonly string[];
}

/** The content of `questions.json`; `tree` is the name of the folder beside it that contains the pages. */
interface QuestionFile {
  readonly questions: readonly (PageQuestion & { readonly tree: string })[];
  readonly followUps: readonly {
    readonly tree: string;
    readonly first: PageQuestion;
    readonly followUp: PageQuestion;
  }[];
}

/** A chatbot whose sources are the pages of a project's documentation. */
interface PageCorpus extends Corpus {
  /** The page's path, by source id. */
  readonly paths: ReadonlyMap<string, string>;
}

interface Outcome {
  readonly pageRank: number;
  readonly isAnswered: boolean;
  readonly hasFacts: boolean;
}

/** The number of passages retrieved, to find ten different pages among them. */
const LIMIT = 50;

const engine = createExtractiveEngine({ delayMs: 0 });

/** Questions about Markdown documentation: whether the right page and facts are found, and follow-up questions. */
export const docs: DataSet = {
  path: 'docs',
  async measure(path, db) {
    const { questions, followUps }: QuestionFile = JSON.parse(await readFile(join(path, 'questions.json'), 'utf8'));
    const figures = [];
    for (const [tree, treeQuestions] of Map.groupBy(questions, (question) => question.tree)) {
      const pairs = followUps.filter((pair) => pair.tree === tree);
      figures.push(...(await measureTree(db, path, tree, treeQuestions, pairs)));
    }
    return figures;
  },
};

async function measureTree(
  db: Database,
  path: string,
  tree: string,
  questions: QuestionFile['questions'],
  followUps: QuestionFile['followUps'],
): Promise<Figure[]> {
  const folder = join(path, tree);
  if (!existsSync(folder)) return [{ measured: tree, result: 'no data', questions: questions.length }];
  const corpus = await addPages(db, folder);
  const answerable: Outcome[] = [];
  const unanswerable: Outcome[] = [];
  for (const question of questions) {
    const outcomes = question.pages.length > 0 ? answerable : unanswerable;
    outcomes.push(await answerQuestion(corpus, [], question));
  }
  const followUpOutcomes: Outcome[] = [];
  for (const { first, followUp } of followUps) {
    followUpOutcomes.push(await answerQuestion(corpus, [first.question], followUp));
  }
  return listFigures(tree, answerable, unanswerable, followUpOutcomes);
}

async function addPages(db: Database, folder: string): Promise<PageCorpus> {
  const { accountId, chatbotId } = await addChatbot(db);
  const deps = { db, clock: systemClock, sourceReader: createSourceReader() };
  const paths = new Map<string, string>();
  for (const path of globSync('**/*.{md,mdx}', { cwd: folder }).toSorted()) {
    const text = await readFile(join(folder, path), 'utf8');
    if (text.trim() === '') continue;
    const { id } = await createSource(deps, { accountId }, { chatbotId, content: { text } });
    paths.set(id, path);
  }
  return { db, accountId, chatbotId, paths };
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
  };
}

function listFigures(
  tree: string,
  answerable: readonly Outcome[],
  unanswerable: readonly Outcome[],
  followUps: readonly Outcome[],
): Figure[] {
  const row = (measured: string, value: number, { length }: readonly Outcome[]): Figure => ({
    measured: `${tree}: ${measured}`,
    result: percent(value),
    questions: length,
  });
  const [ranks = [], followUpRanks = []] = [answerable, followUps].map((outcomes) =>
    outcomes.map(({ pageRank }) => pageRank),
  );
  return [
    row('right page first', recallAt(1, ranks), answerable),
    row('right page in the first five', recallAt(5, ranks), answerable),
    row('right page in the first ten', recallAt(10, ranks), answerable),
    row('answered', shareOf(answerable, isAnswered), answerable),
    row('all facts in the answer', shareOf(answerable, hasFacts), answerable),
    row('answered although no page has the answer', shareOf(unanswerable, isAnswered), unanswerable),
    row('follow-up: right page first', recallAt(1, followUpRanks), followUps),
    row('follow-up: right page in the first five', recallAt(5, followUpRanks), followUps),
  ];
}

const isAnswered = (outcome: Outcome) => outcome.isAnswered;
const hasFacts = (outcome: Outcome) => outcome.hasFacts;
