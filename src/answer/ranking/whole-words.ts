import { foldText } from '../../domain/language/folding.ts';
import type { Candidate } from '../../store/search/search.ts';
import type { WeightedWord } from '../score-passage.ts';
import { shareOf } from './word-shares.ts';

/** The weight of a word inside another one: `Rechnung` in `Privatrechnungen`. */
const INNER_SHARE = 0.5;

const WORD_CHARACTER = /[\p{L}\p{M}\p{N}]/u;

/** The share of a question's words, by weight, that a candidate contains as they are. */
export function findWholeWords({ title, passage }: Candidate, words: readonly WeightedWord[]): number {
  const text = foldText([title, ...passage.headingPath, passage.text].join('\n'));
  return shareOf(words, ({ text: word }) => (hasWord(text, word) ? 1 : text.includes(word) ? INNER_SHARE : 0));
}

function hasWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + word.length)) {
    if (!WORD_CHARACTER.test(text.charAt(at - 1)) && !WORD_CHARACTER.test(text.charAt(at + word.length))) return true;
  }
  return false;
}
