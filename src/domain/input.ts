import { z } from 'zod';
import { InvalidInputError } from './errors.ts';
import { type JsonText, toJson } from './json.ts';
import { hasControls } from './plain-text.ts';
import { limitMarks } from './text.ts';

const MAX_METADATA_BYTES = 16_384;

/**
 * Text that a person wrote: trimmed, runs of more than 30 combining marks cut, then `min` to `max` UTF-16 code units, with
 * no NUL (which Postgres cannot store) and no half of a surrogate pair (which UTF-8 cannot). Rules that are added see
 * none that is too long.
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
 * Text of one line, such as a name or a title: without what would control a terminal that shows it, and without the marks
 * that make a text read otherwise than it is written.
 */
export function line(min: number, max: number) {
  return text(min, max).refine(
    // NUL is told of already.
    (value) => !hasControls(value.replaceAll('\0', '')),
    'Must not contain control characters, line breaks, tabs or marks that change the direction of text.',
  );
}

/** A name that is shown in lists. */
export const nameText = line(1, 255);

/** An id that the client chose. */
export const clientIdText = text(1, 255);

/** Free data of the client's: a JSON object of at most 16 kB. */
export const metadataObject = z
  .custom<object>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'Must be an object.')
  .transform((value): JsonText => toJson(value))
  .refine((json) => Buffer.byteLength(json) <= MAX_METADATA_BYTES, 'Must have at most 16 kB as JSON.');

/**
 * Checks an input against its rules and gives back what they make of it. `null` counts as absent.
 * @throws InvalidInputError that names every field at fault.
 */
export function parseInput<S extends z.ZodType>(rules: S, input: Readonly<Record<string, unknown>>): z.output<S> {
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null));
  const parsed = rules.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(parsed.error.issues.map(({ path, message }) => ({ path: path.map(String), message })));
}
