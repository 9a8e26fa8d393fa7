import { GraphQLError, type GraphQLScalarLiteralParser, valueFromASTUntyped } from 'graphql';
import { fromJson, type JsonText } from '../src/domain/json.ts';
import { measureJsonSize } from '../src/domain/json-size.ts';
import { findBudget } from '../src/domain/response-budget.ts';
import { type Timestamp, toTimestamp } from '../src/domain/time.ts';
import { builder } from './builder.ts';

const MAX_JSON_DEPTH = 32;

const DATE_TIME = /^(\d{4}-\d\d-\d\d)T(?:[01]\d|2[0-3]):\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;

builder.scalarType('DateTime', {
  description:
    'A timestamp of RFC 3339 in UTC with milliseconds: `2026-03-15T10:30:00.123Z`. Input may have another offset, up to nine fraction digits, or no seconds.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339',
  // The stored form has six fraction digits and an offset: `2026-03-15T10:30:00.123456+00:00`.
  serialize: (value: Timestamp) => `${value.slice(0, 23)}Z`,
  parseValue: (value) => {
    const [text, day] = (typeof value === 'string' && DATE_TIME.exec(value)) || [];
    const ms = text !== undefined && isDay(day) ? Date.parse(text) : Number.NaN;
    // In UTC, the time may be in another year, whose text may have more than four digits.
    if (Number.isNaN(ms) || !isDay(new Date(ms).toISOString().slice(0, 10))) {
      throw new GraphQLError('DateTime must be a time of RFC 3339, such as 2026-03-15T10:30:00Z.');
    }
    return toTimestamp(ms);
  },
});

builder.scalarType('Date', {
  description: 'A day of the calendar, `YYYY-MM-DD`, such as `2026-03-15`.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339#section-5.6',
  serialize: (value) => value,
  parseValue: (value) => {
    if (!isDay(value)) throw new GraphQLError('Date must be a day of the form YYYY-MM-DD.');
    return value;
  },
});

builder.scalarType('BigInt', {
  description:
    'An integer of any size: a JSON number up to 9,007,199,254,740,991 in either direction, which programs read exactly, and beyond that a string of digits.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259#section-6',
  serialize: (value) => {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  },
  parseValue: () => {
    throw new GraphQLError('BigInt is not an input.');
  },
});

builder.scalarType('JSON', {
  description: 'Any JSON value, nested at most 32 levels deep.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259',
  serialize: (value) => {
    const budget = findBudget();
    if (budget === undefined) return value;
    if (budget.limitError === undefined) budget.addResponse(measureJsonSize(value, budget.limit));
    // The gateway discards a response beyond the limit, so no client receives the empty string.
    return budget.limitError === undefined ? value : '';
  },
  parseValue: requireShallow,
  parseLiteral: ((node, variables) =>
    requireShallow(valueFromASTUntyped(node, variables))) satisfies GraphQLScalarLiteralParser<unknown>,
});

/** Returns whether a value is a day of the calendar, `YYYY-MM-DD`. `Date.parse` accepts the 30th of February. */
function isDay(value: unknown): value is string {
  const ms = typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value) ? Date.parse(value) : Number.NaN;
  return !Number.isNaN(ms) && new Date(ms).toISOString().slice(0, 10) === value;
}

/** Parses the value of a JSON field; returns `{}` without parsing once the response is too large. */
export function parseForResponse(text: JsonText): unknown {
  return findBudget()?.limitError === undefined ? fromJson(text) : {};
}

/** Refuses deeply nested values: serializing them could exhaust the stack. */
function requireShallow(value: unknown): unknown {
  if (depthExceeds(value, MAX_JSON_DEPTH)) throw new GraphQLError(`JSON may be nested at most ${MAX_JSON_DEPTH} deep.`);
  return value;
}

function depthExceeds(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((inner) => depthExceeds(inner, depth - 1));
}
