import { OPEN_ELEMENTS } from '../html/element-names.ts';
import type { Line } from './lines.ts';

const OPENING = /^\s*<([A-Za-z][\w.-]*)/;
const CLOSING = /<\/([A-Za-z][\w.-]*)/g;

/** Elements within each other beyond this depth keep their indentation. */
const MAX_DEPTH = 50;

interface Element {
  readonly name: string;
  /** The indentation of its first line of content; undefined before that line. */
  indent: number | undefined;
  /** Whether its opening tag goes on in the next line. */
  isTagOpen: boolean;
}

/**
 * Removes the indentation that lines have only because they are in an element, such as `<Tab>` in `<Tabs>`: it would
 * make code of text, and belong to fenced code.
 */
export function removeElementIndentation(lines: readonly Line[]): Line[] {
  const open: Element[] = [];
  return lines.map((line) => {
    const { text, isCode } = line;
    if (text.trim() === '') return line;
    const indent = text.length - text.trimStart().length;
    if (!isCode) closeElements(text, open);
    const parent = open.at(-1);
    if (parent?.isTagOpen && !isCode) {
      if (/\/>\s*$/.test(text)) open.pop();
      else if (/>\s*$/.test(text)) parent.isTagOpen = false;
      return line;
    }
    if (parent !== undefined) parent.indent ??= indent;
    const name = isCode ? undefined : OPENING.exec(text)?.[1];
    if (name !== undefined && open.length < MAX_DEPTH && opensElement(text, name)) {
      open.push({ name, indent: undefined, isTagOpen: !text.includes('>') });
    }
    return { text: text.slice(Math.min(indent, parent?.indent ?? 0)), isCode };
  });
}

function opensElement(text: string, name: string): boolean {
  return !OPEN_ELEMENTS.has(name.toLowerCase()) && !text.includes(`</${name}`) && !/\/>\s*$/.test(text);
}

function closeElements(text: string, open: Element[]): void {
  if (open.length === 0 || !text.includes('</')) return;
  for (const [, name] of text.matchAll(CLOSING)) {
    const index = open.findLastIndex((element) => element.name === name);
    if (index !== -1) open.splice(index);
  }
}
