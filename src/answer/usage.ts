import type { TokenUsage } from '../domain/usage.ts';
import { estimateTokens } from './tokens.ts';

/** Zero usage. */
export const NO_USAGE: TokenUsage = {
  inputTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  isEstimated: false,
};

/** Estimates the usage of an answer whose provider reported none, from the length of its text and reasoning. */
export function estimateUsage(inputTokens: number, text: string, reasoning: string): TokenUsage {
  const reasoningTokens = estimateTokens(reasoning);
  return {
    inputTokens,
    cachedTokens: 0,
    outputTokens: estimateTokens(text) + reasoningTokens,
    reasoningTokens,
    isEstimated: true,
  };
}

/** Adds the usage of two calls. */
export function addUsage(a: TokenUsage, b: TokenUsage): TokenUsage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
    isEstimated: a.isEstimated || b.isEstimated,
  };
}
