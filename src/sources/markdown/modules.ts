import type { Line } from './lines.ts';

const IMPORT_LINE = /^import\s(?:[^'"]*\sfrom\s+)?(?:'[^']*'|"[^"]*");?\s*$/;
const IMPORT_START = /^import\s[\w$*,\s]*\{[^{}'"]*$/;
const IMPORT_END = /^[^{'"]*\}\s*from\s+(?:'[^']*'|"[^"]*");?\s*$/;
const EXPORT_START =
  /^export\s+(?:(?:const|let|var)\s+[\w$]+\s*[=:]|(?:async\s+)?function\b|class\s+\w|type\s+\w+\s*=|interface\s+\w+\s*\{|\{|\*\s+from|default\s+(?:function|class|async|\(|\{|[\w$]+(?:;|\(|$)))/;

/** The maximum number of lines of one import or export. */
const MAX_MODULE_LINES = 100;

/** Drops the import and export lines of MDX. Returns the lines, and whether there were any. */
export function dropModuleLines(lines: readonly Line[]): { lines: Line[]; isModule: boolean } {
  const kept: Line[] = [];
  let isAtStart = true;
  let isModule = false;
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] as Line;
    const end = isAtStart && !line.isCode ? findModuleEnd(lines, index) : undefined;
    if (end !== undefined) {
      isModule = true;
      index = end;
      continue;
    }
    // Module lines follow an empty line or each other.
    isAtStart = !line.isCode && line.text.trim() === '';
    kept.push(line);
  }
  return { lines: kept, isModule };
}

/** Returns the index of the last line of the import or export that starts at a line; undefined if none starts there. */
function findModuleEnd(lines: readonly Line[], start: number): number | undefined {
  const { text } = lines[start] as Line;
  if (IMPORT_LINE.test(text)) return start;
  const isImport = IMPORT_START.test(text);
  if (!isImport && !EXPORT_START.test(text)) return undefined;
  // An export ends before the next empty line, as MDX has it, or with the braces that it opens.
  let depth = 0;
  const end = Math.min(lines.length, start + MAX_MODULE_LINES);
  for (let index = start; index < end; index += 1) {
    const line = lines[index] as Line;
    if (isImport && IMPORT_END.test(line.text)) return index;
    if (line.text.trim() === '' && (isImport || depth <= 0)) return isImport ? undefined : index - 1;
    for (const character of line.text) depth += '{[('.includes(character) ? 1 : '}])'.includes(character) ? -1 : 0;
  }
  return isImport || depth > 0 ? undefined : end - 1;
}
