/** What moves a cursor, ends a line or turns the direction of text: C0, DEL, C1, and the marks of Unicode for both. */
const CONTROLS = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;
const ALL_CONTROLS = new RegExp(CONTROLS, 'gu');
/** The same without line feeds. */
const INLINE_CONTROLS = /[^\P{Cc}\n]|[\p{Bidi_Control}\u2028\u2029]/gu;

/** Whether a text holds a character that controls a terminal or the direction of text; tabs and line breaks are such. */
export function hasControls(text: string): boolean {
  return CONTROLS.test(text);
}

/** Writes what controls a terminal or the direction of text as `\u001b`: the text is one line, and nothing but text. */
export function toPlainLine(text: string): string {
  return text.replace(ALL_CONTROLS, toEscape);
}

/** The same, but keeps line feeds. Of JSON it makes the same JSON, as what it escapes stands in strings alone. */
export function toPlainLines(text: string): string {
  return text.replace(INLINE_CONTROLS, toEscape);
}

function toEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
