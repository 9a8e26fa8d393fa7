import { AsyncLocalStorage } from 'node:async_hooks';
import { QueryTooComplexError } from './errors.ts';

/**
 * How many characters an execution may read for each byte of its response limit. It reads more than it returns, because
 * rows contain more than the requested fields.
 */
const MAX_READ_CHARS_PER_BYTE = 2;

/**
 * Limits the bytes of one execution's response, and how much the execution reads. Bytes are counted while the response
 * is built, so the budget bounds memory too. Once the budget is exceeded, `check` and `addRead` throw, and the
 * execution ends soon.
 */
export class ResponseBudget {
  readonly limit: number;
  readonly #outer: ResponseBudget | undefined;
  #responseBytes = 0;
  #readChars = 0;
  #isClosed = false;
  #limitError: QueryTooComplexError | undefined;

  /**
   * @param outer the budget of the enclosing execution, if any. It counts the reads and the response bytes of this
   * execution as reads.
   */
  constructor(limit: number, outer?: ResponseBudget) {
    this.limit = limit;
    this.#outer = outer;
  }

  /** The error with which the execution has to end; undefined while it is within its budget. */
  get limitError(): QueryTooComplexError | undefined {
    return this.#limitError ?? this.#outer?.limitError;
  }

  /** @throws QueryTooComplexError once the budget is exceeded. */
  check(): void {
    if (!this.#isClosed && this.limitError !== undefined) throw this.limitError;
  }

  /**
   * Counts bytes of the response, or a lower bound of them. Never throws, because an error for each of thousands of
   * fields would cost more than the rest of the response.
   */
  addResponse(bytes: number): void {
    this.#responseBytes += bytes;
    if (this.#responseBytes > this.limit) this.#limitError ??= createTooLargeError(this.#responseBytes, this.limit);
    this.#outer?.addReadUnchecked(bytes);
  }

  /**
   * Counts UTF-16 code units that the execution has read and keeps in memory for the response.
   * @throws QueryTooComplexError
   */
  addRead(chars: number): void {
    this.addReadUnchecked(chars);
    this.check();
  }

  /** Like `addRead`, but never throws. */
  addReadUnchecked(chars: number): void {
    const limit = this.limit * MAX_READ_CHARS_PER_BYTE;
    this.#readChars += chars;
    if (this.#readChars > limit) this.#limitError ??= createReadsTooMuchError(this.#readChars, limit);
    this.#outer?.addReadUnchecked(chars);
  }

  /** Stops enforcing the limit, because work that continues after the execution has no limit. */
  close(): void {
    this.#isClosed = true;
  }
}

const budgets = new AsyncLocalStorage<ResponseBudget>();

/**
 * The budget of the current execution; undefined outside an execution, and in mutations and REST, which have no budget.
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
 * @param parts the root fields of the response, with their sizes as costs, the largest first.
 */
export function createTooLargeError(
  bytes: number,
  limit: number,
  parts: QueryTooComplexError['parts'] = [],
): QueryTooComplexError {
  return new QueryTooComplexError(
    `The response is too large: it may have at most ${limit} bytes. Ask for fewer items or fields.`,
    { cost: bytes, limit, parts },
  );
}

function createReadsTooMuchError(chars: number, limit: number): QueryTooComplexError {
  return new QueryTooComplexError(
    `The query reads too much data: it may read at most ${limit} characters. Ask for fewer items.`,
    { cost: chars, limit },
  );
}
