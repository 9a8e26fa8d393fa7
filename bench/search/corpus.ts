import { sql } from 'kysely';
import { Client } from 'pg';
import type { Database } from '../../src/store/database.ts';
import { isPostgres } from '../../src/store/engines/engine.ts';
import { addChatbot, addSource } from '../../test/helpers/corpus.ts';
import { createRandom } from '../eval/random.ts';
import { makeTypingMistake } from '../eval/typing-mistakes.ts';

/** The number of passages of the chatbot that is searched. */
export const PASSAGES = Number(process.env.BENCH_PASSAGES ?? 100_000);
const PASSAGES_PER_SOURCE = 100;
const WORDS_PER_PASSAGE = 100;
const VOCABULARY_SIZE = 60_000;
const QUESTIONS = 120;

/** The most frequent words of a text, which say nothing about its subject. */
const FUNCTION_WORDS =
  'the of and to in is that it for was on are as with his they at be this from have or by had not but what all were when';

/** The chatbot that is searched, and the questions. */
export interface SearchedChatbot {
  readonly accountId: string;
  readonly chatbotId: string;
  /** Pairs of words that occur together in a passage. */
  readonly twoWords: readonly string[];
  /** Eight words of one passage. */
  readonly eightWords: readonly string[];
  /** The same eight words, one of them with a typing mistake. */
  readonly misspelt: readonly string[];
}

/**
 * Stores a chatbot with `PASSAGES` passages of 100 words. The words have the frequencies of a natural language (Zipf's
 * law): the n-th most frequent word of 60,000 occurs with a probability proportional to 1/n. The words of a question are
 * drawn from a passage, so that frequent words are also frequent in questions; function words are not drawn.
 */
export async function fillSearch(
  db: Database,
  url: string,
  logProgress: (text: string) => void,
): Promise<SearchedChatbot> {
  const random = createRandom('search');
  const drawWord = createZipfSampler(listVocabulary(), random);
  const { accountId, chatbotId } = await addChatbot(db);
  const questions: string[][] = [];
  for (let first = 0; first < PASSAGES; first += PASSAGES_PER_SOURCE) {
    const passages = Array.from({ length: PASSAGES_PER_SOURCE }, () =>
      Array.from({ length: WORDS_PER_PASSAGE }, drawWord),
    );
    await addSource(db, accountId, chatbotId, {
      title: drawWord(),
      passages: passages.map((words) => ({ text: `${words.join(' ')}.` })),
    });
    for (const words of passages)
      if (random() < (2 * QUESTIONS) / PASSAGES) questions.push(drawQuestion(words, random));
    if ((first / PASSAGES_PER_SOURCE) % 200 === 199) logProgress(`${first + PASSAGES_PER_SOURCE} passages`);
  }
  await addBaseline(db, url);
  const asked = questions.filter(({ length }) => length === 8).slice(0, QUESTIONS);
  return {
    ...{ accountId, chatbotId },
    twoWords: asked.map((words) => words.slice(0, 2).join(' ')),
    eightWords: asked.map((words) => words.join(' ')),
    misspelt: asked.map((words) => makeTypingMistake(words.join(' '), 'replaced') ?? ''),
  };
}

/** Eight different words of a passage that are no function words; fewer if it has no eight. */
function drawQuestion(words: readonly string[], random: () => number): string[] {
  const content = [...new Set(words)].filter((word) => !FUNCTION_WORDS.split(' ').includes(word));
  return content
    .map((word) => ({ word, order: random() }))
    .sort((a, b) => a.order - b.order)
    .slice(0, 8)
    .map(({ word }) => word);
}

/** The words of the language, the most frequent first: function words, then words of three syllables such as `kamolu`. */
function listVocabulary(): string[] {
  const functionWords = FUNCTION_WORDS.split(' ');
  const syllables = [...'bcdfghjklmnpqrstvwxz'].flatMap((consonant) => [...'aeiou'].map((vowel) => consonant + vowel));
  const invented = Array.from({ length: VOCABULARY_SIZE - functionWords.length }, (_, rank) => {
    // The factor has no common divisor with the number of words that exist, so that all are different.
    const index = (rank * 7_919) % syllables.length ** 3;
    return [index, index / syllables.length, index / syllables.length ** 2]
      .map((digit) => syllables[Math.floor(digit) % syllables.length])
      .join('');
  });
  return [...functionWords, ...invented];
}

function createZipfSampler(words: readonly string[], random: () => number): () => string {
  const sums = new Float64Array(words.length);
  let sum = 0;
  for (let rank = 0; rank < words.length; rank++) {
    sum += 1 / (rank + 1);
    sums[rank] = sum;
  }
  return () => {
    const target = random() * sum;
    let [low, high] = [0, words.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < target) low = middle + 1;
      else high = middle;
    }
    return words[low] ?? '';
  };
}

/** Indexes the same texts by the database's own full-text search, without its rows. */
async function addBaseline(db: Database, url: string): Promise<void> {
  if (!isPostgres(db.read)) {
    await db.transaction(async (trx) => {
      await sql`create virtual table bench_texts using fts5 (words, content = '')`.execute(trx);
      await sql`insert into bench_texts (rowid, words) select rowid, text from passages`.execute(trx);
      await sql`analyze`.execute(trx);
    });
    return;
  }
  // A connection of its own, because those of the pool limit the time of a statement.
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create table bench_texts as select to_tsvector('simple', text) as words from passages`);
    await client.query('create index bench_words on bench_texts using gin (words)');
    await client.query('vacuum analyze');
  } finally {
    await client.end();
  }
}

/** Finds the 50 best texts that contain both words, by the database's own full-text search and ranking. */
export async function searchBaseline(db: Database, twoWords: string): Promise<void> {
  if (isPostgres(db.read)) {
    const query = sql`to_tsquery('simple', ${twoWords.replace(' ', ' & ')})`;
    await sql`select ctid from bench_texts where words @@ ${query} order by ts_rank(words, ${query}) desc limit 50`.execute(
      db.read,
    );
  } else {
    await sql`select rowid from bench_texts where words match ${twoWords} order by rank limit 50`.execute(db.read);
  }
}
