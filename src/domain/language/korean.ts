/**
 * The number of syllables of a stem: most nouns have two, and particles, endings and further nouns follow without a
 * space.
 */
const STEM_LENGTH = 2;

const HANGUL = /^\p{Script=Hangul}+$/u;

/** Particles of two or more syllables, which also follow nouns of one syllable (`앱에서`, "in the app"). */
const LONG_PARTICLE = /(?<=.)(?:에서|으로|까지|부터|에게|한테|처럼|보다|마다|이나|이랑|입니|이에|인가|인지)/u;

/** Particles that hardly any noun of two syllables ends with. */
const PARTICLES = '을를은는';
const NOUNS = new Set(['마을', '가을', '노을']);

/** Further particles, which also end many nouns of two syllables (`회의`, "meeting"). */
const AMBIGUOUS_PARTICLES = '이가에의도로만과와요';

/** Returns the stem of a Korean word: its first two syllables, or one syllable before a particle. */
export function toKoreanStem(word: string): string {
  const bare = word.slice(0, 4).search(LONG_PARTICLE) === 1 ? word.slice(0, 1) : word;
  if (bare.length === 2 && PARTICLES.includes(bare.charAt(1)) && !NOUNS.has(bare)) return bare.charAt(0);
  return bare.slice(0, STEM_LENGTH);
}

/** The stems of texts that may contain a question's word of one or two syllables, beside the word's own stem. */
export function listKoreanVariants(word: string): string[] {
  if (!HANGUL.test(word)) return [];
  const stem = toKoreanStem(word);
  const isAmbiguous = word.length === 2 && AMBIGUOUS_PARTICLES.includes(word.charAt(1));
  const noun = stem.length === 1 ? stem : isAmbiguous ? word.charAt(0) : undefined;
  return noun === undefined ? [] : [noun, ...Array.from(AMBIGUOUS_PARTICLES, (particle) => noun + particle)];
}
