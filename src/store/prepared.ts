import type { Compilable, CompiledQuery } from 'kysely';
import type { Queryable } from './tables.ts';

/**
 * Makes a query that is built and compiled once for each database handle: for the few that run for every piece of a text,
 * where that costs several times as much as the query itself.
 * @param build makes it with any values; they are replaced by those given, in the order of the places in the SQL.
 */
export function prepareQuery<R>(
  build: (db: Queryable) => Compilable<R>,
): (db: Queryable, values: readonly unknown[]) => Promise<R[]> {
  const compiled = new WeakMap<Queryable, CompiledQuery<R>>();
  return async (db, parameters) => {
    const query = compiled.get(db) ?? build(db).compile();
    compiled.set(db, query);
    return (await db.executeQuery<R>({ ...query, parameters })).rows;
  };
}
