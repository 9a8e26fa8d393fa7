import { getNamedType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { listDeclaredErrors, listLeaves, ROOT_FIELDS, type Row, rootFieldOf } from './row.ts';
import { ROWS } from './table.ts';

/** What the rows of each root field list, and what the schema has. */
function compare(listed: (row: Row) => readonly string[], declared: (field: string) => readonly string[]) {
  const fields = [...ROOT_FIELDS.keys()];
  const listedBy = (field: string) => [...new Set(ROWS.filter((row) => row.field === field).flatMap(listed))];
  return {
    listed: fields.map((field) => [field, ...listedBy(field).sort()]),
    declared: fields.map((field) => [field, ...declared(field).toSorted()]),
  };
}

describe('the table of root fields', () => {
  it('has a row for every root field of the schema, and no other', () => {
    expect([...new Set(ROWS.map(({ field }) => field))].sort()).toEqual([...ROOT_FIELDS.keys()].sort());
  });

  it('lists every argument that is an id', () => {
    const { listed, declared } = compare(
      ({ ids = {} }) => Object.keys(ids),
      (field) =>
        listLeaves(field).flatMap(({ path, type }) => (getNamedType(type).name === 'ID' ? path.join('.') : [])),
    );
    expect(listed).toEqual(declared);
  });

  it('lists every error that a result declares', () => {
    const { listed, declared } = compare(({ field, ids = {}, errors = {} }) => {
      // The answer of a mutation to an unknown id is its error.
      const isNotFound = Object.values(ids).some(({ unknown }) => unknown === undefined);
      const isMutation = rootFieldOf(field).kind === 'mutation';
      return [...Object.keys(errors), ...(isMutation && isNotFound ? ['NotFoundError'] : [])];
    }, listDeclaredErrors);
    expect(listed).toEqual(declared);
  });
});
