import { createCitationReader } from '../../src/answer/cite.ts';
import type { Hit } from '../../src/answer/retrieve.ts';
import { createHit } from '../../test/helpers/webhooks/hits.ts';
import { type Article, toText } from './articles.ts';
import { shareOf } from './figures.ts';

/** Which citations of statements are kept; in percent. */
export interface CitationFigures {
  /** Of a question with its answer, citing the paragraph that answers it. */
  readonly right: number;
  /** Of the same, citing a paragraph of another article. */
  readonly wrong: number;
}

/** Cites every question with its answer, as a statement, from its paragraph and from one of another article. */
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
