import type { AnswerEngine, AnswerEvent, Question } from '../../../src/answer/engine.ts';

/** An engine whose every step the test decides, standing in for a hosted model. */
export interface ScriptedEngine extends AnswerEngine {
  /** Gives a step to the answer that is under way, or to the next one. */
  push(...events: AnswerEvent[]): void;
  /** Makes the answer under way fail. */
  fail(error: Error): void;
  /** How many answers were asked for. */
  readonly asked: number;
  /** What was asked for, in order. */
  readonly questions: readonly Question[];
}

/** Makes an engine that answers what it is told, in order, one answer after the other. */
export function createScriptedEngine(): ScriptedEngine {
  const steps: (AnswerEvent | Error)[] = [];
  const waiting = new Set<() => void>();
  const questions: Question[] = [];

  async function next(signal: AbortSignal): Promise<AnswerEvent | Error> {
    while (steps.length === 0) {
      await new Promise<void>((resolve, reject) => {
        waiting.add(resolve);
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    }
    return steps.shift() as AnswerEvent | Error;
  }

  const add = (step: AnswerEvent | Error) => {
    steps.push(step);
    // The answer that began to wait last takes it.
    for (const wake of [...waiting].reverse()) wake();
    waiting.clear();
  };

  return {
    get asked() {
      return questions.length;
    },
    questions,
    push: (...events) => events.forEach(add),
    fail: add,
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

/** The step that ends an answer well. */
export const finish: AnswerEvent = {
  type: 'finish',
  reason: 'STOP',
  usage: { inputTokens: 1, cachedTokens: 0, outputTokens: 1, reasoningTokens: 0, isEstimated: false },
};

/** The step that appends text. */
export const delta = (text: string): AnswerEvent => ({ type: 'delta', text });
