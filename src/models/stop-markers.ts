/** Takes out of a text the marks by which open models end their turns, where a server lets one through. */
export interface StopFilter {
  /** What of the text so far may be shown now; what may become a marker is held back. */
  push(text: string): string;
  /** What was held back and became no marker, at the end of the text. */
  flush(): string;
  /** Whether a marker was met: nothing after it belongs to the answer. */
  readonly isOver: boolean;
}

/**
 * How the turns of Llama, Mistral, Qwen, GLM, Gemma, Phi, gpt-oss and DeepSeek end. All begin alike, so that a text is
 * searched for one character.
 */
const MARKERS = [
  ...['<eos>', '<end_of_turn>', '<start_of_turn>', '<｜end▁of▁sentence｜>'],
  ...['<|im_end|>', '<|im_start|>', '<|eot_id|>', '<|eom_id|>', '<|start_header_id|>', '<|end_of_text|>'],
  ...['<|endoftext|>', '<|end|>', '<|return|>', '<|user|>', '<|assistant|>', '<|observation|>'],
];
/** Also a tag of HTML, for struck text: a marker only where nothing but white space comes after it. */
const LAST = '</s>';
const FIRST = '<';
const BEGUN = [...MARKERS, LAST];
const LONGEST = Math.max(...BEGUN.map((marker) => marker.length));

/** Makes the filter of one answer. */
export function createStopFilter(): StopFilter {
  /** The beginning of what may become a marker. */
  let held = '';
  /** `</s>` and the white space behind it. */
  let last = '';
  let isOver = false;

  function filter(text: string): string {
    if (held === '' && !text.includes(FIRST)) return text;
    const whole = held + text;
    held = '';
    for (let at = whole.indexOf(FIRST); at !== -1; at = whole.indexOf(FIRST, at + 1)) {
      if (MARKERS.some((marker) => whole.startsWith(marker, at))) {
        isOver = true;
        return whole.slice(0, at);
      }
      if (whole.startsWith(LAST, at) && isBlank(whole.slice(at + LAST.length))) {
        last = whole.slice(at);
        return whole.slice(0, at);
      }
      const rest = whole.slice(at, at + LONGEST);
      if (at + rest.length === whole.length && BEGUN.some((marker) => marker.startsWith(rest))) {
        held = rest;
        return whole.slice(0, at);
      }
    }
    return whole;
  }

  return {
    push(text) {
      if (isOver) return '';
      if (last === '') return filter(text);
      if (isBlank(text)) {
        last += text;
        return '';
      }
      const shown = last;
      last = '';
      return shown + filter(text);
    },
    flush() {
      const text = held;
      held = '';
      last = '';
      return text;
    },
    get isOver() {
      return isOver;
    },
  };
}

const isBlank = (text: string): boolean => !/\S/.test(text);
