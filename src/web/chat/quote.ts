/** The start and the exclusive end of a span of text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Finds a quote in its passage. White space may differ, because quotes have no line breaks. */
export function findQuote(text: string, quote: string): Span | undefined {
  const wanted = joinSpaces(quote.trim()).text;
  const joined = joinSpaces(text);
  const at = wanted === '' ? -1 : joined.text.indexOf(wanted);
  const start = joined.places[at];
  const last = joined.places[at + wanted.length - 1];
  return start === undefined || last === undefined ? undefined : { start, end: last + 1 };
}

/** Replaces each run of white space by one space; `places` has the original offset of each UTF-16 code unit. */
function joinSpaces(text: string): { readonly text: string; readonly places: readonly number[] } {
  const units: string[] = [];
  const places: number[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charAt(index).replace(/\s/, ' ');
    if (unit === ' ' && units.at(-1) === ' ') continue;
    units.push(unit);
    places.push(index);
  }
  return { text: units.join(''), places };
}
