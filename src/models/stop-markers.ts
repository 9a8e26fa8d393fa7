/** Removes the end-of-turn markers of open models from a text, in case a server streams them. */
export interface StopFilter {
  /** Returns the text that can be displayed now; the possible start of a marker is buffered. */
  push(text: string): string;
  /** Returns the buffered text at the end of the text, when it can no longer become a marker. */
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
/** Also the HTML tag that ends struck-through text, so it is a marker only if nothing but white space follows. */
const FINAL_MARKER = '</s>';
const MARKER_START = '<';
const ALL_MARKERS = [...MARKERS, FINAL_MARKER];
const MAX_MARKER_LENGTH = Math.max(...ALL_MARKERS.map((marker) => marker.length));

/** Creates the filter of one answer. */
export function createStopFilter(): StopFilter {
  /** The possible start of a marker. */
  let buffered = '';
  /** `</s>` and the white space after it. */
  let trailing = '';
  let isOver = false;

  function filter(text: string): string {
    if (buffered === '' && !text.includes(MARKER_START)) return text;
    const combined = buffered + text;
    buffered = '';
    for (let at = combined.indexOf(MARKER_START); at !== -1; at = combined.indexOf(MARKER_START, at + 1)) {
      if (MARKERS.some((marker) => combined.startsWith(marker, at))) {
        isOver = true;
        return combined.slice(0, at);
      }
      if (combined.startsWith(FINAL_MARKER, at) && isBlank(combined.slice(at + FINAL_MARKER.length))) {
        trailing = combined.slice(at);
        return combined.slice(0, at);
      }
      const tail = combined.slice(at, at + MAX_MARKER_LENGTH);
      if (at + tail.length === combined.length && ALL_MARKERS.some((marker) => marker.startsWith(tail))) {
        buffered = tail;
        return combined.slice(0, at);
      }
    }
    return combined;
  }

  return {
    push(text) {
      if (isOver) return '';
      if (trailing === '') return filter(text);
      if (isBlank(text)) {
        trailing += text;
        return '';
      }
      const shown = trailing;
      trailing = '';
      return shown + filter(text);
    },
    flush() {
      const text = buffered;
      buffered = '';
      trailing = '';
      return text;
    },
    get isOver() {
      return isOver;
    },
  };
}

const isBlank = (text: string): boolean => !/\S/.test(text);
