import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { measureCalibration } from '../../bench/eval/calibration.ts';
import { spreadOver } from '../../bench/eval/data-set.ts';
import {
  areaUnderCurve,
  falseShareAt,
  gainAt10,
  medianOf,
  rankOf,
  recallAt,
  reciprocalRank,
} from '../../bench/eval/figures.ts';
import { findRawMarkup } from '../../bench/eval/raw-markup.ts';
import { type EngineResult, formatResults } from '../../bench/eval/results.ts';
import { MISTAKES, makeTypingMistake } from '../../bench/eval/typing-mistakes.ts';

const SCRIPT = fileURLToPath(new URL('../../bench/eval/run.ts', import.meta.url));
const ARTICLES = fileURLToPath(new URL('../fixtures/articles.json', import.meta.url));

const PARAGRAPH = {
  context: 'Parcels to Norway take two days.',
  qas: [{ question: 'How long do parcels to Norway take?', answers: [{ text: 'two days' }] }],
};

const QUESTION = { tree: 'shop', question: 'When are refunds paid?', pages: ['refunds.md'], mustContain: ['10 days'] };

/** Runs the script on SQLite, and returns the first line of its output and the cells of its table, without the header rows. */
async function runEval(folder: string | undefined, ...args: string[]) {
  const { EVAL_DATA, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, '--engine', 'sqlite', ...args], {
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

const DATA_SETS = ['squad', 'squad-sample', 'xquad', 'inflected', 'banking77', 'docs'];

it('prints "no data" for a missing data set, and for every data set without EVAL_DATA', async () => {
  const missing = DATA_SETS.map((name) => [name, '', '', 'no data', '']);
  expect(await runEval(undefined)).toEqual({ title: 'npm run eval -- --engine sqlite', rows: missing });
  const { title, rows } = await runEval('/nowhere', 'xquad');
  expect({ title, rows }).toEqual({ title: 'npm run eval -- --engine sqlite xquad', rows: missing.slice(2, 3) });
});

it('rejects an unknown data set or engine', async () => {
  await expect(runEval('/nowhere', 'trivia')).rejects.toMatchObject({ code: 2 });
  await expect(runEval('/nowhere', '--engine', 'oracle')).rejects.toMatchObject({ code: 2 });
});

it('measures a data set of articles, with off-topic questions or half of the articles as off topic', {
  timeout: 180_000,
}, async () => {
  const folder = await makeFolder({});
  for (const name of ['squad.json', 'squad-sample.json']) await cp(ARTICLES, join(folder, name));
  const { rows } = await runEval(folder, 'squad-sample', 'squad');
  const labels = rows.map(([name, measured]) => `${name}: ${measured}`);
  expect(new Set(labels).size).toBe(labels.length);
  for (const name of ['squad', 'squad-sample']) {
    const cells = [name, 'right passage first', '≥ 82.0 %', expect.stringMatching(/^\d\d\.\d % [✓✗]$/), '96'];
    expect(rows).toContainEqual(cells);
  }
  const questionsOf = (label: string) => rows[labels.indexOf(label)]?.at(-1);
  expect(questionsOf('squad: all articles: off-topic answered')).toBe('48');
  expect(questionsOf('squad-sample: one article: off-topic answered')).toBe('768');
});

it('measures languages, question-answer entries and documentation, and skips a missing data set', async () => {
  const train = 'text,category\nWhere is my card?,arrival?\n"Who took ""my"" money,\nand why?",theft\n';
  const source = 'Parcels to Norway take two days.';
  const folder = await makeFolder({
    'xquad/en.json': JSON.stringify({ data: [{ title: 'Shop', paragraphs: [PARAGRAPH] }] }),
    'inflected/en.json': JSON.stringify([
      { source, question: 'How long does a parcel to Norway take?', expected: 'TWO days' },
      { source, question: 'How long does a parcel to Norway take?', expected: 'three days' },
      { source, question: 'Who invented the lightbulb?', expected: 'two days' },
    ]),
    'banking77/train.csv': train,
    'banking77/test.csv': 'text,category\nwhere is the card,arrival?\n"money, please",theft\nmy card,theft\n',
    'docs/questions.json': JSON.stringify({ questions: [QUESTION, { ...QUESTION, tree: 'lost' }], followUps: [] }),
    'docs/shop/refunds.md': '# Refunds\n\nRefunds are paid within 10 days of the return.\n',
    'docs/shop/empty.md': '\n',
  });
  const { rows } = await runEval(folder);
  expect(rows[0]).toEqual(['squad', '', '', 'no data', '']);
  expect(rows).toContainEqual(['xquad', 'worst of 1 languages', '≥ 95.0 %', '100.0 % ✓', '1']);
  expect(rows).toContainEqual(['inflected', 'en: found', '', '33.3 %', '3']);
  expect(rows).toContainEqual(['banking77', 'right intent first', '≥ 72.0 %', '66.7 % ✗', '3']);
  expect(rows).toContainEqual(['banking77', 'fallback message', '≤ 8.0 %', '0.0 % ✓', '3']);
  expect(rows).toContainEqual(['docs', 'shop: all facts in the answer', '', '100.0 %', '1']);
  expect(rows).toContainEqual(['docs', 'lost', '', 'no data', '1']);
  expect(rows).toContainEqual(['docs', 'right page first', '≥ 53.6 %', '100.0 % ✓', '1']);
  expect(rows).toContainEqual(['docs', 'raw markup in the answer', '≤ 0.0 %', '0.0 % ✓', '1']);
  expect(rows.at(-2)?.slice(1)).toEqual([
    'fallback message after one typing mistake',
    '≤ 5.0 %',
    expect.anything(),
    '4',
  ]);
  expect(rows.at(-1)).toEqual([
    'docs',
    'search index per MB of text',
    '≤ 4.0 MB',
    expect.stringMatching(/ MB [✓✗]$/),
    '',
  ]);
});

it('prints a column for each engine, with the reason if one was not measured', () => {
  const figure = { measured: 'found', value: 12.34, unit: '%', questions: 5 } as const;
  const engines = new Map<string, EngineResult>([
    ['SQLite', [figure]],
    ['Postgres', 'not reachable'],
  ]);
  expect(formatResults([{ name: 'cards', engines }], ['SQLite', 'Postgres']).split('\n')[2]).toBe(
    '| cards    | found    |       | 12.3 % | not reachable | 5         |',
  );
});

it('makes one typing mistake in a word about the subject, the same in every run', () => {
  const question = 'Where would you return parcels?';
  for (const mistake of MISTAKES) {
    const misspelt = makeTypingMistake(question, mistake) ?? '';
    expect(misspelt).toMatch(/^Where would you \w{5,9} \w{5,9}\?$/);
    expect(misspelt).not.toBe(question);
    expect(makeTypingMistake(question, mistake)).toBe(misspelt);
  }
  const lengths = MISTAKES.map((mistake) => makeTypingMistake(question, mistake)?.length);
  expect(lengths.map((length = 0) => length - question.length)).toEqual([0, 1, 0, -1]);
  expect(makeTypingMistake('Where was it?', 'dropped')).toBeUndefined();
});

it('finds raw markup outside code, and none in the Markdown of a good answer', () => {
  const goodAnswer = [
    'Open **Settings** on [the page](https://example.com/a), then *save*: 1 < 2 and 3 > 2.',
    '- `<Tabs>` is a tag.\n- C# and #1 are words.\n\n```mdx\n# A heading in code\n<Card title="x" />\n```',
  ].join('\n\n');
  expect(findRawMarkup(goodAnswer)).toBeUndefined();
  const found = [
    '---\ntitle: A\n---',
    '<Card title="a">',
    '{{< note >}}',
    '## Setup',
    'See [it](./it.md).',
    '| a | b |',
  ];
  const kinds = ['frontMatter', 'tag', 'shortcode', 'heading', 'relativeLink', 'tableRow'];
  expect(found.map(findRawMarkup)).toEqual(kinds);
});

it('compares the confidence with the share of right answers', () => {
  const judge = (confidence: number, isRight: boolean) => ({ confidence, isRight, isOnTopic: true });
  const figures = measureCalibration([judge(0.75, true), judge(0.75, false), judge(1, true), judge(0.05, false)]);
  expect(figures.map(({ value }) => value && Math.round(value * 100) / 100)).toEqual([
    ...[0, undefined, undefined, undefined, undefined, undefined, undefined, 50, undefined, 100],
    13.75,
  ]);
});

it('computes the standard retrieval measures', () => {
  const ranks = [1, 2, 4, Number.POSITIVE_INFINITY];
  expect([rankOf(['a', 'b'], (item) => item === 'b'), rankOf([], () => true)]).toEqual([2, Number.POSITIVE_INFINITY]);
  expect([recallAt(1, ranks), recallAt(5, ranks), recallAt(1, [])]).toEqual([25, 75, 0]);
  expect(reciprocalRank(ranks)).toBeCloseTo((100 * (1 + 1 / 2 + 1 / 4)) / 4);
  expect(gainAt10(ranks)).toBeCloseTo((100 * (1 + 1 / Math.log2(3) + 1 / Math.log2(5))) / 4);
  expect(areaUnderCurve([0.5, 0.2], [0.2, 0.1])).toBe(0.875);
  expect(medianOf([3, 1, 2])).toBe(2);
  expect(falseShareAt(50, [0.9, 0.8, 0.3, 0.2], [0.85, 0.8, 0.4, 0.1])).toBe(50);
  expect(spreadOver([1, 2, 3, 4, 5, 6], 3)).toEqual([1, 3, 5]);
  expect(spreadOver([1, 2], 3)).toEqual([1, 2]);
});
