import { AsyncLocalStorage } from 'node:async_hooks';
import { QueryTooComplexError } from './errors.ts';

/** Rows hold more than the requested fields, so an execution may read a multiple of its response limit. */
const READ_FACTOR = 2;

/**
 * Limits the bytes of one execution's response, and how much the execution reads. Bytes are counted while the response
 * is built, so the budget bounds memory too. Once it is exceeded, `check` and `addRead` throw, and the execution ends
 * soon.
 */
export class ResponseBudget {
  readonly limit: number;
  readonly #outer: ResponseBudget | undefined;
  #responseBytes = 0;
  #readChars = 0;
  #isClosed = false;
  #excess: QueryTooComplexError | undefined;

  /** @param outer the budget of the enclosing execution, which counts this execution's bytes as reads. */
  constructor(limit: number, outer?: ResponseBudget) {
    this.limit = limit;
    this.#outer = outer;
  }

  /** Why the execution has to end; undefined while it may continue. */
  get excess(): QueryTooComplexError | undefined {
    return this.#excess ?? this.#outer?.excess;
  }

  /** @throws QueryTooComplexError once the budget is exceeded. */
  check(): void {
    if (!this.#isClosed && this.excess !== undefined) throw this.excess;
  }

  /**
   * Counts bytes of the response, or a lower bound of them. Never throws, because thousands of errors would cost more.
   */
  addResponse(bytes: number): void {
    this.#responseBytes += bytes;
    if (this.#responseBytes > this.limit) this.#excess ??= responseTooLarge(this.#responseBytes, this.limit);
    this.#outer?.addReadUnchecked(bytes);
  }

  /**
   * Counts memory held for the response, in UTF-16 code units.
   * @throws QueryTooComplexError
   */
  addRead(chars: number): void {
    this.addReadUnchecked(chars);
    this.check();
  }

  /** Like `addRead`, but never throws. */
  addReadUnchecked(chars: number): void {
    const limit = this.limit * READ_FACTOR;
    this.#readChars += chars;
    if (this.#readChars > limit) this.#excess ??= readsTooMuch(this.#readChars, limit);
    this.#outer?.addReadUnchecked(chars);
  }

  /** Stops enforcing the limit: work that outlives its execution has none. */
  close(): void {
    this.#isClosed = true;
  }
}

const budgets = new AsyncLocalStorage<ResponseBudget>();

/**
 * The budget of the current execution; undefined outside one, and in executions without a budget: mutations and REST.
 */
export function findBudget(): ResponseBudget | undefined {
  return budgets.getStore();
}

/** Runs the code that builds a response, and its asynchronous work, under a budget. */
export function runWithBudget<T>(budget: ResponseBudget, run: () => T): T {
  return budgets.run(budget, run);
}

/**
 * Creates the error for a response that would be too large.
 * @param parts its root fields, the largest first.
 */
export function responseTooLarge(
  bytes: number,
  limit: number,
  parts: QueryTooComplexError['parts'] = [],
): QueryTooComplexError {
  return new QueryTooComplexError(
    `The answer is too large: it may have at most ${limit} bytes. Ask for fewer items, or for less of each.`,
    { cost: bytes, limit, parts },
  );
}

function readsTooMuch(chars: number, limit: number): QueryTooComplexError {
  return new QueryTooComplexError(
    `The query reads too much: at most ${limit} characters may be read for it. Ask for fewer items at once.`,
    { cost: chars, limit },
  );
}
