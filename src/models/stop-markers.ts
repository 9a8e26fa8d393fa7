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

/** Creates the filter of one answer. */
export function createStopFilter(): StopFilter {
  /** The possible start of a marker. */
  let buffered = '';
  /** `</s>` and the white space after it. */
  let trailingMarker = '';
  let hasFoundMarker = false;

  function filter(text: string): string {
    if (buffered === '' && !text.includes(MARKER_START)) return text;
    const combined = buffered + text;
    buffered = '';
    for (let at = combined.indexOf(MARKER_START); at !== -1; at = combined.indexOf(MARKER_START, at + 1)) {
      if (MARKERS.some((marker) => combined.startsWith(marker, at))) {
        hasFoundMarker = true;
        return combined.slice(0, at);
      }
      if (combined.startsWith(FINAL_MARKER, at) && isBlank(combined.slice(at + FINAL_MARKER.length))) {
        trailingMarker = combined.slice(at);
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
      if (hasFoundMarker) return '';
      if (trailingMarker === '') return filter(text);
      if (isBlank(text)) {
        trailingMarker += text;
        return '';
      }
      const released = trailingMarker;
      trailingMarker = '';
      return released + filter(text);
    },
    flush() {
      const text = buffered;
      buffered = '';
      trailingMarker = '';
      return text;
    },
    get hasFoundMarker() {
      return hasFoundMarker;
    },
  };
}

const isBlank = (text: string): boolean => !/\S/.test(text);
