import type { LanguageModelV4FinishReason, LanguageModelV4Usage } from '@ai-sdk/provider';
import type { TokenUsage } from '../domain/usage.ts';

/** The outcome of an answer: complete, truncated at its limit, withheld by a filter, or cut off by a failure. */
export type AnswerOutcome = 'COMPLETE' | 'LENGTH' | 'FILTERED' | 'CUT_OFF';

// The packages map only OpenAI's own finish reasons. Other servers have names of their own, such as `eos_token`.
const LENGTH_REASON = /length|max_(?:\w{1,20}_)?tokens|token_limit|context_window/i;
const FILTER_REASON = /filter|safety|sensitive|moderat|block|prohibited|recitation|refus/i;
const FAILURE_REASON = /error|fail|abort|cancel|time_?d?_?out|interrupt|insufficient|unavailable/i;

/** Returns whether a server's finish reason says that the answer has failed. */
export function isFailureReason(reason: string): boolean {
  return FAILURE_REASON.test(reason);
}

/** Maps a finish reason to an outcome. Without a reason the answer was cut off; with an unknown one it is complete. */
export function readOutcome({ unified, raw = '' }: LanguageModelV4FinishReason): AnswerOutcome {
  switch (unified) {
    case 'stop':
    case 'tool-calls':
      return 'COMPLETE';
    case 'length':
      return 'LENGTH';
    case 'content-filter':
      return 'FILTERED';
    default:
      if (FILTER_REASON.test(raw)) return 'FILTERED';
      if (LENGTH_REASON.test(raw)) return 'LENGTH';
      return unified === 'other' && raw !== '' && !isFailureReason(raw) ? 'COMPLETE' : 'CUT_OFF';
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
