import { sql } from 'kysely';
import { foldCase } from '../../domain/list-filters.ts';
import type { TimeRange } from '../../domain/ordered-list.ts';
import type { Condition } from './keyset.ts';

/** The engine on which a condition is checked. */
export interface OnEngine {
  readonly isPostgres: boolean;
}

/** The condition that a column has one of several values, of which there must be at least one. */
export const isIn = (column: string, values: readonly string[]): Condition =>
  sql`${sql.ref(column)} in (${sql.join(values)})`;

/** The condition for a flag: one for true, another for false, none if absent. */
export function matchesFlag(flag: boolean | undefined, yes: Condition, no: Condition): Condition | undefined {
  if (flag === undefined) return undefined;
  return flag ? yes : no;
}

/** The conditions that a time is in a range, by its bounds. */
export function listTimeConditions(column: string, { since, until }: TimeRange = {}) {
  return {
    since: since && sql`${sql.ref(column)} >= ${since}`,
    until: until && sql`${sql.ref(column)} < ${until}`,
  };
}

/**
 * The text of a column with small letters for A to Z: see `foldCase`. Postgres changes no other letters either, as all
 * columns have the collation "C".
 */
export const folded = (column: string): Condition => sql`lower(${sql.ref(column)})`;

/** The condition that a column has a text, whatever the case of the letters A to Z. */
export const equalsText = (column: string, text: string): Condition => sql`${folded(column)} = ${foldCase(text)}`;

/** The condition that a column contains a text, whatever the case of the letters A to Z. */
export function containsText({ isPostgres }: OnEngine, column: string, text: string): Condition {
  const find = sql.raw(isPostgres ? 'strpos' : 'instr');
  return sql`${find}(${folded(column)}, ${foldCase(text)}) > 0`;
}

/** The condition that a JSON object has an entry: a text, number or boolean at its top level. */
export function hasEntry(
  { isPostgres }: OnEngine,
  column: string,
  { key, value }: { readonly key: string; readonly value: string },
): Condition {
  if (!isPostgres) {
    // `->` returns a number as it is written, which SQLite itself would write differently.
    return sql`exists (
      select 1 from json_each(${sql.ref(column)}) as entry where entry.key = ${key} and ${value} = case
        when entry.type = 'text' then entry.atom
        when entry.type in ('integer', 'real', 'true', 'false') then ${sql.ref(column)} -> entry.fullkey end)`;
  }
  const json = readJson(column);
  return sql`(json_typeof(${json} -> ${key}::text) in ('string', 'number', 'boolean') and ${json} ->> ${key}::text = ${value})`;
}

/**
 * A JSON text as JSON, on Postgres, which refuses texts that contain NUL or half of a surrogate pair. Both are always
 * escaped. NUL is read as U+FFFD, as in the parameters of a query, and a half as U+FFFF, which no condition contains.
 */
export function readJson(column: string): Condition {
  const text = sql.ref(column);
  const withoutNul = replaceEscapes(text, '0000', '\\ufffd');
  return sql`(case when position('\\u' in ${text}) = 0 then ${text}
    else ${replaceEscapes(withoutNul, 'd[89a-f]..', '\\uffff')} end)::json`;
}

/** Replaces `\u` with hex digits, unless the backslash is itself escaped. */
const replaceEscapes = (text: Condition, digits: string, replacement: string): Condition =>
  sql`regexp_replace(${text}, ${`(?<!\\\\)((?:\\\\\\\\)*)\\\\u${digits}`}, ${`\\1${replacement}`}, 'g')`;
