import { describe, expect, it } from 'vitest';
import { findWholeWords } from '../../../src/answer/ranking/whole-words.ts';
import { toQueryWords } from '../../../src/domain/language/terms.ts';
import type { Candidate } from '../../../src/store/search/search.ts';

describe('findWholeWords', () => {
  it.each([
    ['a word in the text', 'Die Rechnung kommt per Post.', 1],
    ['a word with an accent and in another case', 'RÉCHNUNG!', 1],
    ['half of a word inside of another one', 'Alle Privatrechnungen kommen per Post.', 0.5],
    ['nothing of a word with the same first letters', 'Der Rechner kommt per Post.', 0],
  ])('counts %s', (_, text, share) => {
    const words = toQueryWords('Wann kommt die Rechnung?').map((word) => ({ ...word, weight: 2 }));
    expect(findWholeWords(candidateOf(text), words)).toBe(share);
  });

  it('counts words by their weights, and those of title and headings too', () => {
    const words = ['Rechnung', 'Adresse']
      .flatMap(toQueryWords)
      .map((word, index) => ({ ...word, weight: 1 + 2 * index }));
    expect(findWholeWords(candidateOf('', ['Adresse']), words)).toBe(0.75);
  });
});

function candidateOf(text: string, headingPath: string[] = []): Candidate {
  const ids = { id: 'p', accountId: 'a', chatbotId: 'c', sourceId: 's' };
  const passage = { ...ids, position: 0, headingPath, text };
  return { passage, title: 'Hilfe', url: null, sourceType: 'TEXT', terms: [], parts: [] };
}
