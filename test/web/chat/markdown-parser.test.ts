import { describe, expect, it } from 'vitest';
import { isCheapToParse } from '../../../src/web/chat/markdown-cost.ts';
import { parseMarkdown } from '../../../src/web/chat/markdown-parser.ts';

/** Parses a paragraph of chat Markdown, and returns its contents. */
const parse = (source: string) => /^<p>(.*)<\/p>\n$/s.exec(parseMarkdown(source, 'chat'))?.[1];
/** The texts of the elements of a kind in a paragraph. */
const textsOf = (element: 'strong' | 'em' | 'del' | 'a', source: string) =>
  [...(parse(source) ?? '').matchAll(new RegExp(`<${element}\\b[^>]*>(.*?)</${element}>`, 'gs'))].map(
    ([, text]) => text,
  );

describe('chat Markdown', () => {
  it('keeps single line breaks, which a file does not', () => {
    expect(parse('one\ntwo')).toBe('one<br>two');
    expect(parseMarkdown('- one\n  two', 'chat')).toContain('one<br>two');
    expect(parseMarkdown('one\ntwo', 'file')).toBe('<p>one\ntwo</p>\n');
    expect(parseMarkdown('```\none\ntwo\n```', 'chat')).toBe('<pre><code>one\ntwo\n</code></pre>\n');
  });

  it('reads single tildes as text, and double tildes as deleted text', () => {
    expect(parse('~5 to ~10 kg, ~x~')).toBe('~5 to ~10 kg, ~x~');
    expect(parse('~~a ~b~ c~~ d')).toBe('<del>a ~b~ c</del> d');
  });

  it('shows which items of a list are done', () => {
    expect(parseMarkdown('- [x] one\n- [ ] two', 'chat').replace(/\s+/g, ' ')).toMatch(/☑ +one.*☐ +two/);
  });

  it.each([
    ['**「重要」**です', ['「重要」']],
    ['これは**「重要」**です', ['「重要」']],
    ['は**(Go)**です', ['(Go)']],
    ['**第1章：「はじめに」**では', ['第1章：「はじめに」']],
    ['**注意：**请看', ['注意：']],
    ['请看**“重要”**的', ['“重要”']],
    ['**重要！**请**注意。**好', ['重要！', '注意。']],
    ['**重要**，**也重要**。', ['重要', '也重要']],
    ['**서울(Seoul)**은 **"수도"**입니다', ['서울(Seoul)', '&quot;수도&quot;']],
    ['**重要。**\uFFFC\uE000\uFFFC次は**(B)\uFFFC\uE001\uFFFC**です', ['重要。', '(B)\uFFFC\uE001\uFFFC']],
    ['**「A」**と**「B」**です', ['「A」', '「B」']],
    ['中文__名__。 **粗体**', ['粗体']],
    ['**bold**, a**b**c, **(x)**y, 2 ** 3 **', ['bold', 'b']],
  ])('finds the bold text of %s', (source, texts) => {
    expect(textsOf('strong', source)).toEqual(texts);
  });

  it('finds emphasis and deleted text beside Chinese, Japanese and Korean punctuation', () => {
    expect(textsOf('em', 'これは*「斜体」*です。_強調_。')).toEqual(['「斜体」', '強調']);
    expect(textsOf('del', '価格は~~100円(税込)~~です')).toEqual(['100円(税込)']);
    expect(parse('これは***「両方」***です')).toBe('これは<em><strong>「両方」</strong></em>です');
    expect(textsOf('em', 'snake_case_name, 变量_b_。 and 5*3')).toEqual([]);
  });

  it.each([
    ['https://example.com。次', ['https://example.com']],
    ['(https://example.com/a)、', ['https://example.com/a']],
    ['（https://example.com/a）', ['https://example.com/a']],
    ['「https://example.com/?a=b」', ['https://example.com/?a=b']],
    ['“https://example.com/a”，', ['https://example.com/a']],
    ['http://example.com:8080/a！https://example.com？', ['http://example.com:8080/a', 'https://example.com']],
    ['링크(https://example.com)를, 「"https://example.com/a"です」', ['https://example.com', 'https://example.com/a']],
    ['https://ja.wikipedia.org/wiki/東京_(日本)の', ['https://ja.wikipedia.org/wiki/東京_(日本)']],
    ['https://example.com에서', ['https://example.com']],
    ['شاهد https://example.com/a، ثم', ['https://example.com/a']],
    ['网址：www.example.com。', ['www.example.com']],
    ['See https://example.com/a\uFFFC\uE000\uFFFC.', ['https://example.com/a']],
    ['**https://example.com**です', ['https://example.com']],
    ['https://ja.wikipedia.org/wiki/佐々木・日本', ['https://ja.wikipedia.org/wiki/佐々木・日本']],
    ['See https://example.com/(a)_b, or www.example.com.', ['https://example.com/(a)_b', 'www.example.com']],
  ])('finds the addresses in %s', (source, addresses) => {
    expect(textsOf('a', source)).toEqual(addresses);
  });

  it('is not parsed if that would take seconds', () => {
    for (const hostile of ['。www.a', 'https://example.com。', '**「']) {
      expect(isCheapToParse(hostile.repeat(10_000))).toBe(false);
    }
    expect(isCheapToParse('**「重要」**：https://example.com。'.repeat(100))).toBe(true);
  });
});
