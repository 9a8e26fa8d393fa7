/** Removes from a text the markers with which open models end a turn, when a server streams one. */
export interface StopFilter {
  /** Returns the text that can be shown now; the possible start of a marker is buffered. */
  push(text: string): string;
  /** Returns the buffered text, which became no marker, at the end of the text. */
  flush(): string;
  /** Whether a marker was found: the answer ends before it. */
  readonly isOver: boolean;
}

/**
 * The markers of Llama, Mistral, Qwen, GLM, Gemma, Phi, gpt-oss and DeepSeek. All start with the same character, so that a
 * text is searched for one character.
 */
const MARKERS = [
  ...['<eos>', '<end_of_turn>', '<start_of_turn>', '<｜end▁of▁sentence｜>'],
  ...['<|im_end|>', '<|im_start|>', '<|eot_id|>', '<|eom_id|>', '<|start_header_id|>', '<|end_of_text|>'],
  ...['<|endoftext|>', '<|end|>', '<|return|>', '<|user|>', '<|assistant|>', '<|observation|>'],
];
/** Also an HTML tag for struck text: a marker only if nothing but white space follows. */
const FINAL_MARKER = '</s>';
const MARKER_START = '<';
const ALL_MARKERS = [...MARKERS, FINAL_MARKER];
const MAX_MARKER_LENGTH = Math.max(...ALL_MARKERS.map((marker) => marker.length));

/** Creates the filter of one answer. */
export function createStopFilter(): StopFilter {
  /** The possible start of a marker. */
  let buffered = '';
  /** `</s>` and the white space after it. */
  let last = '';
  let isOver = false;

  function filter(text: string): string {
    if (buffered === '' && !text.includes(MARKER_START)) return text;
    const whole = buffered + text;
    buffered = '';
    for (let at = whole.indexOf(MARKER_START); at !== -1; at = whole.indexOf(MARKER_START, at + 1)) {
      if (MARKERS.some((marker) => whole.startsWith(marker, at))) {
        isOver = true;
        return whole.slice(0, at);
      }
      if (whole.startsWith(FINAL_MARKER, at) && isBlank(whole.slice(at + FINAL_MARKER.length))) {
        last = whole.slice(at);
        return whole.slice(0, at);
      }
      const rest = whole.slice(at, at + MAX_MARKER_LENGTH);
      if (at + rest.length === whole.length && ALL_MARKERS.some((marker) => marker.startsWith(rest))) {
        buffered = rest;
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
      const text = buffered;
      buffered = '';
      last = '';
      return text;
    },
    get isOver() {
      return isOver;
    },
  };
}

const isBlank = (text: string): boolean => !/\S/.test(text);
