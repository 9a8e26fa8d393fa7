import type { AnswerEngine, AnswerEvent, Question } from '../../../src/answer/engine.ts';

/** An engine that yields the events that the test pushes. */
export interface ScriptedEngine extends AnswerEngine {
  /** Adds events to the answer in progress, or to the next answer. */
  push(...events: AnswerEvent[]): void;
  /** Fails the answer in progress. */
  fail(error: Error): void;
  /** Ends the answer in progress, and all later ones, after the events that were pushed. */
  finishAll(): void;
  /** The number of questions so far. */
  readonly questionCount: number;
  /** The questions, in order. */
  readonly questions: readonly Question[];
}

/** Creates an engine that yields the pushed events in order, one answer after the other. */
export function createScriptedEngine(): ScriptedEngine {
  const steps: (AnswerEvent | Error)[] = [];
  const waiting = new Set<() => void>();
  const questions: Question[] = [];
  let isFinished = false;

  async function next(signal: AbortSignal): Promise<AnswerEvent | Error> {
    while (steps.length === 0) {
      if (isFinished) return finish;
      await new Promise<void>((resolve, reject) => {
        waiting.add(resolve);
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    }
    return steps.shift() as AnswerEvent | Error;
  }

  const wakeAll = () => {
    // The answer that started to wait last gets the event.
    for (const wake of [...waiting].reverse()) wake();
    waiting.clear();
  };
  const add = (step: AnswerEvent | Error) => {
    steps.push(step);
    wakeAll();
  };

  return {
    get questionCount() {
      return questions.length;
    },
    questions,
    push: (...events) => events.forEach(add),
    fail: add,
    finishAll() {
      isFinished = true;
      wakeAll();
    },
    async *answer(question, signal) {
      questions.push(question);
      while (true) {
        const step = await next(signal);
        if (step instanceof Error) throw step;
        yield step;
        if (step.type === 'finish') return;
      }
    },
  };
}

/** The event that completes an answer. */
export const finish: AnswerEvent = {
  type: 'finish',
  reason: 'STOP',
  usage: { inputTokens: 1, cachedTokens: 0, outputTokens: 1, reasoningTokens: 0, isEstimated: false },
};

/** The event that appends text. */
export const delta = (text: string): AnswerEvent => ({ type: 'delta', text });
