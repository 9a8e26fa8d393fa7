import lists from './stop-words.json' with { type: 'json' };

/** The words that texts in a language consist of whatever they are about, and the words with which questions ask. */
const LISTS: Readonly<Record<string, string>> = lists;

/** Endings and particles of Japanese, which no dictionary cuts out the same way each time. */
const SHORT_HIRAGANA = /^\p{Script=Hiragana}{1,3}$/u;
/** In letters. */
const MAX_AMBIGUOUS_LENGTH = 4;
const LATIN_WORD = /^\p{scx=Latin}/u;

/** The languages whose lists contain a word. `scripts/stop-words.ts` makes the lists, and names their source. */
const LANGUAGES_OF_WORDS = new Map<string, string[]>();
for (const [language, words] of Object.entries(LISTS)) {
  for (const word of words.split(' ')) {
    const languages = LANGUAGES_OF_WORDS.get(word);
    if (languages === undefined) LANGUAGES_OF_WORDS.set(word, [language]);
    else languages.push(language);
  }
}

/** Counts the stop words of each language among some words, which must be folded. Absent languages have none. */
export function countStopWords(words: Iterable<string>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const word of words)
    for (const language of LANGUAGES_OF_WORDS.get(word) ?? []) counts.set(language, (counts.get(language) ?? 0) + 1);
  return counts;
}

/**
 * Returns a test for the stop words of a text with these words. A word in Latin script counts only in the languages that
 * the text is most likely in, those with the most stop words: `die` and `war` are content words of an English question.
 */
export function createStopWordTest(words: readonly string[]): (word: string) => boolean {
  const likely = findLikelyLanguages(words.filter((word) => LATIN_WORD.test(word)));
  return (word) => {
    if (SHORT_HIRAGANA.test(word)) return true;
    const languages = LANGUAGES_OF_WORDS.get(word);
    return languages !== undefined && (!LATIN_WORD.test(word) || languages.some((key) => likely.includes(key)));
  };
}

function findLikelyLanguages(words: readonly string[]): string[] {
  const counts = countStopWords(words);
  const most = Math.max(...counts.values());
  // English comes first: a single short word of another language may be an English word.
  const isTold = most > 1 || words.some((word) => word.length > MAX_AMBIGUOUS_LENGTH && LANGUAGES_OF_WORDS.has(word));
  if (counts.get('en') === most || !isTold) return ['en'];
  return [...counts.keys()].filter((language) => counts.get(language) === most);
}
