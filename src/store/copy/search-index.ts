import { addIndexEntries, findCandidates, splitTerms } from '../search/search.ts';
import type { IndexEntry } from '../search/text-index.ts';
import type { Queryable } from '../tables.ts';
import { type AnyRow, INDEX_ENTRIES, readBatches } from './rows.ts';

/** The maximum number of compared passages of a term. If more passages contain the term, only counts are compared. */
const MAX_RESULTS = 50;

/**
 * Copies the index entries of the source to the target, with the same terms, in the order of the passage ids. Each
 * batch is written in one transaction, so a copy can continue after the last entry.
 * @param after the last entry of the target.
 */
export async function copyIndex(
  source: Queryable,
  target: Queryable,
  after: AnyRow | undefined,
  onBatch: (rows: number) => void,
): Promise<void> {
  for await (const rows of readBatches(source, INDEX_ENTRIES, after)) {
    const entries = rows.map(toIndexEntry);
    await target.transaction().execute((trx) => addIndexEntries(trx, entries));
    onBatch(rows.length);
  }
}

/**
 * Whether both indexes return equal results for the words of a passage: for each word, how many passages of the chatbot
 * contain it, and for the rarest word, which passages contain it.
 */
export async function hasEqualResults(source: Queryable, target: Queryable, row: AnyRow): Promise<boolean> {
  const { accountId, chatbotId, terms } = toIndexEntry(row);
  const search = async (db: Queryable) => {
    const words = [...new Set(terms)].sort();
    const { passageCount, averageLength, matchCounts } = await findCandidates(db, accountId, chatbotId, words, 1);
    const [rarest] = [...matchCounts].sort(([, a], [, b]) => a - b);
    const hasFewMatches = rarest !== undefined && rarest[1] <= MAX_RESULTS;
    const result = hasFewMatches ? await findCandidates(db, accountId, chatbotId, [rarest[0]], MAX_RESULTS) : undefined;
    const ids = result?.candidates.map(({ passage }) => passage.id).sort();
    return JSON.stringify([passageCount, averageLength, [...matchCounts], ids]);
  };
  return (await search(source)) === (await search(target));
}

function toIndexEntry(row: AnyRow): IndexEntry {
  const { passage_id, account_id, chatbot_id, source_id, terms } = row as Record<string, string>;
  return {
    passageId: passage_id ?? '',
    accountId: account_id ?? '',
    chatbotId: chatbot_id ?? '',
    sourceId: source_id ?? '',
    terms: splitTerms(terms ?? ''),
  };
}
