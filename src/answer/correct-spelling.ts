import { countMistakes, listSpellings, type Spelling } from '../domain/language/spelling.ts';
import { type QueryWord, toContentTerms, toQueryWords, toWordTerms } from '../domain/language/terms.ts';
import { WORD_RUN } from '../domain/language/words.ts';
import type { Candidate, ChatbotIndex } from '../store/search/search.ts';
import { scoreTerms, type WeightedWord } from './score-passage.ts';

/** A term that a misspelt word may mean. */
interface Correction {
  readonly term: string;
  /** The cost of the mistake, as in `Spelling`. */
  readonly cost: number;
}

/** A word that no passage contains. Its terms include those that it may mean instead. */
export interface MisspeltWord extends QueryWord {
  /** The terms of the word as it is written. */
  readonly ownTerms: readonly string[];
  readonly corrections: readonly Correction[];
}

/** A word of a question, corrected if no passage contains it. */
export interface CorrectedWord extends QueryWord {
  /** The word as the question has it; absent if it is not corrected. */
  readonly misspelt?: string;
  /** The share of the word's weight that is lost to the doubt in the correction. */
  readonly doubt?: number;
}

/** The maximum number of words that are corrected: those of a question in another language may all be unknown. */
const MAX_CORRECTED_WORDS = 3;

/** The maximum number of terms among which the passages decide for one word. */
const MAX_CORRECTIONS = 6;

/** Words of at least this many letters may have two mistakes; of these, the first letters are right. */
const LONG_WORD = 8;
const RIGHT_LETTERS = 2;
const TWO_MISTAKES_COST = 2;

/** The number of times that a term must be more frequent than another to make up for a mistake that costs 1 more. */
const COUNT_PER_COST = 100;

/**
 * The doubt in a correction, as a share of the word's weight, for each cost of the mistake and letter of the word: many
 * unrelated words differ by one letter, above all short ones.
 */
const DOUBT = 2;
const MAX_DOUBT = 0.6;

/**
 * A word and its correction may have different endings, but differ in at most this share of the letters, or two: terms
 * that are only the first letters of words may be those of quite another word.
 */
const MAX_DIFFERENT_SHARE = 1 / 3;

/**
 * Finds corrections for the words that no passage of the chatbot contains, in the chatbot's own vocabulary: words that
 * differ by one typing mistake, and for long words by two if there are none. Two mistakes are found only in English and
 * outside Latin script, because other terms are only the first letters of words. Other words stay as they are.
 */
export async function findCorrections(
  index: ChatbotIndex,
  words: readonly QueryWord[],
): Promise<(QueryWord | MisspeltWord)[]> {
  const counts = await index.countTerms(words.flatMap(({ terms }) => terms));
  const unknown = words.filter(({ terms }) => terms.every((term) => counts.get(term) === 0));
  if (index.passageCount === 0 || unknown.length === 0) return [...words];
  const spellings = unknown.slice(0, MAX_CORRECTED_WORDS).map((word) => ({ word, byTerm: groupByTerm(word.text) }));
  const spellingCounts = await index.countTerms(spellings.flatMap(({ byTerm }) => [...byTerm.keys()]));
  const misspelt = new Map<QueryWord, MisspeltWord>();
  for (const { word, byTerm } of spellings) {
    const likeliest = chooseLikeliest(byTerm, spellingCounts);
    const corrections = likeliest.length > 0 ? likeliest : await findTwoMistakes(index, word.text);
    const terms = [...word.terms, ...corrections.map(({ term }) => term)];
    if (corrections.length > 0) misspelt.set(word, { ...word, terms, ownTerms: word.terms, corrections });
  }
  return words.map((word) => misspelt.get(word) ?? word);
}

/**
 * Chooses a correction for each misspelt word: the one with which the best candidate scores most, if it scores more than
 * with the word as written, of which a passage may have parts. The word then has the spelling of that passage. A part of
 * its weight stays with the word as written, which no passage contains and which comes last, so that a question of which
 * only corrections are found has a low score.
 * @param weigh gives a word its weight.
 */
