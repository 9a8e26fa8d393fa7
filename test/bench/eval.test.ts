import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { areaUnderCurve, gainAt10, rankOf, recallAt, reciprocalRank } from '../../bench/eval/figures.ts';

const SCRIPT = fileURLToPath(new URL('../../bench/eval/run.ts', import.meta.url));
const ARTICLES = fileURLToPath(new URL('../fixtures/articles.json', import.meta.url));

const PARAGRAPH = {
  context: 'Parcels to Norway take two days.',
  qas: [{ question: 'How long do parcels to Norway take?', answers: [{ text: 'two days' }] }],
};

const QUESTION = { tree: 'shop', question: 'When are refunds paid?', pages: ['refunds.md'], mustContain: ['10 days'] };

/** Runs the script, and returns the first line of its output and the cells of its table, without the header rows. */
async function runEval(folder: string | undefined, ...args: string[]) {
  const { EVAL_DATA, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, ...args], {
    env: folder === undefined ? env : { ...env, EVAL_DATA: folder },
  });
  const rows = stdout.split('\n').filter((line) => line.startsWith('|'));
  const cellsOf = (row: string) => row.split('|').slice(1, -1);
  return { title: stdout.split('\n')[0], rows: rows.slice(2).map((row) => cellsOf(row).map((cell) => cell.trim())) };
}

/** Creates a folder with files, whose paths may contain folders. */
async function makeFolder(files: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'chatgraph-eval-data-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

it('prints "no data" for a missing data set, and for every data set without EVAL_DATA', async () => {
  const missing = ['squad-sample', 'xquad', 'banking77', 'docs'].map((name) => [name, '', 'no data', '']);
  expect(await runEval(undefined)).toEqual({ title: 'npm run eval', rows: missing });
  expect(await runEval('/nowhere', 'xquad')).toEqual({ title: 'npm run eval -- xquad', rows: missing.slice(1, 2) });
});

it('rejects an unknown data set', async () => {
  await expect(runEval('/nowhere', 'trivia')).rejects.toMatchObject({ code: 2 });
});

it('measures a data set of articles and off-topic questions', async () => {
  const folder = await makeFolder({});
  await cp(ARTICLES, join(folder, 'squad-sample.json'));
  const { rows } = await runEval(folder, 'squad-sample');
  expect(rows.every(([name]) => name === 'squad-sample')).toBe(true);
  expect(rows).toContainEqual(['squad-sample', 'right passage first', '87.5 %', '96']);
  expect(rows).toContainEqual(['squad-sample', 'one article: off-topic sure', '0.0 %', '768']);
});

it('measures languages, question-answer entries and documentation, and skips a missing data set', async () => {
  const train = 'text,category\nWhere is my card?,arrival?\n"Who took ""my"" money,\nand why?",theft\n';
  const folder = await makeFolder({
    'xquad/en.json': JSON.stringify({ data: [{ title: 'Shop', paragraphs: [PARAGRAPH] }] }),
    'banking77/train.csv': train,
    'banking77/test.csv': 'text,category\nwhere is the card,arrival?\n"money, please",theft\nmy card,theft\n',
    'docs/questions.json': JSON.stringify({ questions: [QUESTION, { ...QUESTION, tree: 'lost' }], followUps: [] }),
    'docs/shop/refunds.md': '# Refunds\n\nRefunds are paid within 10 days of the return.\n',
    'docs/shop/empty.md': '\n',
  });
  const { rows } = await runEval(folder);
  expect(rows[0]).toEqual(['squad-sample', '', 'no data', '']);
  expect(rows).toContainEqual(['xquad', 'en: right passage first', '100.0 %', '1']);
  expect(rows).toContainEqual(['banking77', 'right intent first', '66.7 %', '3']);
  expect(rows).toContainEqual(['docs', 'shop: right page first', '100.0 %', '1']);
  expect(rows).toContainEqual(['docs', 'shop: all facts in the answer', '100.0 %', '1']);
  expect(rows.at(-1)).toEqual(['docs', 'lost', 'no data', '1']);
});

it('computes the standard retrieval measures', () => {
  const ranks = [1, 2, 4, Number.POSITIVE_INFINITY];
  expect([rankOf(['a', 'b'], (item) => item === 'b'), rankOf([], () => true)]).toEqual([2, Number.POSITIVE_INFINITY]);
  expect([recallAt(1, ranks), recallAt(5, ranks), recallAt(1, [])]).toEqual([25, 75, 0]);
  expect(reciprocalRank(ranks)).toBeCloseTo((100 * (1 + 1 / 2 + 1 / 4)) / 4);
  expect(gainAt10(ranks)).toBeCloseTo((100 * (1 + 1 / Math.log2(3) + 1 / Math.log2(5))) / 4);
  expect(areaUnderCurve([0.5, 0.2], [0.2, 0.1])).toBe(0.875);
});
