import { hash } from 'node:crypto';
import type { Compilable, CompiledQuery } from 'kysely';
import type { Queryable } from '../tables.ts';
import { isPostgres } from './engine.ts';

/** A query that Postgres parses and plans once on each connection, under its name. */
export interface NamedQuery<R = unknown> extends CompiledQuery<R> {
  readonly name: string;
}

/**
 * Creates a query that is built and compiled once for each engine. Use it for the most frequent queries, whose
 * compilation costs more than their execution. One plan must suit all values, so a query must not need a partial index
 * whose condition depends on the values.
 * @param build builds the query with placeholder values; the values of each call replace them, in the order of the
 * parameters in the SQL.
 */
export function prepareQuery<R>(
  build: (db: Queryable) => Compilable<R>,
): (db: Queryable, values: readonly unknown[]) => Promise<R[]> {
  const compiled = new Map<boolean, NamedQuery<R>>();
  return async (db, parameters) => {
    const isOnPostgres = isPostgres(db);
    const query = compiled.get(isOnPostgres) ?? nameQuery(build(db).compile());
    compiled.set(isOnPostgres, query);
    const boundQuery: NamedQuery<R> = { ...query, parameters };
    return (await db.executeQuery<R>(boundQuery)).rows;
  };
}

/** Derives the name from the SQL, because gateways of different versions may share a connection through a pooler. */
function nameQuery<R>(query: CompiledQuery<R>): NamedQuery<R> {
  return { ...query, name: hash('sha1', query.sql, 'hex') };
}
