import { z } from 'zod';
import { InvalidInputError } from './errors.ts';
import { type JsonText, toJson } from './json.ts';
import { hasControlCharacters } from './plain-text.ts';
import { limitMarks } from './text.ts';

const MAX_METADATA_BYTES = 16_384;

/**
 * A text from a person, trimmed and limited to 30 consecutive combining marks. It has `min` to `max` UTF-16 code units,
 * no NUL (which Postgres cannot store) and no unpaired surrogate (which UTF-8 cannot encode). Rules that a caller adds
 * run only on texts within the maximum.
 */
export function text(min: number, max: number) {
  return z
    .string()
    .transform((value) => limitMarks(value).trim())
    .refine((value) => value.length >= min, min === 1 ? 'Must not be empty.' : `Must have at least ${min} characters.`)
    .refine((value) => value.length <= max, { message: `Must have at most ${max} characters.`, abort: true })
    .refine((value) => !value.includes('\0'), 'Must not contain NUL characters.')
    .refine((value) => value.isWellFormed(), 'Must be well-formed Unicode.');
}

/**
 * A single-line text, such as a name or a title: without characters that control a terminal, and without marks that
 * change the reading direction.
 */
export function singleLine(min: number, max: number) {
  return text(min, max).refine(
    // The rule above reports NUL already.
    (value) => !hasControlCharacters(value.replaceAll('\0', '')),
    'Must not contain control characters, line breaks, tabs or marks that change the direction of text.',
  );
}

/** A name shown in lists. */
export const nameText = singleLine(1, 255);

/** An email address. Checks only the syntax, because only an email to the address can prove that the address works. */
export const emailText = text(3, 254).refine(
  (value) => /^[^\s@]+@[^\s@][^\s@.]*\.[^\s@]+$/.test(value),
  'Must be an email address.',
);

/** An id chosen by the client. */
export const clientIdText = text(1, 255);

/** A client's own data: a JSON object of at most 16 kB. */
export const metadataObject = z
  .custom<object>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'Must be an object.')
  .transform((value): JsonText => toJson(value))
  .refine((json) => Buffer.byteLength(json) <= MAX_METADATA_BYTES, 'Must have at most 16 kB as JSON.');

/** A field that `null` resets to `initial`, the value that it has in a new object for which it was not given. */
export function resettable<S extends z.ZodType, Initial>(rule: S, initial: Initial) {
  return rule
    .nullable()
    .transform((value): z.output<S> | Initial => (value === null ? initial : value))
    .optional();
}

/**
 * Validates the input that creates something and returns its parsed form. `null` counts as absent.
 * @throws InvalidInputError that names every invalid field.
 */
export function parseInput<S extends z.ZodType>(rules: S, input: Readonly<Record<string, unknown>>): z.output<S> {
  return parseChanges(rules, Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null)));
}

/**
 * Validates the input that changes something and returns its parsed form. An absent field is to be kept. `null` clears
 * a field whose rule allows it, and is invalid for any other.
 * @throws InvalidInputError that names every invalid field.
 */
export function parseChanges<S extends z.ZodType>(rules: S, input: Readonly<Record<string, unknown>>): z.output<S> {
  const parsed = rules.safeParse(input, {
    error: ({ input: value }) => (value === null ? 'Must not be null.' : undefined),
  });
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(parsed.error.issues.map(({ path, message }) => ({ path: path.map(String), message })));
}

/** Omits undefined fields, so that spreading the result over another value changes only the given fields. */
export function omitUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as never;
}
