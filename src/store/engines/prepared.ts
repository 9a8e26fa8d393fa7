import { hash } from 'node:crypto';
import type { Compilable, CompiledQuery } from 'kysely';
import type { Queryable } from '../tables.ts';
import { isPostgres } from './engine.ts';

/** A query that Postgres plans once on each connection, and knows by this name from then on. */
export interface NamedQuery<R = unknown> extends CompiledQuery<R> {
  readonly name: string;
}

/**
 * Makes a query that is built and compiled once for each engine: for those that run most often, where that costs more
 * than the query itself. Its plan must be good for any values: one that needs a partial index whose condition they decide
 * is not.
 * @param build makes it with any values; they are replaced by those given, in the order of the places in the SQL.
 */
export function prepareQuery<R>(
  build: (db: Queryable) => Compilable<R>,
): (db: Queryable, values: readonly unknown[]) => Promise<R[]> {
  const compiled = new Map<boolean, NamedQuery<R>>();
  return async (db, parameters) => {
    const engine = isPostgres(db);
    const query = compiled.get(engine) ?? nameQuery(build(db).compile());
    compiled.set(engine, query);
    const run: NamedQuery<R> = { ...query, parameters };
    return (await db.executeQuery<R>(run)).rows;
  };
}

/** Named by its text, as a pooler may give the same connection to several versions of a gateway. */
function nameQuery<R>(query: CompiledQuery<R>): NamedQuery<R> {
  return { ...query, name: hash('sha1', query.sql, 'hex') };
}
