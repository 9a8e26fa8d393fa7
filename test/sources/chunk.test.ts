import { describe, expect, it } from 'vitest';
import { chunkMarkdown } from '../../src/sources/chunk.ts';
import { readDocument } from '../../src/sources/kinds/read-document.ts';

const paragraph = (tokens: number, word = 'lorem') => `${`${word} `.repeat((tokens * 4) / (word.length + 1)).trim()}.`;
const read = (text: string) => chunkMarkdown(readDocument(text).markdown);
const texts = (text: string) => read(text).map((chunk) => chunk.text);

/** Creates a document of numbered words, always the same for one seed. */
function createDocument(seed: number): string {
  let state = seed;
  const random = (limit: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  let count = 0;
  const word = () => `w${count++}${'x'.repeat(random(8))}`;
  const words = (limit: number) => Array.from({ length: 1 + random(limit) }, word).join(' ');
  const lines = (limit: number, separator: string, line: () => string) =>
    Array.from({ length: 1 + random(limit) }, line).join(separator);
  const parts = [
    () => `${'#'.repeat(1 + random(6))} ${words(5)}`,
    () => `${words(4)}\n${random(2) ? '===' : '---'}`,
    () => lines(8, random(2) ? ' ' : '\n', () => `${words(12)}.`),
    () => lines(60, ' ', () => `${words(12)}.`),
    () => lines(6, '\n', () => `- ${words(9)}`),
    () => `\`\`\`\n# ${words(6)}\n\n${words(9)}\n${random(4) ? '```' : ''}`,
    () => `| ${words(2)} | b |\n|---|---|\n| ${words(3)} | d |`,
    () => word() + 'x'.repeat(random(9_000)),
  ];
  return lines(40, random(3) ? '\n\n' : '\n', () => parts[random(parts.length)]?.() ?? '');
}

describe('chunkMarkdown at headings', () => {
  it('makes one chunk of each section of a small document, with the path of its headings', () => {
    expect(read('Intro\n\n# A\n\none\n\n## B ##\ntwo\n\n### C\nthree\n\n## D\nfour\n\n# E\nfive')).toEqual([
      { headingPath: [], text: 'Intro' },
      { headingPath: ['A'], text: 'one' },
      { headingPath: ['A', 'B'], text: 'two' },
      { headingPath: ['A', 'B', 'C'], text: 'three' },
      { headingPath: ['A', 'D'], text: 'four' },
      { headingPath: ['E'], text: 'five' },
    ]);
  });

  it('reads underlined headings, but reads a list above a rule as text', () => {
    expect(read('Title\n=====\none\n\nPart\n---\ntwo')).toEqual([
      { headingPath: ['Title'], text: 'one' },
      { headingPath: ['Title', 'Part'], text: 'two' },
    ]);
    expect(read('- item\n\n---\ntext')).toEqual([{ headingPath: [], text: '- item\n\ntext' }]);
  });

  it('reads no heading in code or in hashtags', () => {
    expect(read('```sh\n# comment\n```\n\n#hashtag\n\n    # indented')).toEqual([
      { headingPath: [], text: '```sh\n# comment\n```\n\n#hashtag\n\n```\n# indented\n```' },
    ]);
  });

  it('reads a fence that is never closed as text', () => {
    expect(read('```\ncode\n\n# After\ntext').at(-1)).toEqual({ headingPath: ['After'], text: 'text' });
  });

  it('adds a heading with nothing below it to the chunk before it', () => {
    expect(read('# A\ntext\n\n## Coming soon\n\n# B\n\n# C\nmore')).toEqual([
      { headingPath: ['A'], text: 'text\n\n## Coming soon\n\n# B' },
      { headingPath: ['C'], text: 'more' },
    ]);
  });

  it('begins the first chunk with the headings before it that have nothing below them', () => {
    expect(read('# A\n\n# B\ntext')).toEqual([{ headingPath: ['B'], text: '# A\n\ntext' }]);
  });

  it('makes one chunk of a text of headings alone', () => {
    expect(read('# We are closed\n\n# Back on Monday')).toEqual([
      { headingPath: [], text: '# We are closed\n\n# Back on Monday' },
    ]);
  });

  it('shows headings without their markup', () => {
    const [chunk] = read('# **Bold** [link](/a) {#anchor}\n## `code` and [site](https://a.example) ##\ntext');
    expect(chunk?.headingPath).toEqual(['Bold link', 'code and site']);
  });

  it('limits the depth of sections in elements, and keeps their titles as text', () => {
    const text = `${'<details><summary>deep</summary>word '.repeat(100)}${'</details>'.repeat(100)}`;
    const chunks = read(text);
    expect(Math.max(...chunks.map(({ headingPath }) => headingPath.length))).toBe(16);
    expect(
      chunks
        .map((chunk) => chunk.text)
        .join(' ')
        .match(/deep/g),
    ).toHaveLength(84);
  });
});

describe('chunkMarkdown at size limits', () => {
  it('merges short paragraphs of one section', () => {
    const text = Array.from({ length: 6 }, () => paragraph(50)).join('\n\n');
    expect(texts(text)).toEqual([text]);
  });

  it('splits a long section between paragraphs', () => {
    const paragraphs = Array.from({ length: 9 }, (_, index) => paragraph(150, `word${index}`));
    const chunks = texts(paragraphs.join('\n\n'));
    expect(chunks.length).toBeGreaterThan(2);
    expect(chunks.join('\n\n')).toBe(paragraphs.join('\n\n'));
    for (const chunk of chunks) expect(chunk.length / 4).toBeGreaterThan(200);
    for (const chunk of chunks) expect(chunk.length / 4).toBeLessThanOrEqual(800);
  });

  it('splits a long paragraph at the ends of sentences', () => {
    const chunks = texts('This sentence is one of very many. '.repeat(300));
    expect(chunks.length).toBeGreaterThan(3);
    for (const chunk of chunks) {
      expect(chunk).toMatch(/^This .* many\.$/);
      expect(chunk.length / 4).toBeLessThanOrEqual(800);
    }
  });

  it('counts each Chinese character as a token', () => {
    for (const chunk of texts('这是一句话。'.repeat(500))) expect(chunk.length).toBeLessThanOrEqual(800);
  });

  it('does not split a block of code, and keeps a table of up to 800 tokens whole', () => {
    const table = `| a | b |\n|---|---|\n${'| some cell | another cell |\n'.repeat(100)}`.trim();
    const code = `\`\`\`ts\n${'const line = 1;\n\n'.repeat(300)}\`\`\``;
    const chunks = texts(`${paragraph(300)}\n\n${table}\n\n${paragraph(300)}\n${code}\n${paragraph(300)}`);
    expect(chunks).toContain(table);
    expect(chunks).toContain(code);
  });

  it('splits a long table between rows, and repeats its head in each part', () => {
    const rows = Array.from({ length: 300 }, (_, number) => `| Loaf ${number} | ${number} EUR |`);
    const chunks = texts(['| Bread | Price |', '|---|---|', ...rows].join('\n'));
    expect(chunks.length).toBeGreaterThan(2);
    for (const chunk of chunks) expect(chunk.split('\n').slice(0, 2)).toEqual(['| Bread | Price |', '|---|---|']);
    expect(chunks.flatMap((chunk) => chunk.split('\n').slice(2))).toEqual(rows);
  });

  it('splits very long code at the ends of lines', () => {
    const chunks = texts(`\`\`\`\n${'const line = 1;\n'.repeat(20_000)}\`\`\``);
    for (const chunk of chunks) expect(chunk.length / 4).toBeLessThanOrEqual(8_100);
  });
});

describe('the text of chunks', () => {
  it('is absent when the source is white space only', () => {
    expect(read(' \n\t\r\n\u200b\n')).toEqual([]);
  });

  it('is never split within a surrogate pair', () => {
    const chunks = texts('😀'.repeat(5_001));
    expect(chunks.every((chunk) => chunk.isWellFormed())).toBe(true);
    expect(chunks.join('')).toBe('😀'.repeat(5_001));
  });

  it('keeps every word of random documents, in order', () => {
    for (let seed = 0; seed < 200; seed += 1) {
      const text = createDocument(seed);
      const chunks = read(text);
      const chunkedText = chunks.flatMap((chunk) => [...chunk.headingPath, chunk.text]).join(' ');
      expect(new Set(chunkedText.match(/w\d+/g)), `seed ${seed}`).toEqual(new Set(text.match(/w\d+/g)));
      const order = chunks.flatMap((chunk) => (chunk.text.match(/w\d+/g) ?? []).map((name) => Number(name.slice(1))));
      expect(order, `seed ${seed}`).toEqual(order.toSorted((a, b) => a - b));
    }
  });

  it.each([
    ['one word', 'a'.repeat(256_000)],
    ['one line of Chinese', '中'.repeat(256_000)],
    ['spaces', `a${' '.repeat(256_000)}b`],
    ['number signs', '#'.repeat(256_000)],
    ['fences', '```\n'.repeat(64_000)],
    ['a row of a table', `|${' a |'.repeat(64_000)}\n|${'---|'.repeat(64_000)}`],
    ['brackets', '[('.repeat(128_000)],
  ])('is split into chunks in less than two seconds, even from 256,000 characters of %s', (_, text) => {
    const start = performance.now();
    const chunks = read(text);
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(
      chunks
        .map((chunk) => chunk.text)
        .join('')
        .replace(/\s/g, '').length,
    ).toBe(text.replace(/\s/g, '').length);
  });
});
