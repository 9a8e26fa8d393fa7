/**
 * Characters that move a cursor, end a line or change the direction of text: C0, DEL, C1, and the Unicode characters
 * with these effects.
 */
const CONTROLS = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;
const ALL_CONTROLS = new RegExp(CONTROLS, 'gu');
/** `CONTROLS` without the line feed. */
const INLINE_CONTROLS = /[^\P{Cc}\n]|[\p{Bidi_Control}\u2028\u2029]/gu;

/**
 * Whether a text contains a character that controls a terminal or the direction of text, tabs and line breaks included.
 */
export function hasControlCharacters(text: string): boolean {
  return CONTROLS.test(text);
}

/**
 * Escapes characters that control a terminal or the direction of text, as `\u001b`: the result is a single line of
 * plain text.
 */
export function toPlainLine(text: string): string {
  return text.replace(ALL_CONTROLS, toEscape);
}

/**
 * Like `toPlainLine`, but keeps line feeds. JSON keeps its meaning, because only its strings contain the characters
 * that this function escapes.
 */
export function toPlainLines(text: string): string {
  return text.replace(INLINE_CONTROLS, toEscape);
}

function toEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
