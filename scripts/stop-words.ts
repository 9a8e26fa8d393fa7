/**
 * Writes src/domain/language/stop-words.json: the stop words of each language, folded as terms are. Source: the package
 * `stopwords-iso` 1.1 (MIT), https://github.com/stopwords-iso/stopwords-iso, a collection of published lists; English,
 * where that list has a thousand words, many of them nouns and verbs, is Snowball's list without `may`, `won` and
 * `against`, https://snowballstem.org/algorithms/english/stop.txt (BSD). Run it after a change of `foldText` or of the lists below:
 * `node scripts/stop-words.ts`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { foldText, foldVietnamese } from '../src/domain/language/folding.ts';
import { splitWords } from '../src/domain/language/words.ts';

const LANGUAGES =
  'ar bg ca cs da de el es et eu fa fi fr he hi hr hu hy id it ja ko lt lv nl no pl pt ro ru sk sl sv th tr uk ur vi zh';

const ENGLISH = `i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers
  herself it its itself they them their theirs themselves what which who whom whose this that these those am is are was
  were be been being have has had having do does did doing would should could ought can cannot will shall isn
  aren wasn weren hasn haven hadn doesn don didn wouldn shouldn couldn mustn a an the and but if or because as until
  while of at by for with about between into through during before after above below to from up down in out on off over
  under again further then once here there when where why whether how all any both each few more most other some such no
  nor not only own same so than too very now`;

/** What questions contain beside their subject, where the lists lack it: polite forms and words that ask. */
const QUESTION_WORDS: Readonly<Record<string, string>> = {
  en: `please call called tell know want like need help possible possibly wonder wondering also get got us hello hi hey thank thanks just
    happen happens mean means`,
  ar: 'لماذا اية ايها ايهم بكم وكيف اذكر',
  de: `wieviel bekomme bekommt finde kommt geht mochte mochten bitte hallo gibt lautet nennt versteht woran worauf woraus wobei wodurch
    wofur wogegen womit wonach worin woruber worum worunter wovon wovor wozu`,
  el: 'ποσα ποσο ποσοι ποσων',
  fi: `paljonko montako kauanko voinko saako saanko onko haluan haluaisin haluatte koska kuinka`,
  fr: `bonjour merci puis veux voudrais combien`,
  hi: `क्या कब कहाँ कहां कैसा कैसी कैसे कितनी कितने कितनों किधर किन किनके किनको किनसे किनमें किनकी किनका किसका किसकी किसके किसको किसने किससे किसमें
    क्यों कोनसी कौनसी कौनसे कृपया चाहिए जाता जाती जाते गई गए सकती चाहता चाहती`,
  hu: `mennyibe kerul kerulnek szeretnem szeretnek hanykor meddig tudok tudom lehet lesz melyik milyen kaphatok`,
  ko: `얼마 얼마나 얼마예요 얼마인가요 언제 언제예요 언제까지 어디 어디에 어디서 어디로 어떻게 어떤 어느 며칠 무엇 무엇을 뭐 왜 누가 하나요
    하면 하려면 해야 되나요 되려면 돼요 있나요 있어요 있습니다 있는 있을 수 싶어요 싶습니다 싶은데 알려 알고 주세요 주나요 궁금해요 제가 저는`,
  ja: `いくら いつ どこ どう どの 何 何時 何日 何年 何冊 ください 教え たい した する して し ます ました です でしょう か の は が を に で と も
    から まで へ や ん お ご れ られ られる でき できる あり ある い いい`,
  pl: `moge chce chcialbym chcialabym prosze gdzie kiedy jakich jakim ile czy`,
  ru: `хочу могу почем здравствуите пожалуиста скажите подскажите сколько какие какое каким какими каких какого какому какую каком чья чье чьи`,
  th: 'ใคร ไหน ที่ไหน เมื่อไร เมื่อไหร่ เท่าไร เท่าไหร่ กี่ ทำไม อย่างไร ยังไง ไหม ใด บ้าง',
  tr: `kac kaca kacta hangisi hangileri hangisidir kimdir kimler nedir nelerdir mi mu miyim miyiz nerede nereden istiyorum istiyoruz lutfen zaman`,
  vi: 'bao nhiêu đâu mấy gì được đang đến đi đó đều để đã điều hãy xin',
};

/** Words with a subject of their own, which the lists contain. */
const SUBJECTS: Readonly<Record<string, string>> = {
  de: 'jahr jahre jahren tag tage tagen uhr zeit menschen mensch bekannt beispiel',
  fi: 'aika aikaa aikaan asia asiaa asian asiat vuosi vuoden vuotta',
  fr: 'comment',
  ru: 'деньги вода воина город дом жизнь лицо место рука слово время год года лет день дня земля цель вопрос',
  pl: 'lat rok roku pan pani',
  hu: 'cikk cikkek cikkeket nap napot ev evek',
  tr: 'yuz',
  es: 'dias dia empleo pais paises lugar tiempo',
  it: 'anno anni casa tempo',
  pt: 'ano anos dia dias conselho caminho lugar tempo',
};

/**
 * Words of other languages' lists that are content words of English. A question may be too short to tell its language.
 * Shorter words do no harm: one of them does not tell a language.
 */
const ENGLISH_CONTENT = `alias april brand certain comment december design different diverse email exact favor final force general later
  local multi multiple nature november press proto recent relative sense september start state store total unique`;

/** A number, or a letter of the alphabet that is no word in any language. */
const NO_WORD = /\p{N}|^[bcdfghjlmnpqrtx]$/u;

const lists = JSON.parse(await readFile(new URL(import.meta.resolve('stopwords-iso')), 'utf8')) as Record<
  string,
  string[]
>;
const result: Record<string, string> = { en: fold('en', `${ENGLISH} ${QUESTION_WORDS.en}`.split(/\s+/)) };
for (const language of LANGUAGES.split(' ')) {
  const extra = (QUESTION_WORDS[language] ?? '').split(/\s+/);
  result[language] = fold(language, [...(lists[language] ?? []), ...extra]);
}
const path = new URL('../src/domain/language/stop-words.json', import.meta.url);
await writeFile(path, `${JSON.stringify(result, null, 2)}\n`);

/** The words of a list as texts contain them. Phrases of several words are left out. */
function fold(language: string, words: readonly string[]): string {
  const subjects = new Set(`${SUBJECTS[language]} ${language === 'en' ? '' : ENGLISH_CONTENT}`.split(/\s+/));
  const kept = new Set<string>();
  for (const word of words) {
    const [folded, ...more] = splitWords(language === 'vi' ? foldVietnamese(word) : foldText(word));
    if (folded && more.length === 0 && !NO_WORD.test(folded) && !subjects.has(folded)) kept.add(folded);
  }
  return [...kept].sort().join(' ');
}
