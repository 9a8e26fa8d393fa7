import { type RawBuilder, sql } from 'kysely';
import type { TextFilter } from '../../domain/conversation-list.ts';
import type { TextQuery } from '../../domain/language/message-words.ts';
import { isPostgres } from '../engines/engine.ts';
import type { OnEngine } from '../lists/conditions.ts';
import type { Queryable } from '../tables.ts';

/** A text that more messages contain has no list of candidates: enough of the first conversations contain it. */
const MAX_MATCHES = 4_000;
/** A character that sorts after the characters of all words. */
const LAST_CHARACTER = '\u{10ffff}';

/**
 * The condition that a conversation shows a message with the text. Reads the words of all messages of the conversation:
 * see `message_words_by_conversation`.
 */
export function showsText(engine: OnEngine, text: TextFilter): RawBuilder<unknown> {
  // With `offset`, Postgres checks one conversation at a time, instead of reading the words of all. SQLite keeps the
  // order of a cross join.
  return sql`exists (
    select 1 from message_words as found cross join messages as shown
    where found.conversation_id = scanned.id and ${containsQuery(engine, text)}
      ${text.withNotes ? sql`` : sql`and found.is_private = 0`}
      and shown.id = found.message_id and shown.is_shown = 1 ${engine.isPostgres ? sql`offset 0` : sql``})`;
}

/** The condition that the row `found` of `message_words`, where each word is between two spaces, contains a text. */
function containsQuery({ isPostgres }: OnEngine, { words, prefixes }: TextQuery): RawBuilder<unknown> {
  const parts = [...words.map((word) => ` ${word} `), ...prefixes.map((prefix) => ` ${prefix}`)];
  const find = sql.raw(isPostgres ? 'strpos' : 'instr');
  return sql.join(
    parts.map((part) => sql`${find}(found.words, ${part}) > 0`),
    sql` and `,
  );
}

/**
 * The ids of all conversations of an account that may contain a text: those with a message that contains it, on any
 * branch, private or not. Undefined if the text is too frequent.
 */
export async function findTextCandidates(
  db: Queryable,
  accountId: string,
  query: TextQuery,
): Promise<string[] | undefined> {
  const matches = isPostgres(db) ? matchOnPostgres(accountId, query) : await matchOnSqlite(db, accountId, query);
  if (matches === undefined) return undefined;
  const { rows } = await sql<{ conversation_id: string }>`${matches}`.execute(db);
  return rows.length > MAX_MATCHES ? undefined : [...new Set(rows.map((row) => row.conversation_id))];
}

/** Words contain no quotes, so there is no syntax in them. */
function matchOnPostgres(accountId: string, { words, prefixes }: TextQuery): RawBuilder<unknown> {
  const lexemes = [
    ...words.map((word) => `'${accountId}${word}'`),
    ...prefixes.map((prefix) => `'${accountId}${prefix}':*`),
  ];
  return sql`
    select conversation_id from message_words
    where message_words_vector(account_id, words) @@ ${lexemes.join(' & ')}::tsquery limit ${MAX_MATCHES + 1}`;
}

/**
 * The messages that contain the text, among those that the rarer part of it finds: either the words, or the longest
 * prefix. FTS5's own search for prefixes reads all their postings, so their range of the vocabulary is read instead.
 * The messages that the triggers of migration 0022 have not indexed yet are all read.
 */
async function matchOnSqlite(
  db: Queryable,
  accountId: string,
  query: TextQuery,
): Promise<RawBuilder<unknown> | undefined> {
  const account = accountId.replaceAll('-', '');
  const parts: RawBuilder<unknown>[] = [];
  if (query.words.length > 0) {
    const expression = query.words.map((word) => `"${account}${word}"`).join(' AND ');
    parts.push(sql`select rowid as id from message_index where message_index match ${expression}`);
  }
  const [prefix] = query.prefixes.toSorted((a, b) => b.length - a.length);
  if (prefix !== undefined) {
    const first = account + prefix;
    parts.push(sql`
      select doc as id from message_vocabulary where term >= ${first} and term <= ${first + LAST_CHARACTER}`);
  }
  const counts = await Promise.all(parts.map((part) => countMatches(db, part)));
  const lowest = Math.min(...counts);
  const rarest = parts[counts.indexOf(lowest)];
  if (lowest > MAX_MATCHES || rarest === undefined) return undefined;
  return sql`
    select found.conversation_id from (
      ${rarest}
      union all
      select id from message_words where id > (select indexed_id from message_index_state) and account_id = ${accountId}
    ) as matching cross join message_words as found on found.id = matching.id
    where ${containsQuery({ isPostgres: false }, query)}`;
}

/** Counts rows; more than `MAX_MATCHES` count as one more. */
async function countMatches(db: Queryable, matches: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from (${matches} limit ${MAX_MATCHES + 1})`.execute(db);
  return rows[0]?.count ?? 0;
}
