import { findCandidates } from './quote-candidates.ts';
import type { Hit } from './retrieve.ts';
import { scoreTerms } from './score-passage.ts';

/** The maximum number of a statement's terms that are compared with a passage; later terms are ignored. */
const MAX_COMPARED_TERMS = 64;

/**
 * Creates a function that finds the part of a passage that matches given terms best, and returns its words on one line
 * as they stand in the passage. It compares the first 64 terms, and returns undefined when nothing can be quoted.
 */
export function createQuoteFinder(hit: Hit): (terms: readonly string[]) => string | undefined {
  const candidates = findCandidates(hit);
  const counts = new Map<string, number>();
  for (const { terms } of candidates) for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return (terms) => {
    // Words in many parts of the passage weigh little.
    const words = terms.slice(0, MAX_COMPARED_TERMS).map((term) => ({
      ...{ text: term, terms: [term] },
      weight: Math.log(1 + candidates.length / (1 + (counts.get(term) ?? 0))),
    }));
    const scores = candidates.map(({ terms }) => scoreTerms([...terms], words, Math.max(1, terms.size / 40)));
    const best = candidates[scores.indexOf(Math.max(...scores))];
    if (best?.kind === 'ENTRY') return hit.passage.text.trim();
    return best && hit.passage.text.slice(best.start, best.end).replace(/\s+/g, ' ');
  };
}
