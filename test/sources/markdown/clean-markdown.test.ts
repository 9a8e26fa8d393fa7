import { describe, expect, it } from 'vitest';
import { cleanMarkdown } from '../../../src/sources/markdown/clean-markdown.ts';

const clean = (text: string) => cleanMarkdown(text, { isGenerated: false });
const cleanGenerated = (text: string) => cleanMarkdown(text, { isGenerated: true });
/** The text without the marks of sections, which only the chunker reads. */
const withoutMarks = (text: string) => text.replace(/[\ufdd0-\ufdef]/g, '');

describe('components of MDX', () => {
  it('leave their text, and their titles as headings, labels or lines', () => {
    const text = [
      '<Tip>Knead it **twice**.</Tip>',
      '',
      '<Card title="Rye" icon="wheat" href="/rye">',
      '  Dark and sour.',
      '</Card>',
      '<Card title="Spelt" href="/spelt" />',
      '',
      '<Accordion title="Is it vegan?">',
      '  Yes, all of it:',
      '  - rye',
      '    - with seeds',
      '</Accordion>',
    ].join('\n');
    expect(clean(text).split('\n')).toEqual([
      ...['Knead it twice.', '', 'Rye: Dark and sour.', '', 'Spelt', ''],
      ...['\ufdd2Is it vegan?', '', 'Yes, all of it:', '- rye', '  - with seeds', '', '\ufdd3'],
    ]);
  });

  it('may have tags of several lines and attributes with expressions', () => {
    const text =
      '<Tabs items={["a", "b"]}>\n  <Tab\n    title={"Gas"}\n    style={{ color: \'red\' }}\n  >\n    Light it.\n\n    ```sh\n    light <oven>\n    ```\n  </Tab>\n</Tabs>';
    expect(withoutMarks(clean(text)).trim()).toBe('Gas\n\nLight it.\n\n```sh\nlight <oven>\n```');
  });

  it('show the fields that they describe', () => {
    expect(clean('<ParamField path="loaf" type="string" required>\n  The kind.\n</ParamField>')).toBe(
      'loaf (string, required): The kind.',
    );
  });

  it('are dropped with the imports, exports, comments and expressions of a module', () => {
    const text =
      'import A from "./a";\nimport {\n  B,\n} from \'./b\';\n\nexport const x = {\n\n  y: [1],\n};\n\n<A />\n\nBread{/* no */} is {" "}good, {x.y}but write {name}.';
    expect(clean(text)).toBe('Bread is good, but write {name}.');
  });

  it('are not assumed in prose that starts like a module', () => {
    const text = 'import your customers from a file.\n\nexport them again later.';
    expect(clean(text)).toBe(text);
  });
});

describe('tags of HTML', () => {
  it('leave their text, and become Markdown where they have a meaning', () => {
    const text =
      '<p align="center">\n  <img src="a.svg">\n  <h1>The <em>Oven</em></h1>\n</p>\n\nPress <kbd>Ctrl</kbd> and <b>go</b><br/>home, see <a href="https://a.example/x_y_z">this</a> or <a href="/b">that</a>.<a name="end"></a>';
    expect(clean(text)).toBe('# The Oven\n\nPress `Ctrl` and go\nhome, see [this](https://a.example/x_y_z) or that.');
  });

  it('become tables and lists of Markdown', () => {
    expect(
      clean('Prices:\n<table><tr><th>Loaf</th><th>EUR</th></tr><tr><td>Rye | dark</td><td><b>4</b></td></tr></table>'),
    ).toBe('Prices:\n\n| Loaf | EUR |\n|---|---|\n| Rye \\| dark | 4 |');
    expect(clean('<ol><li>Mix<ul><li>flour</li></ul></li><li>Bake</li></ol>')).toBe('1. Mix\n  - flour\n2. Bake');
  });

  it('stay within their cell of a table', () => {
    expect(clean('| a | b |\n|---|---|\n| one<br>two | <ul><li>x</li><li>y</li></ul> |')).toBe(
      '| a | b |\n|---|---|\n| one two | x y |',
    );
  });

  it('make a section of details with a summary', () => {
    expect(clean('<details>\n<summary>Show <b>more</b></summary>\n\nHidden.\n\n</details>\nAfter.')).toBe(
      '\ufdd2Show more\n\nHidden.\n\n\ufdd3\n\nAfter.',
    );
  });

  it('are dropped with their content where no reader sees it', () => {
    const text =
      'a<!-- no\n\nno -->b <script type="application/ld+json">{"name": "<p>no</p>"}</script><style>p { }</style><svg><title>no</title></svg>c';
    expect(clean(text)).toBe('ab c');
  });

  it('are told from placeholders and comparisons', () => {
    expect(clean('Type <your name>, <city-name> and <KEY>; a<b, 1 < 2.')).toBe(
      'Type `<your name>`, `<city-name>` and `<KEY>`; a<b, 1 < 2.',
    );
  });

  it('are code where they are written as text', () => {
    expect(clean('Use &lt;br&gt; or \\<hr\\>, &amp; &copy;&nbsp;us.')).toBe('Use `<br>` or `<hr>`, & © us.');
  });
});

