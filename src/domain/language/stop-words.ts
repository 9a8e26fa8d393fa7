/**
 * Words that express how a question is asked, not what it is about. They are written without accents. The lists omit
 * stop words that are content words in another of these languages ("war", "die", "man"). The short English words
 * include the parts of words that are split at their apostrophe (`don't`, `it's`).
 */
const LISTS = [
  // English
  `a about above after again all also am an and any are as at be because been before being below between both but
   by call called can could d did do does doing don down during each few for from further get had happen happens has
   have having he hello help her here hers herself hey hi him himself his how i if in into is isn it its itself just
   know like ll m me mean means more most my myself need no nor not now of off on once only or other our ours out over
   own please possible possibly re s same she should so some such t tell than thank thanks that the their theirs them
   themselves then there these they this those through to too under until up us ve very want was we were what when
   where whether which while who whom whose why will with wonder wondering would you your yours yourself`,
  // German
  `aber auf aus bei beim bekomme bitte dann darf das dass dein deine dem den der des du ein eine einem einen einer eines
   er es gibt hab habe haben hat ich ihr ihre im ist ja kann kannst konnen mein meine meinem meinen meiner meines
   mich mir mit muss nach nicht oder ohne sein seine sich sie sind soll sollte uber um und uns unser unsere unter vom
   von wann warum was welche welchem welchen welcher welches wem wen wer werden wie wieso wir wird wo wofur woher wohin
   zu zum zur`,
  // French
  `au aux avec avez avoir ce ces cette combien comment dans de des du elle elles en est et etre il ils je la le les leur
   leurs lui ma mes mon nos notre nous ou par pas peut peux pour pourquoi puis qu quand que quel quelle quelles quels
   qui quoi sa se ses sont sur ta tes ton tu un une vos votre vous`,
  // Spanish, Portuguese, Italian
  `al como con cual cuales cuando cuanto cuantos del donde e el ella ellos es esta estan este esto hay la las lo los mi
   mis muy o para pero por porque puedo que quien se ser si sin son su sus tengo tiene tu un una uno y yo
   ao aos as com da das do dos eles ela elas em eu foi ha isso isto minha meu na nas no nos nao onde os ou pela pelo
   posso qual quais quando quanto quantos quem sao sem sua tem uma voce
   che chi col cosa da dal dalla dei del della delle di dove ed gli il io le mia mio nel nella non perche piu quale
   quali quanti sono sul sulla una`,
  // Dutch
  `aan bij dat de deze dit een en er het hoe hoeveel ik jij jouw je kan met mijn moet naar niet ook op te uit van voor
   waar waarom wanneer wat welke welk wie wij zijn`,
  // Chinese, Thai
  '的 了 是 在 和 有 吗 呢 什么 怎么 哪 谁 คือ อะไร ที่ ของ',
];

/** The words by language, or by a few similar languages. */
export const STOP_WORD_LISTS: readonly ReadonlySet<string>[] = LISTS.map((list) => new Set(list.split(/\s+/)));

/** The words that a search ignores while other words remain. */
export const STOP_WORDS: ReadonlySet<string> = new Set(STOP_WORD_LISTS.flatMap((list) => [...list]));
