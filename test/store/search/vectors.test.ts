import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase } from '../../../src/store/database.ts';
import { findNearest, type NearestOptions, saveVectors } from '../../../src/store/search/vectors.ts';
import { deleteSource } from '../../../src/store/sources.ts';
import { addChatbot, addSource } from '../../helpers/corpus.ts';
import { describeDatabases, openTestDatabase, SQLITE } from '../../helpers/databases.ts';

const MODEL = 'small';
const DEFAULTS = { model: MODEL, limit: 9, ids: [] };

describeDatabases('the vectors of passages', (engine) => {
  let database: Awaited<ReturnType<typeof openTestDatabase>>;
  let ours: Awaited<ReturnType<typeof addChatbot>>;
  beforeEach(async () => {
    database = await openTestDatabase(engine);
    ours = await addChatbot(database.db);
  });
  afterEach(() => database.close());

  /** Adds a source with a passage for each vector. Returns the ids of the passages. */
  async function add(vectors: readonly (readonly number[])[], { accountId, chatbotId } = ours, model = MODEL) {
    const source = { title: 'T', passages: vectors.map((_, n) => ({ text: `Passage ${n}` })) };
    const { passages } = await addSource(database.db, accountId, chatbotId, source);
    const ids = passages.map(({ id }) => id);
    const byId = new Map(ids.map((id, n) => [id, Float32Array.from(vectors[n] ?? [])]));
    await database.db.transaction((trx) => saveVectors(trx, model, byId));
    return ids;
  }

  const find = async (query: readonly number[], options: Partial<NearestOptions> = {}) => [
    ...(await findNearest(database.db.read, Float32Array.from(query), { ...DEFAULTS, ...ours, ...options })),
  ];

  it('finds the passages with the smallest angle to a query, whatever the lengths of the vectors', async () => {
    const [near, right, opposite] = await add([
      [30, 40, 0],
      [0, 0, 0.001],
      [-3, -4, 0],
    ]);
    const found = await find([3, 4, 0]);
    expect(found.map(([id]) => id)).toEqual([near, right, opposite]);
    for (const [index, cosine] of [1, 0, -1].entries()) expect(found[index]?.[1]).toBeCloseTo(cosine, 2);
    expect((await find([3, 4, 0], { limit: 1 })).map(([id]) => id)).toEqual([near]);
  });

  it('also returns the similarity of passages that are not among the nearest', async () => {
    const [near, , far] = await add([
      [1, 0],
      [1, 1],
      [-1, 0],
    ]);
    expect((await find([1, 0], { limit: 1, ids: [far ?? ''] })).map(([id]) => id).sort()).toEqual([near, far].sort());
  });

  it('treats a vector without a direction as unrelated', async () => {
    const [id] = await add([[0, 0]]);
    expect(await find([1, 0])).toEqual([[id, 0]]);
    expect(await find([0, 0])).toEqual([[id, 0]]);
  });

  it('never finds passages of another chatbot, another account, or with a vector of another model or length', async () => {
    const other = await addChatbot(database.db);
    const [own] = await add([[1, 0]]);
    await add([[1, 0]], await addChatbot(database.db, ours.accountId));
    const [theirs = ''] = await add([[1, 0]], other);
    await add([[1, 0]], ours, 'large');
    await add([[1, 0, 0]]);
    expect((await find([1, 0], { ids: [theirs] })).map(([id]) => id)).toEqual([own]);
    expect(await find([1, 0], { accountId: other.accountId })).toEqual([]);
  });

  it('compares more vectors than it reads at a time', async () => {
    const ids = await add(Array.from({ length: 1_203 }, (_, n) => [Math.cos(n / 1_000), Math.sin(n / 1_000)]));
    const angle = 1_200 / 1_000;
    const found = await find([Math.cos(angle), Math.sin(angle)], { limit: 9 });
    expect(found).toHaveLength(9);
    for (const [id] of found) expect(ids.indexOf(id)).toBeGreaterThan(1_150);
  });
});

it('overwrites the vectors of deleted passages in the SQLite file', async () => {
  const { url, drop } = await SQLITE.create();
  const bytes = Buffer.from(Int8Array.from({ length: 600 }, (_, n) => ((n * 37) % 253) - 126));
  const vector = Float32Array.from(new Int8Array(bytes), (number, n) => (n === 0 ? 127 : number));
  const findInFile = async () => (await readFile(url.slice('sqlite:'.length))).includes(bytes.subarray(100, 500));

  const first = await openDatabase({ url, role: 'tool' });
  const { accountId, chatbotId } = await addChatbot(first);
  const passages = Array.from({ length: 20 }, (_, n) => ({ text: `Passage ${n}` }));
  const source = await addSource(first, accountId, chatbotId, { title: 'T', passages });
  const vectors = new Map(source.passages.map(({ id }) => [id, vector]));
  await first.transaction((trx) => saveVectors(trx, MODEL, vectors));
  await first.close();
  expect(await findInFile()).toBe(true);

  const second = await openDatabase({ url, role: 'tool' });
  await second.transaction((trx) => deleteSource(trx, accountId, source.sourceId));
  await second.close();
  expect(await findInFile()).toBe(false);
  await drop();
});
