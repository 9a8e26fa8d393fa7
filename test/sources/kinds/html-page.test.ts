import { describe, expect, it } from 'vitest';
import { isHtml, readHtmlPage } from '../../../src/sources/kinds/html-page.ts';

const page = (body: string, head = '') => `<!DOCTYPE html>\n<html><head>${head}</head><body>${body}</body></html>`;
const markdownOf = (body: string) => readHtmlPage(page(body)).markdown;

describe('isHtml', () => {
  it.each([
    ['a page', page('<p>x</p>')],
    ['a page after a comment', '<!-- saved --><html><body>x</body></html>'],
    ['a part of a page', '<div class="a"><h2>Hours</h2><p>Nine to five.</p></div>'],
  ])('recognizes %s', (_what, text) => {
    expect(isHtml(text)).toBe(true);
  });

  it.each([
    ['Markdown that starts with HTML', '<p align="center">Logo</p>\n\n# Title\n\nText <b>bold</b>'],
    ['MDX', '<Card title="a">Text</Card>'],
    ['text', 'The <div> element is a block.'],
  ])('does not recognize %s', (_what, text) => {
    expect(isHtml(text)).toBe(false);
  });
});

describe('readHtmlPage', () => {
  it('reads title, description and address of the page', () => {
    const head =
      '<title>Contact &amp; hours</title><meta name="description" content="How to reach us."><link rel="canonical" href="https://a.example/c/">';
    expect(readHtmlPage(page('<p>See <a href="map">the map</a>.</p>', head))).toEqual({
      ...{ title: 'Contact & hours', description: 'How to reach us.', address: 'https://a.example/c/' },
      ...{ isRedirect: false, markdown: 'See [the map](https://a.example/c/map).' },
    });
  });

  it('reads headings, paragraphs, lists, definitions and line breaks', () => {
    const body =
      '<h1>Our\n <em>bread</em></h1><p>Fresh\n every day.</p><p>Call <a href="/x">us</a><br>now</p><ul><li>Rye<ul><li>dark</li></ul><li><p>Spelt</p></ul><dl><dt>Hours</dt><dd>Nine to five</dd></dl>';
    expect(markdownOf(body)).toBe(
      '# Our bread\n\nFresh every day.\n\nCall us\nnow\n\n- Rye\n  - dark\n- Spelt\n\nHours: Nine to five',
    );
  });

  it('reads code as it is', () => {
    expect(
      markdownOf(
        '<p>Use <code>a &lt; b</code>:</p><pre><code class="language-js">if (a &lt; b)\n  <span>x</span>();</code></pre>',
      ),
    ).toBe('Use `a < b`:\n\n```js\nif (a < b)\n  x();\n```');
  });

  it('reads tables, pairs of values, and tables that only arrange the page', () => {
    expect(markdownOf('<table><tr><th>Day<th>Open<tr><td>Mon<td>9&ndash;5</table>')).toBe(
      '| Day | Open |\n|---|---|\n| Mon | 9–5 |',
    );
    expect(markdownOf('<table><tr><th>Owner</th><td>Ann</td></tr><tr><th>Since</th><td>1990</td></tr></table>')).toBe(
      'Owner: Ann\nSince: 1990',
    );
    expect(markdownOf('<table><tr><td><h2>Left</h2>one</td><td><p>two</p></td></tr></table>')).toBe(
      '## Left\n\none\n\ntwo',
    );
  });

  it('drops what no reader sees, and all around the main part', () => {
    const main = `<p>${'Bread. '.repeat(50)}</p>`;
    const body = `<nav>Home</nav><header>Logo</header><main>${main}<script>no()</script><div hidden>no</div></main><footer>Legal</footer>`;
    expect(markdownOf(body)).toBe('Bread. '.repeat(50).trim());
    expect(markdownOf('<nav>Home</nav><p>Text</p><footer>Call 12</footer>')).toBe('Text\n\nCall 12');
  });

  it('recognizes a page that sends its readers to another one', () => {
    expect(readHtmlPage(page('', '<meta http-equiv="Refresh" content="0; url=/new">')).isRedirect).toBe(true);
    expect(readHtmlPage(page('', '<meta http-equiv="refresh" content="30">')).isRedirect).toBe(false);
  });
});
