import { GraphQLError, type GraphQLScalarLiteralParser, valueFromASTUntyped } from 'graphql';
import type { Timestamp } from '../src/domain/time.ts';
import { builder } from './builder.ts';

const MAX_JSON_DEPTH = 32;

builder.scalarType('DateTime', {
  description: 'A moment as ISO 8601 in UTC with milliseconds: `2026-03-15T10:30:00.123Z`.',
  // Stored with six digits and an offset: `2026-03-15T10:30:00.123456+00:00`.
  serialize: (value: Timestamp) => `${value.slice(0, 23)}Z`,
  parseValue: () => {
    throw new GraphQLError('DateTime is not an input.');
  },
});

builder.scalarType('JSON', {
  description: 'Any JSON value, nested at most 32 deep.',
  serialize: (value) => value,
  parseValue: requireShallow,
  parseLiteral: ((node, variables) =>
    requireShallow(valueFromASTUntyped(node, variables))) satisfies GraphQLScalarLiteralParser<unknown>,
});

/** Deeper values could not be serialised again without exhausting the stack. */
function requireShallow(value: unknown): unknown {
  if (depthExceeds(value, MAX_JSON_DEPTH)) throw new GraphQLError(`JSON may be nested at most ${MAX_JSON_DEPTH} deep.`);
  return value;
}

function depthExceeds(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((inner) => depthExceeds(inner, depth - 1));
}
