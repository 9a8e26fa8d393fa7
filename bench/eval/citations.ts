import { createCitationReader } from '../../src/answer/cite.ts';
import type { Hit } from '../../src/answer/retrieve.ts';
import { createHit } from '../../test/helpers/models/hits.ts';
import { type Article, answerText } from './articles.ts';
import { shareOf } from './figures.ts';

/** How many citations the gateway keeps, in percent. Each statement consists of a question and its answer. */
export interface CitationFigures {
  /** The share of the statements that keep a citation of the paragraph with the answer. */
  readonly right: number;
  /** The share of the statements that keep a citation of a paragraph of another article. */
  readonly wrong: number;
}

/** Measures both shares with one statement for each question of the articles. */
export function measureCitations(articles: readonly Article[]): CitationFigures {
  const passages = articles.flatMap(({ title, paragraphs }, article) =>
    paragraphs.map(({ context, qas }) => ({ article, qas, hit: createHit(context, { title }) })),
  );
  const statements = passages.flatMap(({ article, qas, hit }) =>
    qas.map(({ question, answers: [answer = ''] }) => ({
      ...{ article, hit },
      text: `${question.replace(/\?\s*$/, '')}: ${answerText(answer)}`,
    })),
  );
  const wrongStatements = statements.map(({ article, hit, text }, index) => {
    // The step picks passages that are usually far apart, and the same ones in every run.
    const passagesOfOtherArticles = passages.filter((passage) => passage.article !== article);
    return { text, hit: passagesOfOtherArticles[(index * 37) % passagesOfOtherArticles.length]?.hit ?? hit };
  });
  return { right: shareOf(statements, isKept), wrong: shareOf(wrongStatements, isKept) };
}

function isKept({ text, hit }: { text: string; hit: Hit }): boolean {
  const reader = createCitationReader([hit]);
  return [...reader.read(`${text} [1]`), ...reader.end()].some(({ type }) => type === 'citation');
}
