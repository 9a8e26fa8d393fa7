/**
 * The form of a question, which decides the form of its answer: `DEFINITION` ("What is a lead?") a defining sentence,
 * `HOW_TO` steps or commands, `YES_NO` ("Can I …?") the sentence that says so, `WHERE_IS` the name of a place, `FACT` a
 * sentence with the kind of information that is asked for, `COMPARISON` a sentence about each of two things. `OTHER` includes every question in another language than
 * English.
 */
export type QuestionKind = 'DEFINITION' | 'HOW_TO' | 'YES_NO' | 'WHERE_IS' | 'COMPARISON' | 'FACT' | 'OTHER';

/** The form of a question. */
export interface QuestionForm {
  readonly kind: QuestionKind;
  /** Whether code may answer it: the question asks for steps or a possibility, or names code. */
  readonly asksForCode: boolean;
  /** The two things that a `COMPARISON` compares; otherwise undefined. */
  readonly sides: readonly [string, string] | undefined;
  /** Matches sentences that have what is asked for, such as a year; undefined if any sentence may. */
  readonly evidence: RegExp | undefined;
}

/** Words at the start of a question that say nothing about its form. */
const OPENINGS = wordSet(
  'and but ok okay so hi hello hey please also just then thanks anyway sorry excuse me tell explain describe know',
);
const BE = wordSet('is are was were s be');
const DETERMINERS = wordSet('a an the your our their this that');
const AUXILIARIES = wordSet(
  'is are was were do does did can could may might should will would has have am must isn aren don doesn didn won shall',
);
/** English verbs of instructions: a request such as "reset my password" starts with one. */
const IMPERATIVES = wordSet(
  `activate add allow back block build cancel change clear close configure connect convert copy create deactivate
   delete deploy disable download edit embed enable export extend find fix get hide import increase install integrate
   invite join limit link list log make manage merge migrate move open pause publish recover refund register remove
   rename renew replace report request reset resize restart restore return rotate run save schedule send set setup
   share show start stop switch sync test transfer turn unblock undo uninstall unsubscribe update upgrade upload use
   verify view write`,
);
/** Words that name code or the place where commands are typed. */
const CODE_WORDS = wordSet(
  `cli code command commands config curl environment example execute flag function header json option parameter query
   regex request run script setting shell snippet sql syntax terminal type url variable yaml`,
);
/** Words before the first thing of a comparison. */
const SIDE_STARTS = wordSet(
  'between are is for of with about there have has from does do should use choose difference compare',
);
/** Words with which the second thing of a comparison ends. */
const SIDE_ENDS = wordSet('which what how is are do does did should when why where in for they it');
/** English function words that no other large language shares. */
const ENGLISH = wordSet(
  'the of and how what which who does your you this that with my not could find from there when where why about',
);

