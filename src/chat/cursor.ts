import { BadUserInputError } from '../domain/errors.ts';

/** Writes where a reader stands as the opaque text that clients keep. `place` is ASCII. */
export function encodeCursor(place: string): string {
  return Buffer.from(place, 'latin1').toString('base64url');
}

/**
 * Reads a cursor back, as the groups of `form`.
 * @throws BadUserInputError for anything that is not a cursor of this form.
 */
export function decodeCursor(cursor: string, form: RegExp): Readonly<Record<string, string | undefined>> {
  const match = form.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  if (match?.groups === undefined) throw notACursor();
  return match.groups;
}

/** What is answered to a cursor that belongs elsewhere. */
export function notACursor(): BadUserInputError {
  return new BadUserInputError('`after` is not a cursor of this stream.');
}
