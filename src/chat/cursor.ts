import { BadUserInputError } from '../domain/errors.ts';

/** How far a reader of one answer has come. */
export interface Position {
  readonly messageId: string;
  /** 0: nothing told; 1: told that it waits; 2: told that it is being written; 3: told its end. */
  readonly stage: 0 | 1 | 2 | 3;
  /** UTF-16 code units of the text told. */
  readonly offset: number;
  /** Citations told. */
  readonly citations: number;
}

const FORM = /^([0-9a-f-]{36}):([0-3]):(\d{1,9}):(\d{1,3})$/;

/** Where a reader begins who has seen nothing. */
export const startOf = (messageId: string): Position => ({ messageId, stage: 0, offset: 0, citations: 0 });

/** Writes a position as the opaque text that clients keep. */
export function encodeCursor({ messageId, stage, offset, citations }: Position): string {
  return Buffer.from(`${messageId}:${stage}:${offset}:${citations}`, 'latin1').toString('base64url');
}

/**
 * Reads a position back.
 * @throws BadUserInputError for anything that is not a cursor of this message's stream.
 */
export function decodeCursor(cursor: string, messageId: string): Position {
  const match = FORM.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  if (match === null || match[1] !== messageId) throw new BadUserInputError('`after` is not a cursor of this stream.');
  return {
    messageId,
    stage: Number(match[2]) as Position['stage'],
    offset: Number(match[3]),
    citations: Number(match[4]),
  };
}
