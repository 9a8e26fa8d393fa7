import { describe, expect, it } from 'vitest';
import { toIndexTerms } from '../../src/domain/language/terms.ts';
import { readSource } from '../../src/sources/read-source.ts';

const read = (text: string, title?: string) => readSource({ title, content: { text } });
const textsOf = (text: string) => read(text).passages.map((passage) => passage.text);

describe('the title of a source', () => {
  it.each([
    ['front matter', '---\ntitle: Our *hours*\n---\n# Other\n\nText', 'Our hours'],
    ['the head of a page', '<html><head><title>Our hours</title></head><body>Text</body></html>', 'Our hours'],
    ['a heading', '# Our [hours](/x) `now` {#a}\n\nText', 'Our hours now'],
    ['a list', '- **Our** hours\n- more', 'Our hours'],
    ['columns', 'Loaf,Price\nRye,4\nSpelt,5', 'Loaf, Price'],
    ['a tab', '<Tab title="Our hours">\nText\n</Tab>', 'Our hours'],
  ])('comes from %s if none is given', (_where, text, title) => {
    expect(read(text).title).toBe(title);
  });

  it('is the given one, and the title of the text becomes a heading', () => {
    const text = '---\ntitle: Hours\n---\nNine to five.\n\n# Hours\n\nEvery day.';
    const { title, passages } = read(text, 'opening.md');
    expect(title).toBe('opening.md');
    expect(passages.map(({ headingPath }) => headingPath)).toEqual([['Hours'], ['Hours']]);
  });
});

describe('the description of a source', () => {
  it('opens the text, below its first heading', () => {
    expect(textsOf('---\ndescription: When we are open.\n---\nNine to five.')).toEqual([
      'When we are open.\n\nNine to five.',
    ]);
    expect(read('---\ndescription: When we are open.\n---\n# Hours\n\nNine to five.').passages).toMatchObject([
      { headingPath: ['Hours'], text: 'When we are open.\n\nNine to five.' },
    ]);
  });

  it('is not repeated if the text says it too', () => {
    expect(textsOf('---\ndescription: When we are open.\n---\nWhen we are open.')).toEqual(['When we are open.']);
  });
});

describe('a source without text of its own', () => {
  it.each([
    ['only markup', '<Hero />\n\n![](a.png)'],
    ['only front matter', '---\ntitle: Hours\n---\n'],
    ['only scripts', '<html><body><script>a()</script></body></html>'],
  ])('fails if it has %s', (_what, text) => {
    expect(read(text)).toMatchObject({ passages: [], failure: 'The text has no words, only markup.' });
  });

  it.each([
    ['in front matter', '---\ntitle: Old\nredirect_to: /new\n---\n'],
    [
      'in the head of a page',
      '<html><head><meta http-equiv="refresh" content="0; url=/new"></head><body><a href="/new">Go on</a></body></html>',
    ],
    ['in a sentence', '# Hours\n\nThis page has moved to [Opening](/opening).'],
    ['in a sentence of a generator', 'Redirecting to https://a.example/new …'],
    ['in words about the document', 'The documentation has been moved to our wiki.'],
  ])('fails if it only sends its readers to another page %s', (_where, text) => {
    expect(read(text)).toMatchObject({ passages: [], failure: 'The page only sends its readers to another page.' });
  });

  it.each([
    ['Our office has moved to Main Street 5.'],
    ['You can move a page to another folder in the settings.'],
    [`This page has moved to the wiki. ${'Until then, this is what it said. '.repeat(20)}`],
  ])('is not assumed of "%.40s"', (text) => {
    expect(read(text)).toMatchObject({ failure: null, passages: [{}] });
  });
});

describe('the passages of a source', () => {
  const steps = Array.from({ length: 40 }, (_, number) => `knead number${number}`).join(' ');

  it('do not repeat an earlier one with other punctuation', () => {
    expect(read(`## One\n\n${steps}.\n\n## One\n\n${steps.toUpperCase()}!`).passages).toHaveLength(1);
  });

  it('repeat an earlier one if they say more, in their text or headings', () => {
    expect(read(`## One\n\n${steps}.\n\n## One\n\n${steps}, 7 EUR.`).passages).toHaveLength(2);
    expect(read(`## Gas\n\n${steps}.\n\n## Wood\n\n${steps}.`).passages).toHaveLength(2);
  });

  it('have the names of columns in the terms of each row of a table', () => {
    const [passage] = read('| Loaf | Price |\n|---|---|\n| Rye | 4 EUR |\n| Spelt | 5 EUR |', 'Bread').passages;
    expect(passage?.text).toBe('| Loaf | Price |\n|---|---|\n| Rye | 4 EUR |\n| Spelt | 5 EUR |');
    expect(passage?.terms).toBe(toIndexTerms('Bread loaf price rye price 4 EUR spelt price 5 EUR').join(' '));
  });

  it('of an export name their columns too, in each part', () => {
    const rows = Array.from({ length: 400 }, (_, number) => `Loaf ${number},${number},"soft, ${number}"`);
    const texts = textsOf(['Loaf,Price,Note', ...rows].join('\n'));
    expect(texts.length).toBeGreaterThan(2);
    for (const text of texts) expect(text).toMatch(/^\| Loaf \| Price \| Note \|\n/);
    expect(texts.join('\n').match(/\| Loaf \d+ \|/g)).toHaveLength(400);
  });
});

describe('reading markup', () => {
  const UNITS = [
    '<a ',
    '<a b="',
    '<td>',
    '<p>',
    '<a><b>',
    '<!--',
    '<script>',
    '{{',
    '{%',
    '<Card title="x">\n  ',
    '</Tab>',
  ];
  const MORE_UNITS = [
    '<details><summary>a</summary>',
    '![',
    '](',
    '[a]: /b\n',
    '&lt;a',
    '::: a\n',
    '    x\n\n',
    '`a',
    'a,b\n',
  ];

  it.each([...UNITS, ...MORE_UNITS])('takes linear time for 100,000 characters of %j', (unit) => {
    const start = performance.now();
    for (const head of ['', '<html>', '---\ntitle: a\n---\nimport a from "b"\n\n'])
      read(head + unit.repeat(100_000 / unit.length));
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});
