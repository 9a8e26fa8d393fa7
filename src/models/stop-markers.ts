import { type CodeTracker, createCodeTracker } from './code-tracker.ts';

/** Removes the end-of-turn markers of open models from a text, in case a server streams them. */
export interface StopFilter {
  /** Returns the text that can be displayed now; the possible start of a marker is buffered. */
  push(text: string): string;
  /** Returns the buffered text. Call it at the end of the text, when the buffer can no longer become a marker. */
  flush(): string;
  /** Whether the text contained a marker. The answer ends before it. */
  readonly hasFoundMarker: boolean;
}

/**
 * The markers of Llama, Mistral, Qwen, GLM, Gemma, Phi, gpt-oss and DeepSeek. All start with the same character, so it
 * is enough to search a text for that character.
 */
const MARKERS = [
  ...['<eos>', '<end_of_turn>', '<start_of_turn>', '<｜end▁of▁sentence｜>'],
  ...['<|im_end|>', '<|im_start|>', '<|eot_id|>', '<|eom_id|>', '<|start_header_id|>', '<|end_of_text|>'],
  ...['<|endoftext|>', '<|end|>', '<|return|>', '<|user|>', '<|assistant|>', '<|observation|>'],
];
/** This marker is also an HTML tag, so it counts as a marker only if nothing but white space follows it. */
const FINAL_MARKER = '</s>';
const MARKER_START = '<';
const ALL_MARKERS = [...MARKERS, FINAL_MARKER];
const MAX_MARKER_LENGTH = Math.max(...ALL_MARKERS.map((marker) => marker.length));

/** The number of UTF-16 units after a marker that may decide its meaning. Without a decision, the marker ends the text. */
const MAX_LOOKAHEAD = 200;
/** Quotation marks, by the one before a quotation. */
const QUOTES = new Map(
  ['""', "''", '“”', '„“', '‘’', '«»', '‹›', '「」', '『』'].map(([open, close]) => [open, close]),
);

/**
 * The meaning of a marker: text that the answer is about, or the end of the answer; undefined until more text arrives.
 */
type Meaning = 'text' | 'end' | undefined;

/** Creates the filter of one answer. A marker in code or in quotation marks is text. */
export function createStopFilter(): StopFilter {
  const code = createCodeTracker();
  /** A marker whose meaning is unknown and the text after it, or the possible start of a marker. */
  let buffered = '';
  let lastCharacter = '';
  let hasFoundMarker = false;

  function release(text: string): void {
    code.read(text);
    lastCharacter = text.at(-1) ?? lastCharacter;
  }

  function filter(text: string, isEnd: boolean): string {
    buffered = '';
    let released = 0;
    for (let at = text.indexOf(MARKER_START); at !== -1; at = text.indexOf(MARKER_START, at + 1)) {
      const marker = ALL_MARKERS.find((each) => text.startsWith(each, at));
      if (marker === undefined && (isEnd || !isMarkerPrefix(text, at))) continue;
      release(text.slice(released, at));
      released = at;
      if (marker !== undefined) {
        const meaning = readMeaning(marker, text.slice(at + marker.length), { code, lastCharacter, isEnd });
        if (meaning === 'text') continue;
        hasFoundMarker = meaning === 'end';
      }
      if (!hasFoundMarker) buffered = text.slice(at);
      return text.slice(0, at);
    }
    release(text.slice(released));
    return text;
  }

  return {
    push: (text) => (hasFoundMarker ? '' : filter(buffered + text, false)),
    flush: () => (hasFoundMarker ? '' : filter(buffered, true)),
    get hasFoundMarker() {
      return hasFoundMarker;
    },
  };
}

/** Returns whether the text may end within a marker that starts at an offset. */
function isMarkerPrefix(text: string, at: number): boolean {
  const tail = text.slice(at, at + MAX_MARKER_LENGTH);
  return at + tail.length === text.length && ALL_MARKERS.some((marker) => marker.startsWith(tail));
}

function readMeaning(
  marker: string,
  textAfter: string,
  { code, lastCharacter, isEnd }: { code: CodeTracker; lastCharacter: string; isEnd: boolean },
): Meaning {
  const next = textAfter.slice(0, MAX_LOOKAHEAD);
  const undecided = isEnd || textAfter.length > MAX_LOOKAHEAD ? 'end' : undefined;
  const { openCode } = code;
  // A code block need not be closed, so the marker after its last line ends the answer.
  if (marker === FINAL_MARKER || openCode?.isBlock) return /\S/.test(next) ? 'text' : undecided;
  if (openCode !== undefined) {
    for (const { 0: token, index } of next.matchAll(/`+|\n/g)) {
      if (token === '\n') return 'end';
      if (token !== openCode.fence) continue;
      // The next text may continue the backticks.
      return index + token.length === textAfter.length && !isEnd ? undefined : 'text';
    }
    return undecided;
  }
  const closingQuote = QUOTES.get(lastCharacter);
  if (closingQuote === undefined) return 'end';
  return next === '' ? undecided : next[0] === closingQuote ? 'text' : 'end';
}