describe('code', () => {
  it('stays as it is, in fences, in spans and in fences of elements', () => {
    const text =
      'Run `<b> {{x}} **y** [a](/b)` now:\n\n```html\n<p class="x">{{ y }}</p> {% z %}\n[a](/b) <!-- c -->\n```';
    expect(clean(text)).toBe(text);
  });

  it('gets fences if it is indented and looks like code', () => {
    expect(clean('Run:\n\n    bake --now\n    cool <loaf>\n\nThen eat.')).toBe(
      'Run:\n\n```\nbake --now\ncool <loaf>\n```\n\nThen eat.',
    );
    expect(clean('A letter.\n\n    Dear Ann, thank you for it')).toBe('A letter.\n\n    Dear Ann, thank you for it');
  });

  it('between tags of a template gets fences', () => {
    expect(cleanGenerated('{% highlight ruby %}\nputs "{{ x }}"\n{% endhighlight %}')).toBe(
      '```ruby\nputs "{{ x }}"\n```',
    );
    expect(cleanGenerated('{{< highlight go "a=b" >}}\nx := 1\n{{< /highlight >}}')).toBe('```go\nx := 1\n```');
  });

  it('in quotations keeps its fences', () => {
    expect(clean('> Note:\n> ```\n> > prompt\n> ```')).toBe('Note:\n```\n> prompt\n```');
  });
});

describe('templates', () => {
  it('are dropped with their comments, and keep text and titles', () => {
    const text =
      '{% include a.html %}\n{% if open %}We are open.{% endif %}\n{% comment %} no {% endcomment %}\n{{< notice info >}}\nMind the step.\n{{< /notice >}}\n{{% tab name="Gas" %}}\nLight it.\n{{% /tab %}}\nBy {{ site.author }}{# no #}.';
    expect(cleanGenerated(text)).toBe('We are open.\n\nMind the step.\n\nGas\n\nLight it.\n\nBy .');
  });

  it('are meant literally in a text that no generator reads', () => {
    expect(clean('Hello {{first_name}}!')).toBe('Hello `{{first_name}}`!');
  });
});

