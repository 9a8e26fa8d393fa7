import { AsyncLocalStorage } from 'node:async_hooks';
import { QueryTooComplexError } from './errors.ts';

/** Rows hold more than what is asked of them, so more may be read than answered; times the limit of the answer. */
const READ_FACTOR = 2;

/**
 * How many bytes one execution may answer, and how much it may read for that. It is counted while the answer is built, so
 * that memory is bounded too; once it is exceeded, everything that counts throws, and the execution ends soon.
 */
export class AnswerBudget {
  readonly limit: number;
  readonly #outer: AnswerBudget | undefined;
  #answered = 0;
  #held = 0;
  #isClosed = false;
  #excess: QueryTooComplexError | undefined;

  /** @param outer of the execution that this one is a part of: it counts too. */
  constructor(limit: number, outer?: AnswerBudget) {
    this.limit = limit;
    this.#outer = outer;
  }

  /** Why the execution has to end; undefined while it may go on. */
  get excess(): QueryTooComplexError | undefined {
    return this.#excess ?? this.#outer?.excess;
  }

  /** @throws QueryTooComplexError once it is exceeded. */
  check(): void {
    if (!this.#isClosed && this.excess !== undefined) throw this.excess;
  }

  /** Counts bytes of the answer, or fewer than there will be; throws nothing, as thousands of errors cost more. */
  addAnswered(bytes: number): void {
    this.#answered += bytes;
    if (this.#answered > this.limit) this.#excess ??= answerTooLarge(this.#answered, this.limit);
    this.#outer?.addHeld(bytes);
  }

  /** Counts what is held in memory for the answer, in UTF-16 code units. @throws QueryTooComplexError */
  addRead(chars: number): void {
    this.addHeld(chars);
    this.check();
  }

  /** Counts the same, and throws nothing. */
  addHeld(chars: number): void {
    const limit = this.limit * READ_FACTOR;
    this.#held += chars;
    if (this.#held > limit) this.#excess ??= readsTooMuch(this.#held, limit);
    this.#outer?.addHeld(chars);
  }

  /** Ends the counting: what was begun by the execution and outlives it may read what it likes. */
  close(): void {
    this.#isClosed = true;
  }
}

const budgets = new AsyncLocalStorage<AnswerBudget>();

/** The budget of the execution under way; undefined outside of one, and in those that have none: mutations and REST. */
export function findBudget(): AnswerBudget | undefined {
  return budgets.getStore();
}

/** Runs what builds an answer, and what that waits for, under a budget. */
export function runWithin<T>(budget: AnswerBudget, run: () => T): T {
  return budgets.run(budget, run);
}

/** Says that an answer would be too large. @param parts of it, the largest first. */
export function answerTooLarge(
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
