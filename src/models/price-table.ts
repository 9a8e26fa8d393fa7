/** The price of a model in US dollars per million tokens. */
export interface Price {
  readonly input: number;
  /** The price of input from the provider's cache; absent: the price of other input. */
  readonly cachedInput?: number | undefined;
  readonly output: number;
}

/**
 * The providers' published prices, by `provider/model`, for text at the standard tier. If a price depends on the length
 * of the prompt, the table has the price of the shortest prompts; if it depends on the time of day, the price at peak
 * hours. Uncertain prices are left out: the gateway reports them as unknown, and `MODEL_PRICES_FILE` can add them. A
 * dated snapshot costs as much as its model unless it is listed here.
 */
export const PRICES: Readonly<Record<string, Price>> = {
  // https://developers.openai.com/api/docs/pricing, November 2026; prompts up to 272k tokens
  'openai/gpt-6.1-sol': { input: 2, cachedInput: 0.1, output: 10 },
  'openai/gpt-6-astra': { input: 10, cachedInput: 1, output: 50 },
  'openai/gpt-6-sol': { input: 2, cachedInput: 0.2, output: 10 },
  'openai/gpt-6-luna': { input: 0.1, cachedInput: 0.01, output: 0.5 },
  'openai/gpt-5.6-terra': { input: 2, cachedInput: 0.2, output: 12 },
  'openai/gpt-5.6-luna': { input: 0.2, cachedInput: 0.02, output: 1.2 },
  'openai/gpt-5.5': { input: 5, cachedInput: 0.5, output: 30 },
  'openai/gpt-5.4': { input: 2.5, cachedInput: 0.25, output: 15 },
  'openai/gpt-5.4-mini': { input: 0.75, cachedInput: 0.075, output: 4.5 },
  'openai/gpt-5.4-nano': { input: 0.2, cachedInput: 0.02, output: 1.25 },
  'openai/gpt-5.4-pro': { input: 30, output: 180 },
  'openai/gpt-5.2': { input: 1.75, cachedInput: 0.175, output: 14 },
  'openai/gpt-5.1': { input: 1.25, cachedInput: 0.125, output: 10 },
  'openai/gpt-5': { input: 1.25, cachedInput: 0.125, output: 10 },
  'openai/gpt-5-mini': { input: 0.25, cachedInput: 0.025, output: 2 },
  'openai/gpt-5-nano': { input: 0.05, cachedInput: 0.005, output: 0.4 },
  'openai/gpt-4.1': { input: 2, cachedInput: 0.5, output: 8 },
  'openai/gpt-4.1-mini': { input: 0.4, cachedInput: 0.1, output: 1.6 },
  'openai/gpt-4.1-nano': { input: 0.1, cachedInput: 0.025, output: 0.4 },
  'openai/gpt-4o': { input: 2.5, cachedInput: 1.25, output: 10 },
  'openai/gpt-4o-2024-05-13': { input: 5, output: 15 },
  'openai/gpt-4o-mini': { input: 0.15, cachedInput: 0.075, output: 0.6 },
  'openai/o4-mini': { input: 1.1, cachedInput: 0.275, output: 4.4 },
  'openai/o3': { input: 2, cachedInput: 0.5, output: 8 },
  'openai/o3-mini': { input: 1.1, cachedInput: 0.55, output: 4.4 },
  'openai/o1': { input: 15, cachedInput: 7.5, output: 60 },

  // https://platform.claude.com/docs/en/about-claude/pricing, November 2026; Haiku 5.5: prompts up to 100k tokens
  'anthropic/claude-fable-5-1': { input: 10, cachedInput: 0.25, output: 50 },
  'anthropic/claude-fable-5': { input: 10, cachedInput: 1, output: 50 },
  'anthropic/claude-opus-5-5': { input: 4, cachedInput: 0.2, output: 20 },
  'anthropic/claude-opus-5': { input: 5, cachedInput: 0.5, output: 25 },
  'anthropic/claude-opus-4-8': { input: 5, cachedInput: 0.5, output: 25 },
  'anthropic/claude-opus-4-7': { input: 5, cachedInput: 0.5, output: 25 },
  'anthropic/claude-opus-4-6': { input: 5, cachedInput: 0.5, output: 25 },
  'anthropic/claude-opus-4-5': { input: 5, cachedInput: 0.5, output: 25 },
  'anthropic/claude-opus-4-1': { input: 15, cachedInput: 1.5, output: 75 },
  'anthropic/claude-sonnet-5-5': { input: 2, cachedInput: 0.1, output: 10 },
  'anthropic/claude-sonnet-5': { input: 2, cachedInput: 0.2, output: 10 },
  'anthropic/claude-sonnet-4-6': { input: 3, cachedInput: 0.3, output: 15 },
  'anthropic/claude-sonnet-4-5': { input: 3, cachedInput: 0.3, output: 15 },
  'anthropic/claude-haiku-5-5': { input: 0.1, cachedInput: 0.01, output: 0.5 },
  'anthropic/claude-haiku-4-5': { input: 1, cachedInput: 0.1, output: 5 },

  // https://ai.google.dev/gemini-api/docs/pricing, October 2026; prompts up to 200k tokens
  // Gemini 3.8 Flash: the price until the end of 2026
  'google/gemini-3.8-flash': { input: 0.75, output: 3.75 },
  'google/gemini-3.5-flash': { input: 1.5, cachedInput: 0.15, output: 9 },
  'google/gemini-3.5-flash-lite': { input: 0.3, output: 2.5 },
  'google/gemini-3.1-pro-preview': { input: 2, cachedInput: 0.2, output: 12 },
  'google/gemini-3-pro-preview': { input: 2, cachedInput: 0.2, output: 12 },
  'google/gemini-3-flash-preview': { input: 0.5, cachedInput: 0.05, output: 3 },
  'google/gemini-2.5-pro': { input: 1.25, cachedInput: 0.125, output: 10 },
  'google/gemini-2.5-flash': { input: 0.3, cachedInput: 0.03, output: 2.5 },
  'google/gemini-2.5-flash-lite': { input: 0.1, cachedInput: 0.01, output: 0.4 },

  // https://docs.x.ai/developers/models, September 2026; prompts up to 200k tokens
  'xai/grok-4.7': { input: 2, cachedInput: 0.5, output: 6 },
  'xai/grok-4.6': { input: 2, cachedInput: 0.5, output: 6 },
  'xai/grok-4.5': { input: 2, cachedInput: 0.5, output: 6 },
  'xai/grok-4.3': { input: 1.25, cachedInput: 0.2, output: 2.5 },

  // https://api-docs.deepseek.com/quick_start/pricing, October 2026; prices at peak hours, twice the other prices
  'deepseek/deepseek-flash': { input: 0.3, cachedInput: 0.006, output: 1.2 },
  'deepseek/deepseek-v4-flash': { input: 0.3, cachedInput: 0.006, output: 1.2 },
  'deepseek/deepseek-v4-pro': { input: 1.32, cachedInput: 0.044, output: 3.96 },

  // https://www.alibabacloud.com/help/en/model-studio/models, international, August 2026
  // Qwen3 Max: prompts up to 32k tokens
  'qwen/qwen3.8-max': { input: 2, output: 6 },
  'qwen/qwen3-max': { input: 1.2, output: 6 },

  // https://docs.z.ai/guides/overview/pricing, August 2026
  'glm/glm-5.3': { input: 1.4, cachedInput: 0.26, output: 4.4 },
  'glm/glm-5.2': { input: 1.4, cachedInput: 0.26, output: 4.4 },
  'glm/glm-5.1': { input: 1.4, cachedInput: 0.26, output: 4.4 },
  'glm/glm-5': { input: 1, cachedInput: 0.2, output: 3.2 },
  'glm/glm-4.7': { input: 0.6, cachedInput: 0.11, output: 2.2 },
  'glm/glm-4.6': { input: 0.6, cachedInput: 0.11, output: 2.2 },
  'glm/glm-4.5': { input: 0.6, cachedInput: 0.11, output: 2.2 },
  'glm/glm-4.5-air': { input: 0.2, cachedInput: 0.03, output: 1.1 },
};
