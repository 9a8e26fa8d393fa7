import { decodeHTMLStrict } from 'entities';
import { cleanText } from '../clean-text.ts';
import { type CodeVault, toInlineCode } from './code-vault.ts';

/** Attributes of headings and blocks: `{#id}`, `{.class}`, `{: .class key="value"}`, at the end of a line or cell. */
const ATTRIBUTES = /\{:?[ \t]*[#.][^{}\n]+\}(?=[ \t]*(?:\||$))/gm;
const ANCHOR = /\{#[\w.:-]+\}/g;

const STRONG = /\*\*(?=\S)([^*\n]*[^*\s])\*\*|(?<![\p{L}\p{N}_])__(?=\S)([^_\n]*[^_\s])__(?![\p{L}\p{N}_])/gu;
const EMPHASIS =
  /(?<![\p{L}\p{N}*\\])\*(?![\s*])([^*\n]*[^*\s])\*(?![\p{L}\p{N}*])|(?<![\p{L}\p{N}_\\])_(?![\s_])([^_\n]*[^_\s])_(?![\p{L}\p{N}_])/gu;
const STRUCK = /~~(?=\S)([^~\n]*[^~\s])~~/g;

const ENTITY = /&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[a-zA-Z][a-zA-Z\d]{1,31});/g;
/** A tag that is written as text. */
const WRITTEN_TAG = /(?:&lt;|\\<)(\/?[A-Za-z][^<>&\\\n]*)(?:&gt;|\\?>)/g;

const ESCAPE = /\\([!"$%&'()*,./:;?@[\]^_{}<])/g;
/** Escapes that a line starts with are kept where the line would mean something else without them. */
const ESCAPED_BLOCK_MARK = /(?<=\S)\\([#+=~>-])/g;

/**
 * Removes emphasis, attributes, character references and escapes from Markdown whose code and addresses are hidden:
 * what is left is what a reader sees.
 */
export function readInline(text: string, vault: CodeVault): string {
  const plain = text
    .replace(ATTRIBUTES, '')
    .replace(ANCHOR, '')
    // Inner emphasis first: `***both***` and `**a *b* c**`.
    .replace(EMPHASIS, pickContent)
    .replace(STRONG, pickContent)
    .replace(EMPHASIS, pickContent)
    .replace(STRUCK, '$1');
  return decodeText(plain, vault).replace(ESCAPE, '$1').replace(ESCAPED_BLOCK_MARK, '$1');
}

/** Decodes the character references of a text. A tag that is written with them, such as `&lt;b&gt;`, becomes code. */
export function decodeText(text: string, vault: CodeVault): string {
  if (!text.includes('&') && !text.includes('\\<')) return text;
  return text
    .replace(WRITTEN_TAG, (_, content: string) => vault.hideSpan(toInlineCode(`<${content}>`)))
    .replace(ENTITY, (reference) => decodeReferences(reference).replace('|', '\\|'));
}

/** Decodes the character references of a text as they are, which is right for code. */
export function decodeReferences(text: string): string {
  return text.replace(ENTITY, (reference) => cleanText(decodeHTMLStrict(reference)).replace('\u00a0', ' '));
}

function pickContent(_: string, byAsterisks?: string, byUnderscores?: string): string {
  return byAsterisks ?? byUnderscores ?? '';
}
