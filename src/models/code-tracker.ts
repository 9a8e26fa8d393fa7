/** Follows the code in a Markdown text that is read piece by piece. */
export interface CodeTracker {
  read(text: string): void;
  /**
   * The code that the text so far has opened. Reading this property ends a run of backticks or tildes: the next text
   * does not continue it.
   */
  readonly openCode: OpenCode | undefined;
}

/** A code span, which ends with the same number of backticks or with its line, or a code block between fences. */
export interface OpenCode {
  readonly fence: string;
  readonly isBlock: boolean;
}

/** The text that may precede a fence on its line. */
export const LINE_START = /^[\s>*+\d.)-]*$/;
const TOKEN = /`+|~+|\n|[^`~\n]+/g;

/**
 * Returns the code that is open after a run of backticks or tildes.
 * @param isAtLineStart whether only text such as `LINE_START` precedes the run on its line.
 */
export function applyRun(openCode: OpenCode | undefined, run: string, isAtLineStart: boolean): OpenCode | undefined {
  const isFence = run.length >= 3 && isAtLineStart;
  if (openCode === undefined) return isFence || run[0] === '`' ? { fence: run, isBlock: isFence } : undefined;
  const isEnd = openCode.isBlock ? isFence && run.startsWith(openCode.fence) : run === openCode.fence;
  return isEnd ? undefined : openCode;
}

/** Creates the tracker of one text. Reading takes linear time. */
export function createCodeTracker(): CodeTracker {
  let openCode: OpenCode | undefined;
  /** Backticks or tildes that the next text may continue. */
  let run = '';
  let isRunAtLineStart = false;
  let isLineStart = true;

  function endRun(): void {
    if (run === '') return;
    openCode = applyRun(openCode, run, isRunAtLineStart);
    run = '';
  }

  return {
    read(text) {
      for (const [token] of text.matchAll(TOKEN)) {
        if (run !== '' && token[0] === run[0]) {
          run += token;
          continue;
        }
        endRun();
        if (token === '\n') {
          if (openCode?.isBlock === false) openCode = undefined;
          isLineStart = true;
        } else if (token[0] === '`' || token[0] === '~') {
          run = token;
          isRunAtLineStart = isLineStart;
          isLineStart = false;
        } else isLineStart &&= LINE_START.test(token);
      }
    },
    get openCode() {
      endRun();
      return openCode;
    },
  };
}
