import { type AnswerFigures, measureAnswers } from './answers.ts';
import { addArticles, readArticles } from './articles.ts';
import { measureCitations } from './citations.ts';
import { type DataSet, type Figure, percent } from './data-set.ts';
import { measureFollowUps } from './follow-ups.ts';

/** Articles of SQuAD with off-topic questions: search, answers, confidence, follow-ups and citations. */
export const squad: DataSet = {
  path: 'squad-sample.json',
  async measure(path, db) {
    const { data, offTopic = [] } = await readArticles(path);
    const corpus = await addArticles(db, data);
    const followUps = await measureFollowUps(corpus, offTopic);
    const citations = measureCitations(data);
    const allArticles = await measureAnswers(db, [data], offTopic);
    const perArticle = await measureAnswers(
      db,
      data.map((article) => [article]),
      offTopic,
    );
    // The articles with only their first paragraph.
    const openings = data.map((article) => ({ ...article, paragraphs: article.paragraphs.slice(0, 1) }));
    const perOpening = await measureAnswers(
      db,
      openings.map((opening) => [opening]),
      offTopic,
    );
    const count = corpus.questions.length;
    const openingCount = openings.flatMap(({ paragraphs }) => paragraphs.flatMap(({ qas }) => qas)).length;
    const row = (measured: string, value: number, questions = count): Figure => ({
      ...{ measured, questions },
      result: percent(value),
    });
    return [
      row('right passage first', allArticles.first),
      row('right passage in the first five', allArticles.firstFive),
      row('mean reciprocal rank at 10', allArticles.reciprocalRank),
      row('right answer in the chosen quotes', allArticles.rightQuotes),
      { measured: 'confidence, area under the curve', result: allArticles.areaUnderCurve.toFixed(3), questions: count },
      ...listAnswers('all articles', allArticles, count, offTopic.length),
      ...listAnswers('one article', perArticle, count, data.length * offTopic.length),
      ...listAnswers('one paragraph', perOpening, openingCount, data.length * offTopic.length),
      row('follow-up: right passage in the first eight', followUps.followUps),
      row('after another question: right passage in the first eight', followUps.afterUnrelatedQuestion),
      row('without context: right passage in the first eight', followUps.asFirstMessage),
      row('off-topic after a question: answered', followUps.offTopicAnswered),
      row('citation of the right passage kept', citations.right),
      row('citation of a wrong passage kept', citations.wrong),
    ];
  },
};

function listAnswers(corpus: string, figures: AnswerFigures, questions: number, offTopicQuestions: number): Figure[] {
  const row = (measured: string, value: number, count: number): Figure => ({
    measured: `${corpus}: ${measured}`,
    result: percent(value),
    questions: count,
  });
  const countOf = (share: number) => Math.round((questions * share) / 100);
  return [
    row('answered', figures.answered, questions),
    row('off-topic answered', figures.offTopicAnswered, offTopicQuestions),
    row('right, of the answered', figures.rightAnswers, countOf(figures.answered)),
    row('sure', figures.sure, questions),
    row('off-topic sure', figures.offTopicSure, offTopicQuestions),
    row('right, of the sure', figures.rightWhenSure, countOf(figures.sure)),
  ];
}
