import type { ModelName, TokenUsage } from '../domain/entities.ts';
import { BUILTIN } from '../domain/providers.ts';

/** What a model costs, in US dollars for a million tokens. */
export interface Price {
  readonly input: number;
  /** Of input from the provider's cache; absent: as other input. */
  readonly cachedInput?: number;
  readonly output: number;
}

/** Knows what models cost. */
export interface Prices {
  /** In billionths of a US dollar, which are whole for each token; null when the model's price is not known. */
  priceOf(name: ModelName, usage: Pick<TokenUsage, 'inputTokens' | 'cachedTokens' | 'outputTokens'>): number | null;
}

/** Makes the prices from a table by `provider/model`. The built-in engine costs nothing. */
export function createPrices(table: Readonly<Record<string, Price>>): Prices {
  return {
    priceOf({ provider, model }, { inputTokens, cachedTokens, outputTokens }) {
      if (provider === BUILTIN) return 0;
      const price = table[`${provider}/${model}`];
      if (price === undefined) return null;
      const { input, cachedInput = input, output } = price;
      const dollars = (inputTokens - cachedTokens) * input + cachedTokens * cachedInput + outputTokens * output;
      return Math.round(dollars * 1_000);
    },
  };
}
