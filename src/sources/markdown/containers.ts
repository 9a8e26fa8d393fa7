import { SECTION_END, SECTION_START } from '../sections.ts';
import type { Line } from './lines.ts';

/** Lines that are instructions to a site generator: tables of contents, anchors, and attributes of a block. */
const INSTRUCTION_LINE = /^(?:\[\[?_?toc_?\]?\]|\{:?\s?:?toc\}|\{:[^{}]*\}|\[\[[^\]\s]*\]\]|\[#[\w-]+\])$/i;
/** A line between two parts of a page. `---` below a line of text underlines a heading instead. */
const RULE_LINE = /^(?:(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const DASHED_RULE_LINE = /^(?:-[ \t]*){3,}$/;

/** GitHub's and Obsidian's alerts: `> [!NOTE]`, with a title of the author. The quotation mark is gone already. */
const ALERT = /^\[!\w+\][+-]?/;
/** Admonitions and tabs of MkDocs, whose content is indented by four spaces: `!!! note "Title"`, `=== "Tab"`. */
const INDENTED_CONTAINER = /^(?:!!!|\?\?\?\+?|===[!+]?)[ \t]/;

/**
 * Reads the containers that Markdown's dialects have for notes, tabs and details. Their marks are dropped; titles of
 * the author stay, and so does the text, without its indentation. Drops instructions to site generators and rules.
 */
export function readContainers(lines: readonly Line[]): Line[] {
  const result: Line[] = [];
  const write = (text: string) => result.push({ text, isCode: false });
  /** The open containers with indented content, outermost first, with the indentation of their content. */
  const open: { indent: number; isSection: boolean }[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.text.trim() === '') {
      result.push(line);
      continue;
    }
    const indent = line.text.length - line.text.trimStart().length;
    for (let last = open.at(-1); last && indent < last.indent; last = open.at(-1)) {
      open.pop();
      if (last.isSection) write(SECTION_END);
    }
    const text = line.text.slice(Math.min(indent, open.at(-1)?.indent ?? 0));
    const container = line.isCode ? undefined : readIndentedContainer(line.text.trim());
    if (line.isCode) {
      result.push({ text, isCode: true });
    } else if (container && isIndentedBelow(lines, index, indent + 4)) {
      const { title, isSection } = container;
      write(isSection ? `${SECTION_START}${title}` : title);
      open.push({ indent: indent + 4, isSection });
    } else {
      readContainerLine(text, result);
    }
  }
  for (const { isSection } of open) if (isSection) write(SECTION_END);
  return result;
}

/** Whether the first line with text below a line is indented by `indent` or more. */
function isIndentedBelow(lines: readonly Line[], index: number, indent: number): boolean {
  const next = [lines[index + 1], lines[index + 2]].find((line) => line?.text.trim());
  return next !== undefined && next.text.length - next.text.trimStart().length >= indent;
}

/** Reads the first line of an admonition or a tab of MkDocs. */
function readIndentedContainer(line: string): { title: string; isSection: boolean } | undefined {
  const mark = INDENTED_CONTAINER.exec(line)?.[0];
  if (mark === undefined) return undefined;
  const [type = '', title, ...rest] = line.slice(mark.length).split('"');
  if (rest.join('').trim() !== '' || /[^\w -]/.test(type)) return undefined;
  const isTab = mark.startsWith('=');
  return isTab && title === undefined ? undefined : { title: title ?? '', isSection: isTab && title !== '' };
}

function readContainerLine(text: string, result: Line[]): void {
  const write = (line: string) => result.push({ text: line, isCode: false });
  const previous = result.at(-1);
  const line = text.trim();
  const title = readContainerTitle(line);
  if (title !== undefined) {
    write('');
    write(title);
    return;
  }
  // The list item before `{:toc}` stands for the table of contents.
  if (/^\{:\s*toc\b/.test(line) && /^(?:[-*+]|1\.)\s/.test(previous?.text.trimStart() ?? '')) result.pop();
  const isAfterText = previous !== undefined && !previous.isCode && previous.text.trim() !== '';
  const isRule = RULE_LINE.test(line) || (!isAfterText && DASHED_RULE_LINE.test(line));
  write(isRule || INSTRUCTION_LINE.test(line) ? '' : text);
}

/** Returns the title of the alert or container that a line opens, '' if it has none or closes one. */
function readContainerTitle(line: string): string | undefined {
  const alert = ALERT.exec(line)?.[0];
  if (alert !== undefined) return line.slice(alert.length).trim();
  if (!line.startsWith(':::')) return undefined;
  const type = /^(?:\{[^{}]*\}|[\w-]+)/;
  const title = line.replace(/^:+/, '').trim().replace(type, '').trim();
  return title
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\{[^{}]*\}$/, '')
    .trim();
}
