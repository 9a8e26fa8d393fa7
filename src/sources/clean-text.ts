import { normalizeText } from '../domain/text.ts';

/**
 * Invisible characters (controls, soft hyphens, direction marks, fillers, tags), except Persian and emoji joiners; and
 * noncharacters, which have a meaning of their own while a source is read.
 */
const INVISIBLE =
  /(?:(?!\t|\n|\u200c|\u200d|[\ufe00-\ufe0f])[\p{Default_Ignorable_Code_Point}\p{Cc}\ufff9-\ufffb\ufdd0-\ufdef])+/gu;
const LINE_BREAK = /\r\n|[\r\v\f\x85\u2028\u2029]/g;

/** Cleans a text for storage: NFC, lines ended by `\n`, no invisible or direction-changing characters. */
export function cleanText(text: string): string {
  return normalizeText(text.toWellFormed().replace(LINE_BREAK, '\n').replace(INVISIBLE, ''), 'NFC');
}
