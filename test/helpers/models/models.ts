import { AnswerFailure, type FailureCode } from '../../../src/domain/failures.ts';
import type { ModelCall, ModelStep, Models } from '../../../src/models/model-types.ts';

/** Models whose steps the test defines. */
export interface ScriptedModels extends Models {
  /** The calls, in order. */
  readonly calls: readonly ModelCall[];
  /** The number of closed answers. */
  readonly closed: number;
}

/** The step that completes an answer. */
export const MODEL_FINISH: ModelStep = { type: 'finish', reason: 'STOP', usage: null };

/** The script of one call: its steps, or a failure in place of one. */
export type ModelScript = readonly (ModelStep | FailureCode)[];

/** Creates models that play one script for each call, in order; after its last step they are silent. */
export function createScriptedModels(...scripts: readonly ModelScript[]): ScriptedModels {
  const calls: ModelCall[] = [];
  let closed = 0;
  return {
    calls,
    get closed() {
      return closed;
    },
    async open(call, signal) {
      signal.throwIfAborted();
      const remaining = [...(scripts[calls.length] ?? [])];
      calls.push({ ...call, messages: [...call.messages] });
      const next = async (): Promise<ModelStep> => {
        const step = remaining.shift();
        if (step === undefined) return new Promise(() => {});
        if (typeof step === 'string') throw new AnswerFailure(step, 'as the test says');
        return step;
      };
      // A model that fails before its first step never opens.
      if (typeof remaining[0] === 'string') await next();
      return {
        provider: call.provider,
        model: call.model ?? 'default-model',
        next,
        assistantMessage: { role: 'assistant', content: [] },
        close() {
          closed += 1;
        },
      };
    },
  };
}
