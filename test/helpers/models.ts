import { AnswerFailure, type FailureCode } from '../../src/domain/failures.ts';
import type { ModelCall, ModelStep, Models } from '../../src/models/model-call.ts';

/** Models whose every step the test decides. */
export interface ScriptedModels extends Models {
  /** What was asked, in order. */
  readonly calls: readonly ModelCall[];
  /** How many answers were closed. */
  readonly closed: number;
}

/** The step that ends an answer well. */
export const MODEL_FINISH: ModelStep = { type: 'finish', reason: 'STOP', usage: null };

/** Makes models that give these steps to every call, or fail in their place; after the last they are silent. */
export function createScriptedModels(steps: readonly (ModelStep | FailureCode)[]): ScriptedModels {
  const calls: ModelCall[] = [];
  let closed = 0;
  return {
    calls,
    get closed() {
      return closed;
    },
    async open(call, signal) {
      calls.push(call);
      signal.throwIfAborted();
      const left = [...steps];
      const next = async (): Promise<ModelStep> => {
        const step = left.shift();
        if (step === undefined) return new Promise(() => {});
        if (typeof step === 'string') throw new AnswerFailure(step, 'as the test says');
        return step;
      };
      const first = await next();
      left.unshift(first);
      return {
        provider: call.provider,
        model: call.model ?? 'default-model',
        next,
        said: { role: 'assistant', content: [] },
        close() {
          closed += 1;
        },
      };
    },
  };
}
