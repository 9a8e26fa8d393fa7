import type { Hit, Retrieval } from '../../../src/answer/retrieve.ts';
import type { SourceType } from '../../../src/domain/entities.ts';

/** Creates a hit from a text, without a database. */
export function createHit(
  text: string,
  parts: { id?: string; title?: string; type?: SourceType; path?: string[] } = {},
): Hit {
  const { id = text, title = 'Shop', type = 'TEXT', path = [] } = parts;
  const passage = {
    id,
    accountId: 'a',
    chatbotId: 'c',
    sourceId: `source of ${id}`,
    position: 0,
    headingPath: path,
    text,
  };
  return { passage, title, url: 'https://example.com/', sourceType: type, score: 0.5 };
}

/** Creates a retrieval from hits, best first. */
export function createRetrieval(hits: readonly Hit[], confidence = 0.5): Retrieval {
  return { hits, confidence, words: [], correctedQuestion: null };
}
