import { Marked, Tokenizer } from 'marked';

/** A character of the scripts of Chinese, Japanese and Korean. */
const CJK_CHARACTER = String.raw`[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Hang}\p{scx=Bopo}]`;
/** The punctuation of these languages, which has no spaces around it. */
const CJK_PUNCTUATION = String.raw`(?=[\p{P}\p{S}])[\u3001-\u303F\u30FB\uFE10-\uFE6F\uFF00-\uFFEF]`;
const CJK = `(?:${CJK_CHARACTER}|${CJK_PUNCTUATION})`;
const OTHER_PUNCTUATION = `(?!${CJK_PUNCTUATION})[\\p{P}\\p{S}]`;

const CJK_AT_END = new RegExp(`${CJK}$`, 'u');
const CJK_PUNCTUATION_AFTER_OPENER = new RegExp(`^(?:\\*+|~~)${CJK_PUNCTUATION}`, 'u');
/** A run of delimiters with other punctuation before it, and the Chinese, Japanese or Korean character after it. */
const RUN_BEFORE_CJK = new RegExp(`((?![*_~])${OTHER_PUNCTUATION}(?:\\*+|~~))(${CJK})`, 'gu');
const CJK_PUNCTUATION_AT_RUN = new RegExp(`([*~])${CJK_PUNCTUATION}|${CJK_PUNCTUATION}(?=[*~])`, 'gu');

/** Punctuation beyond ASCII, except for the dot that names contain; or a citation mark. */
const ADDRESS_END = String.raw`(?![\0-\x7F・])[\p{Po}\p{Ps}\p{Pe}\p{Pi}\p{Pf}｜\uFFFC]`;
/**
 * A bare address that ends before `ADDRESS_END`, or before a character of Chinese, Japanese or Korean that follows its
 * host or other punctuation. From such punctuation at its end, marked keeps only what belongs to the address.
 */
const BARE_ADDRESS = new RegExp(
  `^(?:(?:https?://|www\\.)[a-z\\d.-]+(?::\\d+)?(?=${CJK})|.+?(?:[)\\]"',;](?=${CJK})|(?=${ADDRESS_END})))`,
  'iu',
);
const CJK_BEFORE_WWW = new RegExp(`${CJK}(?=www\\.)`, 'iu');

/** The methods of marked that the methods below refine. */
const { del, emStrong, inlineText, url } = Tokenizer.prototype;

/**
 * The character before a delimiter, as marked should see it to decide whether the delimiter opens emphasis; empty if it
 * does in any case. By CommonMark's rules, which rely on spaces between words, `は**「語」**です` would have no emphasis. The
 * rules of underscores stay as they are, because names contain them.
 * Source: https://github.com/tats-u/markdown-cjk-friendly/blob/main/specification.md
 */
function characterBefore(src: string, previous: string): string {
  if (src.startsWith('_') || /[*_~]/.test(previous)) return previous;
  return CJK_PUNCTUATION_AFTER_OPENER.test(src) || CJK_AT_END.test(previous) ? '' : previous;
}

const marked = new Marked({
  gfm: true,
  hooks: {
    // In the text in which marked looks for the end of emphasis, the punctuation of Chinese, Japanese and Korean counts
    // as letters, and one of their characters after `)**` as punctuation.
    emStrongMask: (masked) =>
      masked
        .replace(RUN_BEFORE_CJK, (_match, run: string, next: string) => run + '+'.repeat(next.length))
        .replace(CJK_PUNCTUATION_AT_RUN, (_match, run = '') => `${run}a`),
  },
  tokenizer: {
    // HTML stays text.
    html: () => undefined,
    tag: () => undefined,
    emStrong(src, masked, previous = '') {
      return emStrong.call(this, src, masked, characterBefore(src, previous));
    },
    del(src, masked, previous = '') {
      // A single tilde means "about" or a range: `~5 to ~10`.
      return src.startsWith('~~') ? del.call(this, src, masked, characterBefore(src, previous)) : undefined;
    },
    url(src) {
      const token = url.call(this, src);
      const address = BARE_ADDRESS.exec(token?.raw ?? '')?.[0];
      return address === undefined ? token : url.call(this, address);
    },
    inlineText(src) {
      const token = inlineText.call(this, src);
      const found = CJK_BEFORE_WWW.exec(token?.raw ?? '');
      return found ? inlineText.call(this, src.slice(0, found.index + found[0].length)) : token;
    },
  },
  renderer: {
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
    image({ text, tokens }) {
      return tokens ? this.parser.parseInline(tokens, this.parser.textRenderer) : text;
    },
  },
});

/** The kind of a text: single line breaks stay in a chat, but join the lines of a paragraph in a file. */
export type MarkdownKind = 'chat' | 'file';

/** Parses Markdown into HTML, which is not sanitized. HTML in the Markdown stays text. */
export function parseMarkdown(source: string, kind: MarkdownKind): string {
  return marked.parse(source, { async: false, breaks: kind === 'chat' });
}