/** The kinds of facts: whether the words of a question ask for one, and a pattern of the sentences that state it. */
const FACTS: readonly { asks: (words: readonly string[]) => boolean; evidence: RegExp }[] = [
  {
    asks: (words) =>
      hasAny(words.slice(0, 2), 'when') ||
      hasPair(words, 'what which', 'year date day month time decade century version'),
    evidence:
      /\b(?:1\d|20)\d\d\b|\b\d{1,2}(?:st|nd|rd|th|:\d\d| ?[ap]m)\b|\b(?:jan|febr)uary|\b(?:march|april|may|june|july|august|(?:septem|octo|novem|decem)ber|century|today)\b|\wday\b/i,
  },
  {
    asks: (words) =>
      hasPair(words, 'how', 'many much long old far tall big large often fast high deep soon') ||
      hasPair(words, 'what which', 'percent percentage number amount price size'),
    evidence:
      /\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|dozen|hundred|thousand|million|half|third|quarter|free|unlimited|once|twice)\b/i,
  },
  {
    asks: (words) => hasAny(words, 'called named term') || words.join(' ').endsWith('known as'),
    evidence: /\b(?:called|named|termed|known as|refers? to|name)\b/i,
  },
  { asks: (words) => hasAny(words.slice(0, 3), 'who whom whose'), evidence: /[^.!?\s]\s["“(]?\p{Lu}\p{Ll}/u },
  {
    asks: (words) => hasAny(words.slice(0, 3), 'where'),
    evidence: /\b(?:in|at|near|from|to|on)\s(?:the\s)?\p{Lu}\p{Ll}/u,
  },
  {
    asks: (words) => hasAny(words, 'why reason reasons'),
    evidence: /\b(?:because|since|due to|so that|in order to|as a result|caused?|reasons?|therefore)\b/i,
  },
];

/** Sentences that say whether something is so. */
const YES_NO_EVIDENCE =
  /\b(?:yes|no|not|cannot|can't|can|only|never|always|supports?|supported|allows?|allowed|possible|available|requires?|required|needs?|optional|included|works?|both)\b/i;

/** Sentences that name a place: a path, an address, a menu, a page. */
const PLACE_EVIDENCE =
  /[\w)`*] ?(?:>|→|›) ?[\w(`*]|https?:\/\/|`[~./][^`\n]*`|\b(?:under|menu|tab|settings|sidebar|folder|directory|dashboard|located|stored|found)\b/i;

/** Reads the form of a question. Only the last sentence that asks counts, or else the last sentence. */
export function readQuestionForm(question: string): QuestionForm {
  const words = dropOpening(wordsOf(findAskingSentence(question)));
  const sides = findSides(wordsOf(question));
  const kind = sides ? 'COMPARISON' : readKind(words, /[?？؟]/.test(question));
  return {
    kind,
    sides,
    asksForCode: kind === 'HOW_TO' || asksForPossibility(words) || words.some((word) => CODE_WORDS.has(word)),
    evidence: findEvidence(kind, words),
  };
}

/** Whether texts are written in English, as far as their function words show. */
export function isEnglish(...texts: readonly string[]): boolean {
  const found = texts.flatMap(wordsOf).filter((word) => ENGLISH.has(word));
  return new Set(found).size >= 2;
}

function readKind(words: readonly string[], hasQuestionMark: boolean): QuestionKind {
  const [first = '', second = '', third = ''] = words;
  if (isHowTo(words, hasQuestionMark)) return 'HOW_TO';
  if (first === 'where' && (AUXILIARIES.has(second) || second === 's')) return 'WHERE_IS';
  if (isDefinition(words)) return 'DEFINITION';
  if (AUXILIARIES.has(first) && second !== '') return 'YES_NO';
  if (FACTS.some(({ asks }) => asks(words)) || (first === 'which' && second !== '') || third === 'default')
    return 'FACT';
  return 'OTHER';
}

function isHowTo(words: readonly string[], hasQuestionMark: boolean): boolean {
  const [first = '', second = '', third = ''] = words;
  if (first === 'how') {
    if (second === 'to' || second === 'can' || second === 'should' || second === 'would') return true;
    return hasAny([second], 'do does') && !hasAny([third], 'they these those both it');
  }
  if (first === 'what' && hasAny(words, 'steps')) return true;
  if (first === 'what' && hasAny([second], 'do must should can')) return hasAny([third], 'i we you');
  return !hasQuestionMark && IMPERATIVES.has(first);
}

function isDefinition(words: readonly string[]): boolean {
  const [first = '', second = ''] = words;
  if (hasAny(words, 'between difference differ default') || words.length > 7) return false;
  if (words.at(-1) === 'mean' || words.at(-1) === 'means') return first === 'what';
  if (hasAny([first], 'define meaning')) return true;
  if (first === 'about') return words.length > 1;
  if (!hasAny([first], 'what who') || !(BE.has(second) || second === 'does')) return false;
  const subject = words.slice(2).filter((word) => !DETERMINERS.has(word));
  if (second === 'does') return subject.length <= 3 && subject.at(-1) === 'do';
  return subject.length >= 1 && subject.length <= 3;
}

function findEvidence(kind: QuestionKind, words: readonly string[]): RegExp | undefined {
  if (kind === 'WHERE_IS') return PLACE_EVIDENCE;
  if (kind === 'YES_NO') return YES_NO_EVIDENCE;
  if (kind === 'DEFINITION' || kind === 'HOW_TO' || kind === 'COMPARISON') return undefined;
  return FACTS.find(({ asks }) => asks(words))?.evidence;
}

/** Finds the two things that a question compares: "A or B, which …?", "A vs B", "difference between A and B". */
function findSides(words: readonly string[]): [string, string] | undefined {
  const asksForDifference = hasAny(words, 'difference differences differ distinction vs versus');
  if (!asksForDifference && !(words.includes('or') && hasAny(words, 'which better'))) return undefined;
  const middle =
    words.findLastIndex((word) => hasAny([word], 'vs versus or')) || words.indexOf('and', words.indexOf('between'));
  const separator =
    middle > 0
      ? middle
      : words.indexOf('between') >= 0
        ? words.indexOf('and', words.indexOf('between'))
        : words.lastIndexOf('and');
  const before = words.slice(0, Math.max(0, separator));
  const left = before.slice(before.findLastIndex((word) => SIDE_STARTS.has(word)) + 1);
  const after = words.slice(separator + 1);
  const end = after.findIndex((word) => SIDE_ENDS.has(word));
  const right = after.slice(0, end === -1 ? undefined : end);
  return separator > 0 && left.length > 0 && right.length > 0 ? [left.join(' '), right.join(' ')] : undefined;
}

/** Whether a question asks if something can be done; its answer often says how. */
function asksForPossibility([first = '', second = '', third = '']: readonly string[]): boolean {
  if (first === 'can' || first === 'could') return hasAny([second], 'i we you one');
  return first === 'is' && ((second === 'it' && third === 'possible') || second === 'there');
}

/** Returns the last sentence with a question mark, or else the last sentence. */
function findAskingSentence(question: string): string {
  const sentences = question.split(/(?<=[.!?？؟])\s+/).filter((sentence) => /\p{L}/u.test(sentence));
  return sentences.findLast((sentence) => /[?？؟]["'”’)]?$/.test(sentence)) ?? sentences.at(-1) ?? '';
}

function dropOpening(words: readonly string[]): readonly string[] {
  const asksPolitely = /^(?:can|could|would|will) you$/.test(words.slice(0, 2).join(' '));
  const rest = asksPolitely ? words.slice(2) : words;
  const start = rest.findIndex((word) => !OPENINGS.has(word));
  const isPolite = asksPolitely && start > 0;
  return isPolite || !asksPolitely ? rest.slice(Math.max(0, start)) : words;
}

/** The words of a text in lower case; an apostrophe separates. At most the first 60. */
function wordsOf(text: string): string[] {
  return (
    text
      .slice(0, 1_000)
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
  ).slice(0, 60);
}

function hasAny(words: readonly string[], list: string): boolean {
  const set = list.split(' ');
  return words.some((word) => set.includes(word));
}

/** Whether a word of the first list stands directly before a word of the second. */
function hasPair(words: readonly string[], firsts: string, seconds: string): boolean {
  return words.some((word, index) => hasAny([word], firsts) && hasAny([words[index + 1] ?? ''], seconds));
}

function wordSet(list: string): ReadonlySet<string> {
  return new Set(list.split(/\s+/).filter(Boolean));
}
