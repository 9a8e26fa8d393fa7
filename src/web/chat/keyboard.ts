/**
 * Returns whether a key belongs to an input method, such as the Enter that confirms a word or the Esc that discards it.
 * Safari ends the composition before it reports the key: then only the key code 229 tells that an input method handled
 * the key. Source: https://bugs.webkit.org/show_bug.cgi?id=165004
 */
export function isForInputMethod({ isComposing, keyCode }: KeyboardEvent): boolean {
  return isComposing || keyCode === 229;
}

/** Returns whether a key sends a message: Enter, without Shift. */
export function isSendKey(event: KeyboardEvent): boolean {
  return event.key === 'Enter' && !event.shiftKey && !isForInputMethod(event);
}
