import type { LanguageModelV4FinishReason, LanguageModelV4Usage } from '@ai-sdk/provider';
import type { TokenUsage } from '../domain/usage.ts';

/** The outcome of an answer: complete, truncated at its limit, withheld by a filter, or cut off by a failure. */
export type AnswerOutcome = 'COMPLETE' | 'LENGTH' | 'FILTERED' | 'CUT_OFF';

/** Finish reasons of GLM that the packages do not map. */
const RAW_OUTCOMES: Readonly<Record<string, AnswerOutcome>> = {
  sensitive: 'FILTERED',
  model_context_window_exceeded: 'LENGTH',
};

/** Maps a finish reason to an outcome. An unknown reason means that the answer was cut off. */
export function readOutcome({ unified, raw }: LanguageModelV4FinishReason): AnswerOutcome {
  switch (unified) {
    case 'stop':
    case 'tool-calls':
      return 'COMPLETE';
    case 'length':
      return 'LENGTH';
    case 'content-filter':
      return 'FILTERED';
    default:
      return RAW_OUTCOMES[raw ?? ''] ?? 'CUT_OFF';
  }
}

/** Reads the usage of an answer; null when the provider reported none, or zeros, which some providers send instead. */
export function readUsage({ inputTokens, outputTokens }: LanguageModelV4Usage): TokenUsage | null {
  const [input, output] = [inputTokens.total ?? 0, outputTokens.total ?? 0];
  if (input === 0 && output === 0) return null;
  return {
    inputTokens: input,
    cachedTokens: Math.min(inputTokens.cacheRead ?? 0, input),
    outputTokens: output,
    reasoningTokens: Math.min(outputTokens.reasoning ?? 0, output),
    isEstimated: false,
  };
}