export function chooseCorrections(
  words: readonly (QueryWord & Partial<MisspeltWord>)[],
  candidates: readonly Candidate[],
  weigh: (word: QueryWord) => WeightedWord,
): (WeightedWord & CorrectedWord)[] {
  const chosen: (WeightedWord & CorrectedWord)[] = words.map(({ corrections, ownTerms, ...word }) =>
    weigh({ ...word, terms: ownTerms ?? word.terms }),
  );
  for (const [place, { text: misspelt, corrections = [] }] of words.entries()) {
    let { score: bestScore } = findBest(chosen, corrections.length > 0 ? candidates : []);
    for (const { term, cost } of corrections) {
      const word = weigh({ text: term, terms: [term] });
      const withTerm = candidates.filter(({ terms }) => terms.includes(term));
      const { score, candidate } = findBest(chosen.with(place, word), withTerm);
      const meant = candidate && score > bestScore ? findWord(candidate, term, misspelt) : undefined;
      if (meant === undefined) continue;
      bestScore = score;
      const doubt = Math.min(MAX_DOUBT, (DOUBT * cost) / misspelt.length);
      chosen[place] = { ...word, text: meant, misspelt, doubt };
    }
  }
  const doubts = chosen.flatMap(({ misspelt: text, weight, doubt = 0 }) =>
    text === undefined ? [] : { text, terms: [text], weight: weight * doubt },
  );
  const trusted = chosen.map((word) => ({ ...word, weight: word.weight * (1 - (word.doubt ?? 0)) }));
  return [...trusted, ...doubts];
}

/** Replaces the corrected words of a question by their corrections; null if there are none. */
export function correctText(question: string, words: readonly CorrectedWord[]): string | null {
  const corrections = new Map(
    words.flatMap(({ misspelt, text }) => (misspelt === undefined ? [] : [[misspelt, text]])),
  );
  if (corrections.size === 0) return null;
  return question.replace(WORD_RUN, (run) => {
    const correction = corrections.get(toQueryWords(run)[0]?.text ?? '');
    if (correction === undefined) return run;
    return /^\p{Lu}/u.test(run) ? correction.charAt(0).toUpperCase() + correction.slice(1) : correction;
  });
}

/** Groups the spellings near a word by their terms, and keeps the likeliest of each. */
function groupByTerm(word: string): Map<string, Spelling> {
  const likeliest = new Map<string, Spelling>();
  for (const spelling of listSpellings(word)) {
    for (const term of toWordTerms(spelling.text)) {
      const other = likeliest.get(term);
      if (other === undefined || spelling.cost < other.cost) likeliest.set(term, spelling);
    }
  }
  return likeliest;
}

/** Chooses the terms that the chatbot has and that are no stop words, the likeliest first. */
function chooseLikeliest(byTerm: ReadonlyMap<string, Spelling>, counts: ReadonlyMap<string, number>): Correction[] {
  const costOf = (term: string, { cost }: Spelling) =>
    cost - Math.log(counts.get(term) ?? 1) / Math.log(COUNT_PER_COST);
  return [...byTerm]
    .filter(([term, { text }]) => counts.get(term) !== 0 && toContentTerms(text).length > 0)
    .sort((a, b) => costOf(...a) - costOf(...b))
    .slice(0, MAX_CORRECTIONS)
    .map(([term, { cost }]) => ({ term, cost }));
}

async function findTwoMistakes(index: ChatbotIndex, word: string): Promise<Correction[]> {
  if (Array.from(word).length < LONG_WORD) return [];
  const stems = toWordTerms(word);
  const terms = await index.listTerms(Array.from(word).slice(0, RIGHT_LETTERS).join(''));
  return terms
    .filter((term) => term.length >= LONG_WORD - 2 && stems.some((stem) => countMistakes(stem, term, 2) <= 2))
    .slice(0, MAX_CORRECTIONS)
    .map((term) => ({ term, cost: TWO_MISTAKES_COST }));
}

function findBest(words: readonly WeightedWord[], candidates: readonly Candidate[]) {
  let best: { score: number; candidate?: Candidate } = { score: 0 };
  for (const candidate of candidates) {
    const score = scoreTerms(candidate.terms, words, 1, candidate.parts);
    if (score > best.score) best = { score, candidate };
  }
  return best;
}

/** Finds the word of a passage that has a term and is nearest to a misspelt word: `deliveries` or `delivery`. */
function findWord({ title, passage }: Candidate, term: string, misspelt: string): string | undefined {
  const text = [title, ...passage.headingPath, passage.text].join('\n').toLowerCase();
  const limit = Math.max(2, Math.floor(misspelt.length * MAX_DIFFERENT_SHARE));
  let nearest: { readonly word: string; readonly mistakes: number } | undefined;
  for (const word of new Set(text.match(WORD_RUN))) {
    const [folded] = toQueryWords(word);
    if (!folded?.terms.includes(term)) continue;
    const mistakes = countMistakes(folded.text, misspelt, limit);
    if (mistakes < (nearest?.mistakes ?? limit + 1)) nearest = { word, mistakes };
  }
  return nearest?.word;
}
