/**
 * The vectors of passages, for search by meaning. A vector is stored with a byte for each number, a quarter of its size;
 * of 20,000 random vectors of 1,536 numbers, the 50 nearest to a query are the same ones.
 */
import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import { fromJson } from '../../domain/json.ts';
import type { Queryable } from '../tables.ts';
import type { PassageVectorRow } from './vector-rows.ts';

/** The model whose vectors are current. */
export interface VectorModel {
  readonly model: string;
  /** The length of its vectors; undefined if unknown, which means that all stored vectors of the model are current. */
  readonly dimensions: number | undefined;
}

/** A passage with the texts that are embedded. */
export interface PassageToEmbed {
  readonly id: string;
  readonly title: string;
  readonly headingPath: readonly string[];
  readonly text: string;
}

/** The number of passages whose vectors are looked up at a time, in about 3 ms. */
const MAX_CHECKED = 1_000;
/** The number of vectors that are compared at a time; of 1,536 numbers each, in about 6 ms. */
const MAX_COMPARED = 500;
const MAX_BYTE = 127;

const PASSAGE_NOT_DELETED = sql<boolean>`not exists (
  select 1 from chatbots as deleted where deleted.id = passages.chatbot_id and deleted.deleted_at is not null)`;

/**
 * Lists passages without a current vector among the next thousand, of any account, in the order of their ids.
 * @returns in `last` the id after which to continue; undefined when there are no further passages.
 */
export async function listUnembedded(
  db: Queryable,
  { model, dimensions }: VectorModel,
  after: string,
): Promise<{ ids: string[]; last: string | undefined }> {
  const rows = await db
    .selectFrom('passages as p')
    .leftJoin('passage_vectors as v', 'v.passage_id', 'p.id')
    .select(['p.id', 'v.model', 'v.dimensions'])
    .where('p.id', '>', after)
    .orderBy('p.id')
    .limit(MAX_CHECKED)
    .execute();
  return {
    ids: rows.filter((row) => !isCurrent(row, { model, dimensions })).map(({ id }) => id),
    last: rows.length < MAX_CHECKED ? undefined : rows.at(-1)?.id,
  };
}

/** Counts the passages of all accounts that have no current vector. Uses `passage_vectors_by_chatbot`. */
export async function countUnembedded(db: Queryable, { model, dimensions }: VectorModel): Promise<number> {
  const all = db.selectFrom('passages').select((eb) => eb.fn.countAll<number>().as('count'));
  const ofModel = db.selectFrom('passage_vectors').where('model', '=', model);
  const current = dimensions === undefined ? ofModel : ofModel.where('dimensions', '=', dimensions);
  const { count } = await all.executeTakeFirstOrThrow();
  const embedded = await current.select((eb) => eb.fn.countAll<number>().as('count')).executeTakeFirstOrThrow();
  return Math.max(0, count - embedded.count);
}

/** Reads the texts of those of the passages that have no current vector and are not deleted. */
export async function listPassagesToEmbed(
  db: Queryable,
  { model, dimensions }: VectorModel,
  ids: readonly string[],
): Promise<PassageToEmbed[]> {
  const rows = await db
    .selectFrom('passages')
    .leftJoin('passage_vectors as v', 'v.passage_id', 'passages.id')
    .select(['passages.id', 'heading_path', 'text', 'v.model', 'v.dimensions'])
    .select((eb) =>
      eb.selectFrom('sources').select('title').whereRef('sources.id', '=', 'passages.source_id').as('title'),
    )
    .where('passages.id', 'in', ids)
    .where(PASSAGE_NOT_DELETED)
    .orderBy('passages.id')
    .execute();
  return rows
    .filter((row) => !isCurrent(row, { model, dimensions }))
    .map(({ id, heading_path, text, title }) => ({
      id,
      title: title ?? '',
      headingPath: fromJson<string[]>(heading_path),
      text,
    }));
}

