/** Takes out of a text the marks by which models end their turns, where a server lets one through. */
export interface StopFilter {
  /** What of the text so far may be shown now; the beginning of what may become a marker is held back. */
  push(text: string): string;
  /** What was held back and became no marker. */
  flush(): string;
  /** Whether a marker was met: nothing after it belongs to the answer. */
  readonly isOver: boolean;
}

/**
 * How the turns of Llama, Mistral, Qwen, GLM, Gemma, Phi, gpt-oss and DeepSeek end. All begin alike, so that a text is
 * searched for one character.
 */
const MARKERS = [
  ...['</s>', '<eos>', '<end_of_turn>', '<start_of_turn>', '<｜end▁of▁sentence｜>'],
  ...['<|im_end|>', '<|im_start|>', '<|eot_id|>', '<|eom_id|>', '<|start_header_id|>', '<|end_of_text|>'],
  ...['<|endoftext|>', '<|end|>', '<|return|>', '<|user|>', '<|assistant|>', '<|observation|>'],
];
const FIRST = '<';

/** Makes the filter of one answer. */
export function createStopFilter(): StopFilter {
  let held = '';
  let isOver = false;
  return {
    push(text) {
      if (isOver) return '';
      if (held === '' && !text.includes(FIRST)) return text;
      const whole = held + text;
      held = '';
      for (let at = whole.indexOf(FIRST); at !== -1; at = whole.indexOf(FIRST, at + 1)) {
        if (MARKERS.some((marker) => whole.startsWith(marker, at))) {
          isOver = true;
          return whole.slice(0, at);
        }
        const rest = whole.slice(at, at + LONGEST);
        if (at + rest.length === whole.length && MARKERS.some((marker) => marker.startsWith(rest))) {
          held = rest;
          return whole.slice(0, at);
        }
      }
      return whole;
    },
    flush() {
      const text = held;
      held = '';
      return text;
    },
    get isOver() {
      return isOver;
    },
  };
}

const LONGEST = Math.max(...MARKERS.map((marker) => marker.length));
