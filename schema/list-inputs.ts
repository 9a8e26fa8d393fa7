import type { InputShapeFromTypeParam } from '@pothos/core';
import { BadUserInputError } from '../src/domain/errors.ts';
import type { TimeRange } from '../src/domain/ordered-list.ts';
import { builder } from './builder.ts';

/** The maximum number of values in a list of a filter. */
export const MAX_VALUES = 100;
/** The maximum number of entries in a filter by the entries of an object. */
export const MAX_ENTRIES = 10;
const MAX_CHARS = 255;

/** The rules of filters, for their descriptions. */
export const FILTER_RULES =
  'A list of values selects the objects that have any of them, so an empty list selects nothing. A condition that is absent or null selects everything.';

/** A range of time. */
export const TimeRangeInput = builder.inputType('TimeRange', {
  description: 'A range of time.',
  fields: (t) => ({
    since: t.field({ type: 'DateTime', description: 'The beginning of the range, included; if absent, open.' }),
    until: t.field({ type: 'DateTime', description: 'The end of the range, excluded; if absent, open.' }),
  }),
});

/** An entry of a JSON object. */
export const JSONEntryInput = builder.inputType('JSONEntry', {
  description: 'An entry of a JSON object, such as `metadata` or `customData`.',
  fields: (t) => ({
    key: t.string({ required: true, description: 'The key at the top level of the object.' }),
    value: t.string({
      required: true,
      description: 'The value: a text, or the JSON form of a number or boolean.',
    }),
  }),
});

type TimeRangeShape = InputShapeFromTypeParam<typeof builder.$inferSchemaTypes, typeof TimeRangeInput, false>;
type Entries = InputShapeFromTypeParam<typeof builder.$inferSchemaTypes, [typeof JSONEntryInput], false>;

/** Converts a range of time; null if it is open at both ends. */
export function toTimeRange(range: TimeRangeShape): TimeRange | null {
  const { since, until } = range ?? {};
  return since == null && until == null ? null : omitNull({ since, until });
}

/**
 * Checks the values of a filter: the number of items of each list, `MAX_VALUES` or for entries `MAX_ENTRIES`, and the
 * length of each text.
 * @throws BadUserInputError for too many or too long values.
 */
export function checkFilter({
  lists = {},
  entries = {},
  texts = [],
}: {
  lists?: Readonly<Record<string, readonly string[] | null | undefined>>;
  entries?: Readonly<Record<string, Entries>>;
  texts?: readonly (string | null | undefined)[];
}): void {
  requireAtMost(MAX_VALUES, lists);
  requireAtMost(MAX_ENTRIES, entries);
  const allEntries = Object.values(entries).flatMap((items) => items ?? []);
  requireShort([...texts, ...allEntries.flatMap(({ key, value }) => [key, value])]);
}

function requireAtMost(max: number, lists: Readonly<Record<string, readonly unknown[] | null | undefined>>): void {
  for (const [name, values] of Object.entries(lists)) {
    if (values != null && values.length > max) {
      throw new BadUserInputError(`\`filter.${name}\` must have at most ${max} items.`);
    }
  }
}

function requireShort(texts: readonly (string | null | undefined)[]): void {
  if (texts.some((text) => text != null && text.length > MAX_CHARS)) {
    throw new BadUserInputError(`A text in \`filter\` must have at most ${MAX_CHARS} characters.`);
  }
}

type WithoutNull<T> = { [K in keyof T]?: NonNullable<T[K]> };

/** Copies an object without the fields that are null or absent. */
export function omitNull<T extends object>(value: T): WithoutNull<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field != null)) as WithoutNull<T>;
}

/** The values of a list, each once: a value may be a range of an index, which is read by itself. */
export function distinct<T>(values: readonly T[] | null | undefined): T[] | null {
  return values == null ? null : [...new Set(values)];
}
