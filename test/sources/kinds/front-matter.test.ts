import { expect, it } from 'vitest';
import { splitFrontMatter } from '../../../src/sources/kinds/front-matter.ts';

const NONE = { title: undefined, description: undefined, address: undefined, isRedirect: false };

it('reads title and description of YAML, and leaves the rest of the text', () => {
  const text =
    '---\ntitle: "Hours: \\"all\\" year"\ndescription: >\n  When we\n  are open.\ntags:\n  - a\n# comment\n---\n# Body\n';
  expect(splitFrontMatter(text)).toEqual({
    frontMatter: { ...NONE, title: 'Hours: "all" year', description: 'When we are open.' },
    body: '# Body\n',
  });
});

it.each([
  ['plain', 'title: It is # open', 'It is'],
  ['in single quotes', "title: 'It''s open' # comment", "It's open"],
  ['in Japanese', 'title: 営業時間', '営業時間'],
  ['over two lines', 'title: It is\n  open', 'It is open'],
])('reads a title that is %s', (_form, line, title) => {
  expect(splitFrontMatter(`---\n${line}\n---\n`).frontMatter?.title).toBe(title);
});

it('reads TOML up to its first table', () => {
  const text = '+++\ntitle = "Delivery"\ndescription = \'By bike\'\n[params]\ntitle = "no"\n+++\nBody';
  expect(splitFrontMatter(text)).toEqual({
    frontMatter: { ...NONE, title: 'Delivery', description: 'By bike' },
    body: 'Body',
  });
});

it('reads an absolute address, and a redirect', () => {
  expect(splitFrontMatter('---\npermalink: /a\ncanonical: https://a.example/b\n---\n').frontMatter?.address).toBe(
    'https://a.example/b',
  );
  expect(splitFrontMatter('---\nredirect_to: /new\n---\n').frontMatter?.isRedirect).toBe(true);
});

it.each([
  ['text between two rules', '---\nThis is text: really.\nAnd more text\n---\nBody'],
  ['a rule alone', '---\ntitle: x\n\nBody'],
  ['a rule below text', 'Text\n---\ntitle: x\n---\n'],
])('leaves %s as it is', (_what, text) => {
  expect(splitFrontMatter(text)).toEqual({ frontMatter: undefined, body: text });
});
