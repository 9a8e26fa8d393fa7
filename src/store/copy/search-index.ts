import { addIndexEntries, type IndexEntry, splitTerms } from '../search/inverted-index.ts';
import { openIndex } from '../search/search.ts';
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
    const entries = await toIndexEntries(source, rows);
    await target.transaction().execute((trx) => addIndexEntries(trx, entries));
    onBatch(rows.length);
  }
}

/**
 * Whether both indexes return equal results for the words of a passage: for each word, how many passages of the chatbot
 * contain it, and for the rarest word, which passages contain it.
 */
export async function hasEqualResults(source: Queryable, target: Queryable, row: AnyRow): Promise<boolean> {
  const [entry] = await toIndexEntries(source, [row]);
  if (entry === undefined) return true;
  const { accountId, chatbotId, terms } = entry;
  const search = async (db: Queryable) => {
    const index = await openIndex(db, accountId, chatbotId);
    const counts = [...(await index.countTerms([...new Set(terms)].sort()))];
    const [rarest] = counts.toSorted(([, a], [, b]) => a - b);
    const hasFewMatches = rarest !== undefined && rarest[1] <= MAX_RESULTS;
    const words = hasFewMatches ? [{ text: rarest[0], terms: [rarest[0]] }] : [];
    const ids = (await index.findCandidates(words, MAX_RESULTS)).map(({ passage }) => passage.id).sort();
    return JSON.stringify([index.passageCount, index.averageLength, counts, ids]);
  };
  return (await search(source)) === (await search(target));
}

/** Adds to rows of `search_entries` the account and the chatbot of their passages. */
async function toIndexEntries(source: Queryable, rows: readonly AnyRow[]): Promise<IndexEntry[]> {
  const stored = rows as readonly { passage_id: string; source_id: string; terms: string }[];
  const passages = await source
    .selectFrom('passages')
    .select(['id', 'account_id as accountId', 'chatbot_id as chatbotId'])
    .where(
      'id',
      'in',
      stored.map(({ passage_id }) => passage_id),
    )
    .execute();
  const owners = new Map(passages.map(({ id, ...owner }) => [id, owner]));
  return stored.flatMap(({ passage_id: passageId, source_id: sourceId, terms }) => {
    const owner = owners.get(passageId);
    return owner ? { ...owner, passageId, sourceId, terms: splitTerms(terms) } : [];
  });
}