/** Stores the vectors of passages, by the ids of these, instead of earlier ones. Skips passages that are deleted. */
export async function saveVectors(
  trx: Queryable,
  model: string,
  vectors: ReadonlyMap<string, Float32Array>,
): Promise<void> {
  // The lock keeps a passage from being deleted before its vector is written.
  const passages = await trx
    .selectFrom('passages')
    .select(['id', 'account_id', 'chatbot_id'])
    .where('id', 'in', [...vectors.keys()])
    .orderBy('id')
    .forKeyShare()
    .execute();
  if (passages.length === 0) return;
  const rows = passages.map(({ id, ...owner }): PassageVectorRow => {
    const vector = quantize(vectors.get(id) ?? new Float32Array());
    return {
      passage_id: id,
      ...owner,
      model,
      dimensions: vector.length,
      norm: normOf(vector),
      vector: toBytes(vector),
    };
  });
  await trx
    .insertInto('passage_vectors')
    .values(rows)
    .onConflict((conflict) =>
      conflict.column('passage_id').doUpdateSet((row) => ({
        model: row.ref('excluded.model'),
        dimensions: row.ref('excluded.dimensions'),
        norm: row.ref('excluded.norm'),
        vector: row.ref('excluded.vector'),
      })),
    )
    .execute();
}

/** The passages of a chatbot to compare with a query. */
export interface NearestOptions {
  readonly accountId: string;
  readonly chatbotId: string;
  /** The model of the query's vector. */
  readonly model: string;
  /** The number of the nearest passages to find. */
  readonly limit: number;
  /** Passages whose similarity is wanted even if they are not among the nearest. */
  readonly ids: readonly string[];
}

/**
 * Compares a query with all passages of a chatbot that have a vector of the same model and length. Lets other work run
 * between two parts of the comparison.
 * @returns the cosine similarities, -1 to 1, of the nearest passages and of `ids`.
 */
export async function findNearest(
  db: Queryable,
  query: Float32Array,
  { accountId, chatbotId, model, limit, ids }: NearestOptions,
): Promise<Map<string, number>> {
  const wanted = new Set(ids);
  const found = new Map<string, number>();
  let nearest: [id: string, similarity: number][] = [];
  const queryNorm = normOf(query);
  let after = '';
  while (true) {
    const rows = await db
      .selectFrom('passage_vectors')
      .select(['passage_id', 'norm', 'vector'])
      .where('model', '=', model)
      .where('chatbot_id', '=', chatbotId)
      .where('passage_id', '>', after)
      .where('account_id', '=', accountId)
      .where('dimensions', '=', query.length)
      .orderBy('passage_id')
      .limit(MAX_COMPARED)
      .execute();
    for (const { passage_id: id, norm, vector } of rows) {
      const similarity = norm > 0 && queryNorm > 0 ? multiply(query, toNumbers(vector)) / (norm * queryNorm) : 0;
      if (wanted.has(id)) found.set(id, similarity);
      nearest.push([id, similarity]);
    }
    nearest = nearest.sort(([, a], [, b]) => b - a).slice(0, limit);
    after = rows.at(-1)?.passage_id ?? '';
    if (rows.length < MAX_COMPARED) break;
    await setImmediate();
  }
  for (const [id, similarity] of nearest) found.set(id, similarity);
  return found;
}

function isCurrent(
  row: { readonly model: string | null; readonly dimensions: number | null },
  { model, dimensions }: VectorModel,
): boolean {
  return row.model === model && (dimensions === undefined || row.dimensions === dimensions);
}

/** Scales a vector so that its largest number becomes 127, which changes no angle, and rounds the numbers. */
function quantize(vector: Float32Array): Int8Array {
  const largest = vector.reduce((max, number) => Math.max(max, Math.abs(number)), 0);
  const scale = largest > 0 ? MAX_BYTE / largest : 0;
  return Int8Array.from(vector, (number) => Math.round(number * scale));
}

function normOf(vector: Float32Array | Int8Array): number {
  let sum = 0;
  for (const number of vector) sum += number * number;
  return Math.sqrt(sum);
}

/** The scalar product of two vectors of the same length. */
function multiply(a: Float32Array, b: Int8Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}

const toBytes = ({ buffer, byteOffset, byteLength }: Int8Array) => Buffer.from(buffer, byteOffset, byteLength);

const toNumbers = ({ buffer, byteOffset, byteLength }: Uint8Array) => new Int8Array(buffer, byteOffset, byteLength);
