import { formatTable, isTableDelimiterRow, splitTableRow } from '../../domain/markdown/table.ts';
import { type CodeVault, createCodeVault } from './code-vault.ts';
import { readContainers } from './containers.ts';
import { readElements } from './elements.ts';
import { fenceHighlightedCode } from './highlighted-code.ts';
import { removeElementIndentation } from './indentation.ts';
import { readInline } from './inline.ts';
import { fenceIndentedCode, hideCode, readLines } from './lines.ts';
import { readLinks } from './links.ts';
import { dropModuleLines } from './modules.ts';
import { dropTemplates } from './templates.ts';

/** What is known about a Markdown text beside its words. */
export interface MarkdownContext {
  /** The address of the page, which makes relative links absolute; absent: only their text stays. */
  readonly address?: string | undefined;
  /** Whether the text is input of a site generator, because it has front matter. */
  readonly isGenerated: boolean;
}

/** What is left where something before a word or between two words was dropped. */
const LONE_SPACE = /^ (?=\S)/;
const DOUBLE_SPACE = /(?<=\S) {2}(?=\S)/g;
const EMPTY_LINE = /^(?:[-*+]|\d{1,9}[.)]|#{1,6})?$/;

/**
 * Reduces the Markdown of a real site to text that a reader of the page sees: headings, paragraphs, lists, tables, code
 * and absolute links in simple Markdown, without the syntax of Markdown's dialects, site generators, HTML and JSX.
 * Tabs, accordions and other elements with a title become sections (`SECTION_START`). Code stays as it is. Takes linear
 * time.
 */
export function cleanMarkdown(text: string, { address, isGenerated }: MarkdownContext): string {
  const vault = createCodeVault();
  const { lines, isModule } = dropModuleLines(readLines(fenceHighlightedCode(text)));
  const outdented = removeElementIndentation(readContainers(lines));
  const hidden = hideCode(isModule ? outdented : fenceIndentedCode(outdented), vault);
  const context = { address, vault };
  const elements = readElements(dropTemplates(hidden, isGenerated || isModule, vault), isModule, context);
  return tidy(readInline(readLinks(elements, context), vault), vault);
}

/** Puts hidden code back, and drops what is empty: spaces at the ends of lines, list items, headings, rows. */
export function tidy(text: string, vault: CodeVault): string {
  const lines = text
    .split('\n')
    .map((line) =>
      line === '' || EMPTY_LINE.test(line.trim())
        ? ''
        : line.trimEnd().replace(LONE_SPACE, '').replace(DOUBLE_SPACE, ' '),
    );
  const kept: string[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] as string;
    if (line === '' && (kept.at(-1) ?? '') === '') continue;
    if (!line.includes('|') || !isTableDelimiterRow(lines[index + 1] ?? '')) {
      kept.push(line.replaceAll('\\|', '|'));
      continue;
    }
    const rows: string[][] = [];
    for (index += 2; lines[index]?.includes('|'); index += 1) {
      const cells = splitTableRow(lines[index] ?? '');
      if (cells.some((cell) => cell !== '')) rows.push(cells);
    }
    index -= 1;
    const restore = (cells: string[]) => cells.map((cell) => vault.restore(cell).replaceAll('\\|', '|'));
    kept.push(formatTable(restore(splitTableRow(line)), rows.map(restore)));
  }
  return vault.restore(kept.join('\n')).trim();
}
