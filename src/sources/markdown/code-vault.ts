/**
 * Hides code and addresses from the rules that clean a text. What is hidden leaves a placeholder: its number between
 * two noncharacters of Unicode, which `cleanText` removes from every source.
 */
export interface CodeVault {
  /** Hides a span within a line: inline code with its backticks, or an address. Returns its placeholder. */
  hideSpan(span: string): string;
  /** Hides lines of code with their fences. Returns their placeholder, which stands on a line of its own. */
  hideBlock(lines: string): string;
  /** Puts everything that is hidden back into a text. */
  restore(text: string): string;
}

/** Matches the placeholder of a block of code. */
export const BLOCK_PLACEHOLDER = /\ufdd4\d+\ufdd1/g;

const PLACEHOLDER = /[\ufdd0\ufdd4](\d+)\ufdd1/g;

/** Creates a vault for one text. */
export function createCodeVault(): CodeVault {
  const hidden: string[] = [];
  const hide = (mark: string, text: string) => `${mark}${hidden.push(text) - 1}\ufdd1`;
  // A span may contain placeholders of spans that were hidden before it, such as code in the text of a link.
  const open = (text: string): string => text.replace(PLACEHOLDER, (_, index) => open(hidden[index] ?? ''));
  return {
    hideSpan: (span) => hide('\ufdd0', span),
    hideBlock: (lines) => hide('\ufdd4', lines),
    restore: open,
  };
}

/** Writes a text as inline code, with more backticks around it than it has in a row. */
export function toInlineCode(text: string): string {
  const content = text.replaceAll('\n', ' ').trim();
  const longest = (content.match(/`+/g) ?? []).reduce((length, run) => Math.max(length, run.length), 0);
  const fence = '`'.repeat(longest + 1);
  const space = content.startsWith('`') || content.endsWith('`') ? ' ' : '';
  return content === '' ? '' : `${fence}${space}${content}${space}${fence}`;
}

/** Writes lines of code as a fenced block. */
export function toFencedCode(code: string, language = ''): string {
  const fence = code.includes('```') ? '~~~~' : '```';
  return `${fence}${language}\n${code.replace(/^\n+/, '').trimEnd()}\n${fence}`;
}
