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
export function isTrue(flag: boolean | undefined, yes: Condition, no: Condition): Condition | undefined {
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
  const json = sql.ref(column);
  if (!isPostgres) {
    return sql`exists (
      select 1 from json_each(${json}) as entry where entry.key = ${key} and ${value} = case entry.type
        when 'text' then entry.atom when 'true' then 'true' when 'false' then 'false'
        when 'integer' then cast(entry.atom as text) when 'real' then cast(entry.atom as text) end)`;
  }
  return unlessNul(
    column,
    sql`(json_typeof(${json}::json -> ${key}::text) in ('string', 'number', 'boolean')
      and ${json}::json ->> ${key}::text = ${value})`,
  );
}

/** Postgres refuses to read a JSON text that contains NUL, so such a text meets no condition. */
export const unlessNul = (column: string, condition: Condition): Condition =>
  sql`case when position('\\u0000' in ${sql.ref(column)}) > 0 then false else ${condition} end`;
