import { AnswerFailure, type FailureCode } from '../../../src/domain/failures.ts';
import type { ModelCall, ModelStep, Models } from '../../../src/models/model-types.ts';

/** Models whose answers follow scripts of the test. */
export interface ScriptedModels extends Models {
  /** The calls, in order. */
  readonly calls: readonly ModelCall[];
  /** The number of closed answers. */
  readonly closedCount: number;
}

/** The step that completes an answer. */
export const MODEL_FINISH: ModelStep = { type: 'finish', reason: 'STOP', usage: null };

/** The steps of one call; a failure code fails the call at that step. */
export type ModelScript = readonly (ModelStep | FailureCode)[];

/** Creates models that follow one script per call, in order; a call whose script has ended waits forever. */
export function createScriptedModels(...scripts: readonly ModelScript[]): ScriptedModels {
  const calls: ModelCall[] = [];
  let closedCount = 0;
  return {
    calls,
    get closedCount() {
      return closedCount;
    },
    async open(call, signal) {
      signal.throwIfAborted();
      const remaining = [...(scripts[calls.length] ?? [])];
      calls.push({ ...call, messages: [...call.messages] });
      const next = async (): Promise<ModelStep> => {
        const step = remaining.shift();
        if (step === undefined) return new Promise(() => {});
        if (typeof step === 'string') throw new AnswerFailure(step, 'scripted failure');
        return step;
      };
      // If the first step is a failure, `open` itself fails.
      if (typeof remaining[0] === 'string') await next();
      return {
        provider: call.provider,
        model: call.model ?? 'default-model',
        next,
        assistantMessage: { role: 'assistant', content: [] },
        close() {
          closedCount += 1;
        },
      };
    },
  };
}
