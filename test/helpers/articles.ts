import { readArticles } from '../../bench/eval/articles.ts';

/** Articles written for the tests, and questions that none of them answers. */
export const { data: articles, offTopic = [] } = await readArticles(
  new URL('../fixtures/articles.json', import.meta.url),
);
