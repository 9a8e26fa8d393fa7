/**
 * Changes of the inverted index: the same tables and the same code on both engines. The index of a chatbot is its
 * corpus. Adding and removing passages locks the corpus, so such transactions run one after another.
 */
import { type RawBuilder, sql } from 'kysely';
import { countWords } from '../../domain/language/terms.ts';
import { isPostgres } from '../engines/engine.ts';
import { yieldBatches } from '../engines/yield-batches.ts';
import type { Queryable } from '../tables.ts';
import type { SegmentPostings } from './bm25.ts';
import { encodePosting, removePostings, segmentOf } from './postings.ts';

/** A passage to index, with the terms that `toIndexTerms` returns. */
export interface IndexEntry {
  readonly passageId: string;
  readonly accountId: string;
  readonly chatbotId: string;
  readonly sourceId: string;
  readonly terms: readonly string[];
}

/** An indexed passage, without the ids that name it. */
interface Entry {
  readonly slot: number;
  readonly terms: readonly string[];
}

/** The maximum weight of a batch: the number of its terms, at up to three microseconds each. */
const MAX_BATCH_WEIGHT = 8_000;
/** The weight of an entry without its terms. */
const ENTRY_WEIGHT = 40;

/** Adds passages of one or more chatbots that are not in the index, in the transaction that inserts their rows. */
export async function addIndexEntries(trx: Queryable, entries: readonly IndexEntry[]): Promise<void> {
  for (const corpusEntries of Map.groupBy(entries, ({ chatbotId }) => chatbotId).values()) {
    for await (const batch of yieldBatches(corpusEntries, weigh, MAX_BATCH_WEIGHT)) await addBatch(trx, batch);
  }
}

async function addBatch(trx: Queryable, batch: readonly IndexEntry[]): Promise<void> {
  const [first] = batch;
  if (first === undefined) return;
  const corpus = await growCorpus(trx, first, batch);
  const entries = batch.map((entry, index) => ({ ...entry, slot: corpus.firstSlot + index }));
  const rows = entries.map(({ slot, passageId, sourceId, terms }) => ({
    ...{ corpus_id: corpus.id, slot, passage_id: passageId, source_id: sourceId },
    terms: terms.join(' '),
  }));
  await trx.insertInto('search_entries').values(rows).execute();
  await sql`
    insert into search_postings (corpus_id, term, segment, data)
    select cast(${corpus.id} as integer), term, segment, data from ${givenRows(trx, encodeEntries(entries))} as given
    where true
    on conflict (corpus_id, term, segment)
    do update set data = cast(search_postings.data || excluded.data as ${bytesOf(trx)})
  `.execute(trx);
}

/**
 * Removes all passages of a source from the index, even if their rows no longer exist. Other accounts' sources stay.
 */
export async function unindexSource(trx: Queryable, accountId: string, sourceId: string): Promise<void> {
  await waitForLocks(trx);
  const corpus = await trx
    .selectFrom('search_corpora')
    .select('id')
    .where('account_id', '=', accountId)
    .where('id', 'in', (db) => db.selectFrom('search_entries').select('corpus_id').where('source_id', '=', sourceId))
    .forUpdate()
    .executeTakeFirst();
  if (corpus === undefined) return;
  const rows = await trx
    .selectFrom('search_entries')
    .select(['slot', 'terms'])
    .where('source_id', '=', sourceId)
    .where('corpus_id', '=', corpus.id)
    .execute();
  const entries = rows.map(({ slot, terms }) => ({ slot, terms: splitTerms(terms) }));
  for await (const batch of yieldBatches(entries, weigh, MAX_BATCH_WEIGHT)) {
    await removePostingsOf(trx, corpus.id, batch);
    const length = batch.reduce((sum, { terms }) => sum + countWords(terms), 0);
    await sql`
      update search_corpora set passages = passages - ${batch.length}, terms = terms - ${length} where id = ${corpus.id}
    `.execute(trx);
  }
  await trx.deleteFrom('search_entries').where('source_id', '=', sourceId).where('corpus_id', '=', corpus.id).execute();
}

/** Removes all passages of a chatbot from the index, even if their rows no longer exist. */
export async function unindexChatbot(trx: Queryable, accountId: string, chatbotId: string): Promise<void> {
  await waitForLocks(trx);
  const corpus = await trx
    .deleteFrom('search_corpora')
    .where('chatbot_id', '=', chatbotId)
    .where('account_id', '=', accountId)
    .returning('id')
    .executeTakeFirst();
  if (corpus === undefined) return;
  await trx.deleteFrom('search_postings').where('corpus_id', '=', corpus.id).execute();
  await trx.deleteFrom('search_entries').where('corpus_id', '=', corpus.id).execute();
}

