import { existsSync, globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import type { Database } from '../../src/store/database.ts';
import { isPostgres } from '../../src/store/engines/engine.ts';
import type { Figure } from '../benchmark.ts';
import { readArticles } from '../eval/articles.ts';
import { createSourceCorpus } from '../eval/sources.ts';

const OWN_DOCS = fileURLToPath(new URL('../../docs', import.meta.url));

/**
 * Compares the size of the search index with that of the indexed passages: of the Markdown pages and the articles in
 * the folder `EVAL_DATA`; if absent, of this project's documentation. Both in kilobytes.
 */
export async function measureIndexSize(engine: string, db: Database): Promise<Figure[]> {
  const corpus = await createSourceCorpus(db);
  for (const text of await listTexts()) if (text.trim() !== '') await corpus.add({ text });
  const { indexBytes, textBytes } = await readSizes(db);
  return [
    {
      quantity: `${engine}: size of the search index, against its texts`,
      unit: 'kB',
      gateway: [indexBytes / 1_000],
      baseline: [textBytes / 1_000],
      ...(isPostgres(db.read) && { target: 4 }),
    },
  ];
}

async function listTexts(): Promise<string[]> {
  const folder = process.env.EVAL_DATA ?? '';
  const pages = existsSync(join(folder, 'docs')) ? join(folder, 'docs') : OWN_DOCS;
  const paths = globSync('**/*.{md,mdx}', { cwd: pages }).toSorted();
  const texts = await Promise.all(paths.map((path) => readFile(join(pages, path), 'utf8')));
  const sample = join(folder, 'squad-sample.json');
  if (!existsSync(sample)) return texts;
  const { data } = await readArticles(sample);
  const articles = data.map(({ title, paragraphs }) => [`# ${title}`, ...paragraphs.map(({ context }) => context)]);
  return [...texts, ...articles.map((paragraphs) => paragraphs.join('\n\n'))];
}

/** Reads the size of all tables of the search with their indexes, and that of the texts of all passages, in bytes. */
export async function readSizes(db: Database): Promise<{ indexBytes: number; textBytes: number }> {
  const index = isPostgres(db.read)
    ? sql<{ bytes: number }>`
        select sum(pg_total_relation_size(oid))::float8 as bytes from pg_class
        where relkind = 'r' and starts_with(relname, 'search_')`
    : sql<{ bytes: number }>`
        select sum(pgsize) as bytes from dbstat
        where name in (select name from sqlite_schema where tbl_name glob 'search_*')`;
  const text = sql<{ bytes: number }>`select sum(octet_length(text)) as bytes from passages`;
  const [indexBytes = Number.NaN, textBytes = Number.NaN] = [
    (await index.execute(db.read)).rows[0]?.bytes,
    (await text.execute(db.read)).rows[0]?.bytes,
  ];
  return { indexBytes, textBytes };
}
