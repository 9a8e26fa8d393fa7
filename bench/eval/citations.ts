import { createCitationReader } from '../../src/answer/cite.ts';
import type { Hit } from '../../src/answer/retrieve.ts';
import { createHit } from '../../test/helpers/webhooks/hits.ts';
import { type Article, toText } from './articles.ts';
import { shareOf } from './figures.ts';

/** The shares of citations that are kept, in percent. */
export interface CitationFigures {
  /** For a statement made of a question and its answer, which cites the paragraph that answers it. */
  readonly right: number;
  /** For the same statement, which cites a paragraph of another article. */
  readonly wrong: number;
}

/** Turns every question with its answer into a statement that cites its paragraph, and one of another article. */
export function measureCitations(articles: readonly Article[]): CitationFigures {
  const passages = articles.flatMap(({ title, paragraphs }, article) =>
    paragraphs.map(({ context, qas }) => ({ article, qas, hit: createHit(context, { title }) })),
  );
  const statements = passages.flatMap(({ article, qas, hit }) =>
    qas.map(({ question, answers: [answer = ''] }) => ({
      ...{ article, hit },
      text: `${question.replace(/\?\s*$/, '')}: ${toText(answer)}`,
    })),
  );
  const wrong = statements.map(({ article, hit, text }, index) => {
    const others = passages.filter((passage) => passage.article !== article);
    return { text, hit: others[(index * 37) % others.length]?.hit ?? hit };
  });
  return { right: shareOf(statements, isKept), wrong: shareOf(wrong, isKept) };
}

function isKept({ text, hit }: { text: string; hit: Hit }): boolean {
  const reader = createCitationReader([hit]);
  return [...reader.read(`${text} [1]`), ...reader.end()].some(({ type }) => type === 'citation');
}
