import type { CodeVault } from './code-vault.ts';

/** What the links of a text need to be read. */
export interface LinkContext {
  /** The address of the page, which makes relative links absolute; absent: only their text stays. */
  readonly address: string | undefined;
  readonly vault: CodeVault;
}

/** In UTF-16 units. A longer target makes no link. */
const MAX_TARGET_LENGTH = 2_000;

/** The depth of brackets and of parentheses in a target. Deeper brackets are text. */
const MAX_DEPTH = 32;

const DEFINITION = /^ {0,3}\[([^\]\r\n\u2028\u2029^][^\]\r\n\u2028\u2029]*)\]:(.*)$/gm;
/** A space, or the end of a target in angle brackets. */
const TARGET_END = /[\s>]/;
const FOOTNOTE_MARK = /^ {0,3}\[\^[^[\]\s]+\]:/gm;
const FOOTNOTE_REFERENCE = /\[\^[^[\]\s]+\]/g;
const WIKI_LINK = /(?<![\p{L}\p{N}\]])(!?)\[\[([^\s[\]|][^[\]|\n]*)(?:\|([^[\]\n]*))?\]\]/gu;
const AUTOLINK = /<((?:https?:\/\/|mailto:|tel:)[^\s<>]*)>|<([\w.+-]+@[\w.-]+)>/g;
const BARE_ADDRESS = /\bhttps?:\/\/[^\s<>()"'`|\]\ufdd0-\ufdd4]+/g;
/** A link in the text of another link, already read. */
const INNER_LINK = /\[([^[\]]*)\]\([^[\]()]*\)/g;
const ABSOLUTE = /^(?:https?:\/\/|mailto:|tel:)/i;

/**
 * Reads the links and images of a Markdown text whose code is hidden. A link stays a link if its address is absolute or
 * can be made so; else its text stays. Of an image, a description in words stays; badges leave nothing. Addresses are
 * hidden in the vault, so that no later rule changes them. Definitions of references are dropped, texts of footnotes
 * stay. Takes linear time.
 */
export function readLinks(text: string, context: LinkContext): string {
  const definitions = new Map<string, string>();
  const withoutDefinitions = text
    .replace(DEFINITION, (line: string, label: string, definition: string) => {
      const [target = '', ...rest] = definition.trim().replace(/^</, '').split(TARGET_END);
      const title = rest.join(' ').trim();
      if (!/[/.#:]/.test(target) || (title !== '' && !/^["'(]/.test(title))) return line;
      definitions.set(toLabel(label), target);
      return '';
    })
    .replace(FOOTNOTE_MARK, '')
    .replace(FOOTNOTE_REFERENCE, '')
    .replace(WIKI_LINK, (_, mark: string, page: string, title?: string) => (mark === '!' ? '' : (title ?? page).trim()))
    .replace(AUTOLINK, (_, address?: string, mail?: string) => context.vault.hideSpan(address ?? mail ?? ''));
  return readBrackets(withoutDefinitions, definitions, context).replace(BARE_ADDRESS, (address) =>
    context.vault.hideSpan(address),
  );
}

/** Makes the link of a page element: `[text](address)` if the address is absolute or can be made so, else its text. */
export function formatLink(text: string, target: string, { address, vault }: LinkContext): string {
  const trimmed = text.trim().replaceAll('\n', ' ');
  // The address of a link that was read before is hidden.
  const absolute = toAbsolute(vault.restore(target), address);
  // A link on several lines, or with nothing to click on, is none.
  if (trimmed === '' || absolute === undefined || text.includes('\n\n')) return text;
  if (trimmed === absolute) return vault.hideSpan(absolute);
  return `[${trimmed}](${vault.hideSpan(absolute)})`;
}

/** Returns the words of an image's description; '' for a file name, a badge or a single word. */
export function describeImage(description: string, target: string): string {
  const words = description.replace(/\s+/g, ' ').trim();
  const isBadge = /badge|shields\.io|\/workflows\/|codecov|coveralls|travis-ci/i.test(target);
  return isBadge || !words.includes(' ') || /\.\w{2,4}$/.test(words) ? '' : words;
}

interface Opening {
  readonly isImage: boolean;
  /** The index of the bracket's own part in the list of parts. */
  readonly part: number;
}

/** Replaces links and images from the inside out: at each closing bracket, what its opening bracket began is known. */
function readBrackets(text: string, definitions: ReadonlyMap<string, string>, context: LinkContext): string {
  const parts: string[] = [];
  const open: Opening[] = [];
  const brackets = /\\[\s\S]|!?\[|\]/g;
  let end = 0;
  for (let match = brackets.exec(text); match !== null; match = brackets.exec(text)) {
    const [mark] = match;
    if (mark.startsWith('\\')) continue;
    parts.push(text.slice(end, match.index));
    end = match.index + mark.length;
    if (mark !== ']') {
      open.push({ isImage: mark === '![', part: parts.push(mark) - 1 });
      if (open.length > MAX_DEPTH) open.shift();
      continue;
    }
    const opening = open.pop();
    const target = opening && readTarget(text, end, parts, opening, definitions);
    if (opening === undefined || target === undefined) {
      parts.push(mark);
      continue;
    }
    const content = parts.splice(opening.part + 1).join('');
    parts[opening.part] = opening.isImage
      ? describeImage(content, target.address)
      : formatLink(content.replace(INNER_LINK, '$1'), target.address, context);
    end = target.end;
    brackets.lastIndex = end;
  }
  parts.push(text.slice(end));
  return parts.join('');
}

/** Reads what follows the text of a link: `(target "title")`, `[label]`, or nothing if the text itself is a label. */
function readTarget(
  text: string,
  start: number,
  parts: readonly string[],
  opening: Opening,
  definitions: ReadonlyMap<string, string>,
): { address: string; end: number } | undefined {
  if (text[start] === '(') return readInlineTarget(text, start);
  if (definitions.size === 0) return undefined;
  const labelEnd = text[start] === '[' ? text.indexOf(']', start) : -1;
  const hasLabel = labelEnd !== -1 && labelEnd - start < 200;
  const label =
    hasLabel && labelEnd > start + 1 ? text.slice(start + 1, labelEnd) : parts.slice(opening.part + 1).join('');
  const address = label.length < 200 ? definitions.get(toLabel(label)) : undefined;
  return address === undefined ? undefined : { address, end: hasLabel ? labelEnd + 1 : start };
}

/** Reads `(target "title")`; undefined if it does not end. */
function readInlineTarget(text: string, start: number): { address: string; end: number } | undefined {
  if (/^\(\s*data:/.test(text.slice(start, start + 20))) {
    const end = text.indexOf(')', start);
    return end === -1 ? undefined : { address: '', end: end + 1 };
  }
  let depth = 0;
  const limit = Math.min(text.length, start + MAX_TARGET_LENGTH);
  for (let index = start; index < limit; index += 1) {
    const character = text[index];
    if (character === '\\') index += 1;
    else if (character === '(') depth += 1;
    else if (character === ')') depth -= 1;
    else if (character === '\n' && text[index + 1] === '\n') return undefined;
    if (depth > MAX_DEPTH) return undefined;
    if (depth > 0) continue;
    const content = text.slice(start + 1, index).trim();
    // The rest after a space is the title, which is shown only by a pointing device.
    const address = content.startsWith('<') ? content.slice(1).split('>')[0] : content.split(/\s/)[0];
    return { address: address ?? '', end: index + 1 };
  }
  return undefined;
}

function toAbsolute(target: string, address: string | undefined): string | undefined {
  if (ABSOLUTE.test(target)) return target;
  if (address === undefined || target === '' || /^[a-z][\w+.-]*:/i.test(target)) return undefined;
  return URL.parse(target, address)?.href;
}

function toLabel(label: string): string {
  return label.trim().toLowerCase().replace(/\s+/g, ' ');
}