describe('containers', () => {
  it('of VitePress, Docusaurus and GitHub leave titles and text', () => {
    const text =
      '::: tip Good to know\nFirst.\n:::\n\n:::note[My title]\nSecond.\n:::\n\n> [!WARNING]\n> Third.\n\n:::{important}\nFourth.\n:::';
    expect(clean(text)).toBe('Good to know\nFirst.\n\nMy title\nSecond.\n\nThird.\n\nFourth.');
  });

  it('of MkDocs leave titles and text without indentation', () => {
    const text =
      '!!! warning "Hot"\n    Use gloves.\n\n    - two\n\n=== "Gas"\n    Light.\n=== "Wood"\n    Chop.\n\nAfter.';
    expect(withoutMarks(clean(text)).split(/\n+/)).toEqual([
      ...['Hot', 'Use gloves.', '- two', 'Gas', 'Light.', 'Wood', 'Chop.', 'After.'],
    ]);
  });

  it('are not assumed where nothing is indented', () => {
    expect(clean('!!! Attention please\nThe shop moves.')).toBe('!!! Attention please\nThe shop moves.');
  });

  it('may be tables of contents, anchors, attributes and rules, which are dropped', () => {
    expect(
      clean('[[toc]]\n\n* TOC\n{:toc}\n\n[[anchor]]\nText.\n{: .lead}\n\n***\n\n---\n\n# A {#a}\n\n| b {.c} |\n|---|'),
    ).toBe('Text.\n\n# A\n\n| b |\n|---|');
  });
});

describe('links and images', () => {
  it('stay links only if their address is absolute', () => {
    expect(
      clean(
        '[a](https://a.example/b_c_d "t"), [b](/b), [c](#c), [d](mailto:d@e.example), [e](javascript:x), <https://f.example>',
      ),
    ).toBe('[a](https://a.example/b_c_d), b, c, [d](mailto:d@e.example), e, https://f.example');
  });

  it('become absolute where the address of the page is known', () => {
    const context = { address: 'https://a.example/docs/oven', isGenerated: false };
    expect(cleanMarkdown('[b](../b.md#c) ![x](y.png)', context)).toBe('[b](https://a.example/b.md#c)');
  });

  it('are found by reference, by title and with brackets in them', () => {
    expect(
      clean(
        '[one][1], [two][], [three], [a [b] c](/x_(y)), [no]\n\n[1]: https://one.example "One"\n[two]: /two\n[three]: <https://three.example>',
      ),
    ).toBe('[one](https://one.example), two, [three](https://three.example), a [b] c, [no]');
    expect(clean('See [[Other Page|the other]] and [[Third]].')).toBe('See the other and Third.');
  });

  it('leave the descriptions of images, but no badges, file names and data', () => {
    expect(
      clean(
        '![The door of the oven](a.png) ![a_b.png](a_b.png) ![](c.png)\n[![Build status of it](https://img.shields.io/x.svg)](https://ci.example) ![a b](data:image/png;base64,AAAA)',
      ),
    ).toBe('The door of the oven\na b');
  });

  it('keep the text of footnotes', () => {
    expect(clean('Rye[^1] bread.\n\n[^1]: From the north.')).toBe('Rye bread.\n\nFrom the north.');
  });
});

describe('emphasis', () => {
  it('is dropped, but not what only looks like it', () => {
    expect(clean('**a** __b__ *c* _d_ ***e*** ~~f~~ **g *h* i**')).toBe('a b c d e f g h i');
    expect(clean('snake_case_name, 2 * 3 * 4, *.js and **kwargs, \\*this\\*')).toBe(
      'snake_case_name, 2 * 3 * 4, *.js and **kwargs, *this*',
    );
  });
});

describe('a cleaned text', () => {
  it('has compact tables, and no empty items, headings and lines', () => {
    expect(
      clean('| a     | b |\n| :---- | - |\n| `x \\| y` |  |\n|  |  |\n\n\n\n- ![](x.png)\n- two\n\n## ![](y.png)\n'),
    ).toBe('| a | b |\n|---|---|\n| `x \\| y` |  |\n\n- two');
  });

  it('stays the same when it is cleaned again', () => {
    const text =
      '# A\n\nSome text, [b](https://b.example/c_d_e).\n\n- one\n  - two\n\n| a | b |\n|---|---|\n| `c` | d |\n\n```\n<x>\n```';
    expect(clean(text)).toBe(text);
    expect(clean(clean(text))).toBe(text);
  });

  it('does not reveal hidden code through written placeholders', () => {
    expect(clean('`code` &#xfdd0;0&#xfdd1; x')).toBe('`code` 0 x');
  });
});
