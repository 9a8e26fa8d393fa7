import { toContentTerms } from '../domain/terms.ts';
import type { Queryable } from '../store/tables.ts';
import { bandOf } from './confidence.ts';
import type { Turn } from './engine.ts';
import { type Hit, type Retrieval, retrieve } from './retrieve.ts';

/** A question with more terms counts as complete: if its search finds nothing, the subject has changed. */
const MAX_FOLLOW_UP_TERMS = 4;

/** A question with so few terms ("And in winter?") counts as incomplete, whatever its search finds. */
const SHORT_FOLLOW_UP_TERMS = 2;

/** In UTF-16 units: the part of each question that is read. The search uses few of its terms anyway. */
const MAX_READ_CHARS = 10_000;

/** The maximum number of earlier questions that are used; two, because the previous one may be a follow-up too. */
const MAX_EARLIER = 2;

/**
 * Finds the passages for a question that may depend on earlier ones ("And how much is that?"). A question with few
 * terms, or with stop words only, is also searched together with the visitor's last question and, if that finds nothing
 * either, with the one before; the results of both searches alternate. Without history this is the same as `retrieve`.
 *
 * On the SQuAD sample (in parentheses: without history) 88 % (2 %) of the follow-ups to a question about a passage have
 * that passage among the best 8, and 97 % (17 %) with one article as the corpus. Questions after one about something
 * else find their own passage in 96.0 % (96.4 %) of the cases. Off-topic questions after one about a passage count as
 * answerable in 19 % (8 %) of the cases, with one article in 12 % (2 %); a model then answers that it does not know.
 */
export async function retrieveWithHistory(
  db: Queryable,
  accountId: string,
  chatbotId: string,
  content: string,
  history: readonly Turn[],
  limit: number,
): Promise<Retrieval> {
  const question = content.slice(0, MAX_READ_CHARS);
  const termCount = toContentTerms(question).length;
  const earlier = termCount > MAX_FOLLOW_UP_TERMS ? [] : listEarlier(history);
  let best = await retrieve(db, accountId, chatbotId, question, limit);
  let needsMore = termCount <= SHORT_FOLLOW_UP_TERMS || bandOf(best.confidence) === 'NONE';
  let query = question;
  for (const text of earlier) {
    if (!needsMore) break;
    // The question's own words come first, because a long query is cut at its end.
    query += `\n${text}`;
    const result = await retrieve(db, accountId, chatbotId, query, limit);
    best = termCount === 0 ? result : join(best, result, limit);
    needsMore = bandOf(best.confidence) === 'NONE';
  }
  return best;
}

/** Lists the visitor's last questions that have content words, the latest first. */
function listEarlier(history: readonly Turn[]): string[] {
  const earlier: string[] = [];
  for (const { role, content } of history.toReversed()) {
    const text = content.slice(0, MAX_READ_CHARS);
    if (role === 'USER' && toContentTerms(text).length > 0) earlier.push(text);
    if (earlier.length === MAX_EARLIER) break;
  }
  return earlier;
}

/** Alternates the hits of two searches, best first, each passage once. */
function join(alone: Retrieval, together: Retrieval, limit: number): Retrieval {
  const pairs = Array.from({ length: limit }, (_, index) => [alone.hits[index], together.hits[index]]);
  const hits = new Map<string, Hit>();
  for (const hit of pairs.flat()) if (hit && !hits.has(hit.passage.id)) hits.set(hit.passage.id, hit);
  return {
    hits: [...hits.values()].slice(0, limit),
    confidence: Math.max(alone.confidence, together.confidence),
    weights: together.weights,
  };
}
