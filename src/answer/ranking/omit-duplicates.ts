import { areNearDuplicates, type Shingles, toShingles } from '../../domain/language/near-duplicates.ts';
import type { HeadedCandidate } from './passage-features.ts';

type Scored = HeadedCandidate & { readonly score: number };

/** Only passages whose scores and lengths differ by at most these are compared: others cannot say nearly the same. */
const MAX_SCORE_DIFFERENCE = 0.1;
const MIN_LENGTH_RATIO = 0.8;

/**
 * Returns the first `limit` passages of a ranking, without those that nearly repeat an earlier one of another source,
 * such as a page that is published twice. The terms of title and headings count too, so that short passages with the
 * same text under different headings are both kept.
 */
export function omitDuplicates<T extends Scored>(ranked: readonly T[], limit: number): T[] {
  const shinglesOf = new Map<T, Shingles>();
  const readShingles = (passage: T) => {
    const shingles = shinglesOf.get(passage) ?? toShingles(passage.terms);
    shinglesOf.set(passage, shingles);
    return shingles;
  };
  const kept: T[] = [];
  for (const passage of ranked) {
    if (kept.length === limit) break;
    const isDuplicate = kept.some(
      (other) => areComparable(other, passage) && areNearDuplicates(readShingles(other), readShingles(passage)),
    );
    if (!isDuplicate) kept.push(passage);
  }
  return kept;
}

function areComparable(a: Scored, b: Scored): boolean {
  const lengths = [a.terms.length, b.terms.length];
  return (
    a.passage.sourceId !== b.passage.sourceId &&
    Math.abs(a.score - b.score) <= MAX_SCORE_DIFFERENCE &&
    Math.min(...lengths) >= MIN_LENGTH_RATIO * Math.max(...lengths)
  );
}
