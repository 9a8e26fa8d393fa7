/** Follows the code in a Markdown text that is read piece by piece. */
export interface CodeTracker {
  read(text: string): void;
  /** The code that the text so far has opened, unless the next character continues its last backticks or tildes. */
  readonly openCode: OpenCode | undefined;
}

/** A code span, which ends with the same number of backticks or with its line, or a code block between fences. */
export interface OpenCode {
  readonly fence: string;
  readonly isBlock: boolean;
}

/** The start of a line before a fence. */
const LINE_START = /^[\s>*+\d.)-]*$/;
const TOKEN = /`+|~+|\n|[^`~\n]+/g;

/** Creates the tracker of one text. Reading takes linear time. */
export function createCodeTracker(): CodeTracker {
  let openCode: OpenCode | undefined;
  /** Backticks or tildes that the next text may continue. */
  let run = '';
  let isRunAtLineStart = false;
  let isLineStart = true;

  function endRun(): void {
    if (run === '') return;
    const isFence = run.length >= 3 && isRunAtLineStart;
    if (openCode === undefined) {
      if (isFence || run[0] === '`') openCode = { fence: run, isBlock: isFence };
    } else if (openCode.isBlock ? isFence && run.startsWith(openCode.fence) : run === openCode.fence) {
      openCode = undefined;
    }
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