/** Splits the stored text with the terms of a passage. */
export function splitTerms(terms: string): string[] {
  return terms === '' ? [] : terms.split(' ');
}

/** Reserves the slots of new passages, and locks the corpus until the end of the transaction. */
async function growCorpus(
  trx: Queryable,
  { accountId, chatbotId }: IndexEntry,
  batch: readonly IndexEntry[],
): Promise<{ id: number; firstSlot: number }> {
  await waitForLocks(trx);
  const terms = batch.reduce((sum, entry) => sum + countWords(entry.terms), 0);
  const values = {
    chatbot_id: chatbotId,
    account_id: accountId,
    passages: batch.length,
    terms,
    next_slot: batch.length,
  };
  const { id, next_slot } = await trx
    .insertInto('search_corpora')
    .values(values)
    .onConflict((conflict) =>
      conflict.column('chatbot_id').doUpdateSet((row) => ({
        passages: sql`search_corpora.passages + ${row.ref('excluded.passages')}`,
        terms: sql`search_corpora.terms + ${row.ref('excluded.terms')}`,
        next_slot: sql`search_corpora.next_slot + ${row.ref('excluded.next_slot')}`,
      })),
    )
    .returning(['id', 'next_slot'])
    .executeTakeFirstOrThrow();
  return { id, firstSlot: next_slot - batch.length };
}

async function removePostingsOf(trx: Queryable, corpusId: number, entries: readonly Entry[]): Promise<void> {
  const removed = encodeEntries(entries);
  const slots = new Set(entries.map(({ slot }) => slot));
  // SQLite keeps the order of a cross join; otherwise it would compare all postings of the corpus with all given rows.
  const { rows } = await sql<SegmentPostings>`
    select p.term, p.segment, p.data
    from ${givenRows(trx, removed)} as given
    cross join search_postings as p
    where p.corpus_id = cast(${corpusId} as integer) and p.term = given.term and p.segment = given.segment
  `.execute(trx);
  const remaining = rows.map(({ term, segment, data }) => {
    const kept = removePostings(data, segment, slots);
    return { term, segment, hex: Buffer.from(kept).toString('hex') };
  });
  const shortened = remaining.filter(({ hex }) => hex !== '');
  await sql`
    insert into search_postings (corpus_id, term, segment, data)
    select cast(${corpusId} as integer), term, segment, data from ${givenRows(trx, shortened)} as given where true
    on conflict (corpus_id, term, segment) do update set data = excluded.data
  `.execute(trx);
  await sql`
    delete from search_postings where corpus_id = cast(${corpusId} as integer) and (term, segment) in (
      select term, segment from ${givenRows(
        trx,
        remaining.filter(({ hex }) => hex === ''),
      )} as given)
  `.execute(trx);
}

/** Encodes the postings of entries, one row for each term and segment. */
function encodeEntries(entries: readonly Entry[]): PostingsRow[] {
  const rows = new Map<string, PostingsRow>();
  for (const { slot, terms } of entries) {
    const segment = segmentOf(slot);
    const length = countWords(terms);
    for (const [term, count] of countOccurrences(terms)) {
      const key = `${segment} ${term}`;
      const hex = encodePosting(slot, count, length);
      rows.set(key, { term, segment, hex: (rows.get(key)?.hex ?? '') + hex });
    }
  }
  return [...rows.values()];
}

/** The postings of a term in a segment, as hexadecimal digits. */
interface PostingsRow {
  readonly term: string;
  readonly segment: number;
  readonly hex: string;
}

function countOccurrences(terms: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return counts;
}

/** A table of rows with the columns term, segment and data, from one parameter. */
function givenRows(db: Queryable, rows: readonly PostingsRow[]): RawBuilder<unknown> {
  const json = JSON.stringify(rows.map(({ term, segment, hex }) => [term, segment, hex]));
  return isPostgres(db)
    ? sql`(
        select r ->> 0 as term, cast(r ->> 1 as integer) as segment, decode(r ->> 2, 'hex') as data
        from json_array_elements(cast(${json} as json)) as r)`
    : sql`(select value ->> 0 as term, value ->> 1 as segment, unhex(value ->> 2) as data from json_each(${json}))`;
}

function bytesOf(db: Queryable): RawBuilder<unknown> {
  return sql.raw(isPostgres(db) ? 'bytea' : 'blob');
}

/** Removes the lock timeout, because another transaction may hold its locks for long while it indexes a large text. */
async function waitForLocks(trx: Queryable): Promise<void> {
  if (isPostgres(trx)) await sql`set local lock_timeout = 0`.execute(trx);
}

function weigh({ terms }: { readonly terms: readonly string[] }): number {
  return terms.length + ENTRY_WEIGHT;
}
