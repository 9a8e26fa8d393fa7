import type { TokenUsage } from '../domain/usage.ts';
import { estimateTokens } from './tokens.ts';

/** What nothing takes. */
export const NO_USAGE: TokenUsage = {
  inputTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  isEstimated: false,
};

/** What an answer took whose provider told nothing, by the length of what was written. */
export function estimateUsage(inputTokens: number, written: string, thoughts: string): TokenUsage {
  const reasoningTokens = estimateTokens(thoughts);
  return {
    inputTokens,
    cachedTokens: 0,
    outputTokens: estimateTokens(written) + reasoningTokens,
    reasoningTokens,
    isEstimated: true,
  };
}

/** What two calls took together. */
export function addUsage(a: TokenUsage, b: TokenUsage): TokenUsage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
    isEstimated: a.isEstimated || b.isEstimated,
  };
}
