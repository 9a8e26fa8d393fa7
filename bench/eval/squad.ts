import { type AnswerFigures, measureAnswers } from './answers.ts';
import { type Article, addArticles, addEachArticle, readArticles } from './articles.ts';
import { measureCalibration } from './calibration.ts';
import { measureCitations } from './citations.ts';
import { type DataSet, type Figure, spreadOver } from './data-set.ts';
import { measureFollowUps } from './follow-ups.ts';
import { measureMisspeltSearch } from './misspelt-search.ts';

/** The maximum number of questions of each side when questions are separated from off-topic ones. */
const MAX_SEPARATED = 1_000;

/**
 * The articles of SQuAD 1.1, which has no off-topic questions. They are separated in a second corpus of every other
 * article, the first one included: the questions about these articles are on topic, those about the others off topic.
 */
export const squad: DataSet = {
  path: 'squad.json',
  async measure(path, db) {
    const { data } = await readArticles(path);
    const corpus = await addArticles(db, data);
    const half = await addArticles(
      db,
      data.filter((_, index) => index % 2 === 0),
    );
    const offTopic = data.filter((_, index) => index % 2 === 1).flatMap(listQuestions);
    const separated = { ...half, questions: spreadOver(half.questions, MAX_SEPARATED) };
    return [
      ...listSearchFigures(await measureAnswers([corpus], []), corpus.questions.length),
      ...(await measureMisspeltSearch(corpus)),
      ...listSeparation(await measureAnswers([separated], spreadOver(offTopic, MAX_SEPARATED))),
    ];
  },
};

/** Articles of SQuAD with off-topic questions: the same figures, and follow-ups, citations and small corpora. */
export const squadSample: DataSet = {
  path: 'squad-sample.json',
  async measure(path, db) {
    const { data, offTopic = [] } = await readArticles(path);
    const corpus = await addArticles(db, data);
    const allArticles = await measureAnswers([corpus], offTopic);
    const perArticle = await measureAnswers(await addEachArticle(db, data), offTopic);
    // The articles with only their first paragraph.
    const openings = data.map((article) => ({ ...article, paragraphs: article.paragraphs.slice(0, 1) }));
    const perOpening = await measureAnswers(await addEachArticle(db, openings), offTopic);
    const followUps = await measureFollowUps(corpus, offTopic);
    const citations = measureCitations(data);
    const questions = corpus.questions.length;
    const row = (measured: string, value: number): Figure => ({ measured, value, unit: '%', questions });
    return [
      ...listSearchFigures(allArticles, questions),
      ...(await measureMisspeltSearch(corpus)),
      ...listSeparation(allArticles),
      ...listAnswers('one article', perArticle),
      ...listAnswers('one paragraph', perOpening),
      row('follow-up: right passage in the first eight', followUps.followUps),
      row('after another question: right passage in the first eight', followUps.afterUnrelatedQuestion),
      row('without context: right passage in the first eight', followUps.asFirstMessage),
      row('off-topic after a question: answered', followUps.offTopicAnswered),
      row('citation of the right passage kept', citations.right),
      row('citation of a wrong passage kept', citations.wrong),
    ];
  },
};

const listQuestions = ({ paragraphs }: Article) => paragraphs.flatMap(({ qas }) => qas.map(({ question }) => question));

function listSearchFigures(figures: AnswerFigures, questions: number): Figure[] {
  const row = (measured: string, value: number, atLeast: number): Figure => ({
    ...{ measured, value, questions },
    unit: '%',
    level: { atLeast },
  });
  return [
    row('right passage first', figures.first, 82),
    row('right passage in the first five', figures.firstFive, 95),
    row('mean reciprocal rank at 10', figures.reciprocalRank, 87.5),
    row('right answer in the quotes', figures.rightQuotes, 86),
    row('right answer in the first two quotes', figures.rightFirstTwoQuotes, 86),
    { measured: 'quotes of an answer, mean', value: figures.meanQuotes, questions, level: { atMost: 2 } },
  ];
}

/** The separation of on-topic from off-topic questions by the confidence, and what the confidence means. */
function listSeparation(figures: AnswerFigures): Figure[] {
  const { judgements, areaUnderCurve, offTopicAt85 } = figures;
  const questions = judgements.length;
  const offTopicCount = judgements.filter(({ isOnTopic }) => !isOnTopic).length;
  return [
    { measured: 'off-topic: area under the curve', value: areaUnderCurve, questions, level: { atLeast: 0.97 } },
    {
      measured: 'off-topic: answered, where 85 % of the others are',
      value: offTopicAt85,
      unit: '%',
      questions: offTopicCount,
      level: { atMost: 3 },
    },
    ...listAnswers('all articles', figures),
    ...measureCalibration(judgements),
  ];
}

function listAnswers(corpus: string, figures: AnswerFigures): Figure[] {
  const onTopicCount = figures.judgements.filter(({ isOnTopic }) => isOnTopic).length;
  const offTopicCount = figures.judgements.length - onTopicCount;
  const countOf = (share: number) => Math.round((onTopicCount * share) / 100);
  const row = (measured: string, value: number, questions: number): Figure => ({
    measured: `${corpus}: ${measured}`,
    unit: '%',
    ...{ value, questions },
  });
  return [
    row('answered', figures.answered, onTopicCount),
    row('off-topic answered', figures.offTopicAnswered, offTopicCount),
    row('right, of the answered', figures.rightAnswers, countOf(figures.answered)),
    row('sure', figures.sure, onTopicCount),
    row('off-topic sure', figures.offTopicSure, offTopicCount),
    row('right, of the sure', figures.rightWhenSure, countOf(figures.sure)),
  ];
}
