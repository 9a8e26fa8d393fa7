/** The start and the exclusive end of a span of text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Finds a quote in its passage. White space may differ, because a quote has no line breaks. */
export function findQuote(text: string, quote: string): Span | undefined {
  const collapsedQuote = collapseWhiteSpace(quote.trim()).text;
  const collapsed = collapseWhiteSpace(text);
  const index = collapsedQuote === '' ? -1 : collapsed.text.indexOf(collapsedQuote);
  const start = collapsed.offsets[index];
  const last = collapsed.offsets[index + collapsedQuote.length - 1];
  return start === undefined || last === undefined ? undefined : { start, end: last + 1 };
}

/** Replaces each run of white space by one space. `offsets` has the original offset of each UTF-16 code unit. */
function collapseWhiteSpace(text: string): { readonly text: string; readonly offsets: readonly number[] } {
  const units: string[] = [];
  const offsets: number[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charAt(index).replace(/\s/, ' ');
    if (unit === ' ' && units.at(-1) === ' ') continue;
    units.push(unit);
    offsets.push(index);
  }
  return { text: units.join(''), offsets };
}
