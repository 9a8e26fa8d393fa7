/** The tags of Jekyll and Hugo around code: `{% highlight ruby %}`, `{{< highlight go >}}`, and their ends. */
const START = /^\{(?:%-?|\{[<%])\s?(?:highlight|codeblock|code)\s+"?([\w+#-]*)/;
const END = /^\{(?:%-?|\{[<%])\s?(?:end|\/\s?)(?:highlight|codeblock|code)\b/;

/** Makes fenced code of the code between `{% highlight ruby %}` and its end, and the same in Hugo's syntax. */
export function fenceHighlightedCode(text: string): string {
  if (!/\{%|\{\{/.test(text)) return text;
  const lines = text.split('\n');
  let start: number | undefined;
  for (const [index, line] of lines.entries()) {
    const tag = line.trim();
    if (start === undefined && tag.endsWith('}') && START.test(tag)) {
      start = index;
    } else if (start !== undefined && END.test(tag)) {
      lines[start] = `\`\`\`${START.exec(lines[start]?.trim() ?? '')?.[1] ?? ''}`;
      lines[index] = '```';
      start = undefined;
    }
  }
  return lines.join('\n');
}
