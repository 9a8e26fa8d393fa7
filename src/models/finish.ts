import type { LanguageModelV4FinishReason, LanguageModelV4Usage } from '@ai-sdk/provider';
import type { TokenUsage } from '../domain/usage.ts';

/** How an answer has ended: as it should, cut at its longest, held back by a filter, or not at all. */
export type AnswerOutcome = 'WHOLE' | 'LENGTH' | 'FILTERED' | 'CUT_OFF';

/** What GLM says, which the packages do not know. */
const RAW_ENDINGS: Readonly<Record<string, AnswerOutcome>> = {
  sensitive: 'FILTERED',
  model_context_window_exceeded: 'LENGTH',
};

/** Reads how an answer ended. Whatever does not say that it is whole was cut off. */
export function readOutcome({ unified, raw }: LanguageModelV4FinishReason): AnswerOutcome {
  switch (unified) {
    case 'stop':
    case 'tool-calls':
      return 'WHOLE';
    case 'length':
      return 'LENGTH';
    case 'content-filter':
      return 'FILTERED';
    default:
      return RAW_ENDINGS[raw ?? ''] ?? 'CUT_OFF';
  }
}

/** Reads what an answer took; null where the provider told nothing, which some do by zeros. */
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
