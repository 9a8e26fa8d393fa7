/** Where a stretch of a text begins, and where it ends, exclusive. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Finds a quote in the passage that it was taken from; white space may differ, because quotes are set on one line. */
export function findQuote(text: string, quote: string): Stretch | undefined {
  const words = quote.trim().split(/\s+/).map(escapePattern);
  const found = quote.trim() === '' ? null : new RegExp(words.join('\\s+')).exec(text);
  return found === null ? undefined : { start: found.index, end: found.index + found[0].length };
}

const escapePattern = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
