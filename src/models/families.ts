import type { LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider';
import type { ModelName } from '../domain/answering.ts';
import { isProvider, type Provider } from '../domain/providers.ts';

/** A family of models: what they are called, where they are and how they are reached. */
export interface ModelFamily {
  readonly label: string;
  /** Asked where a chatbot names no model; null where nobody can know which there are. */
  readonly defaultModel: string | null;
  /** The vendor's own address; null where there is none. */
  readonly baseUrl: string | null;
  readonly needsKey: boolean;
  /** Whether servers of such models may let through the marks by which these end their turns. */
  readonly leaksStopMarkers?: true;
  /** What calls say besides the question; thoughts are shown where they are asked for, or come by themselves. */
  options?(asked: ModelRequest): Pick<LanguageModelV4CallOptions, 'providerOptions' | 'reasoning' | 'maxOutputTokens'>;
  /** Loads the package that speaks its protocol; nothing is asked of the provider. */
  load(reach: ModelEndpoint): Promise<(model: string) => LanguageModelV4>;
}

/** What is asked of a model. */
export interface ModelRequest {
  readonly model: string;
  /** Of thoughts and text together. */
  readonly maxOutputTokens: number;
  readonly showsReasoning: boolean;
}

/** How a family is reached. All is said: what is left out, the packages read from the environment. */
export interface ModelEndpoint {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly fetch: typeof globalThis.fetch;
}

/** Every family, by the name that chatbots say. */
export const FAMILIES: Readonly<Record<Provider, ModelFamily>> = {
  openai: {
    label: 'OpenAI',
    defaultModel: 'gpt-6-luna',
    baseUrl: 'https://api.openai.com/v1',
    needsKey: true,
    // What visitors say is not kept there; thoughts come back encrypted instead, for the next round.
    options: ({ showsReasoning }) => ({
      providerOptions: { openai: { store: false, ...(showsReasoning && { reasoningSummary: 'auto' }) } },
    }),
    async load({ apiKey, baseUrl, fetch }) {
      const { createOpenAI } = await import('@ai-sdk/openai');
      return createOpenAI({ apiKey, baseURL: baseUrl, fetch });
    },
  },
  anthropic: {
    label: 'Anthropic',
    defaultModel: 'claude-haiku-5-5',
    baseUrl: 'https://api.anthropic.com/v1',
    needsKey: true,
    options: (asked) => (asked.showsReasoning ? buildClaudeReasoning(asked) : {}),
    async load({ apiKey, baseUrl, fetch }) {
      const { createAnthropic } = await import('@ai-sdk/anthropic');
      return createAnthropic({ apiKey, baseURL: baseUrl, fetch });
    },
  },
  google: {
    label: 'Google Gemini',
    defaultModel: 'gemini-3.8-flash',
    baseUrl: 'https://generativelanguage.googleapis.com/v1beta',
    needsKey: true,
    options: ({ showsReasoning }) =>
      showsReasoning ? { providerOptions: { google: { thinkingConfig: { includeThoughts: true } } } } : {},
    async load({ apiKey, baseUrl, fetch }) {
      const { createGoogle } = await import('@ai-sdk/google');
      return createGoogle({ apiKey, baseURL: baseUrl, fetch });
    },
  },
  xai: {
    label: 'xAI Grok',
    defaultModel: 'grok-4.7',
    baseUrl: 'https://api.x.ai/v1',
    needsKey: true,
    options: () => ({ providerOptions: { xai: { store: false } } }),
    async load({ apiKey, baseUrl, fetch }) {
      const { createXai } = await import('@ai-sdk/xai');
      return createXai({ apiKey, baseURL: baseUrl, fetch });
    },
  },
  deepseek: {
    label: 'DeepSeek',
    defaultModel: 'deepseek-flash',
    baseUrl: 'https://api.deepseek.com',
    needsKey: true,
    leaksStopMarkers: true,
    async load({ apiKey, baseUrl, fetch }) {
      const { createDeepSeek } = await import('@ai-sdk/deepseek');
      return createDeepSeek({ apiKey, baseURL: baseUrl, fetch });
    },
  },
  qwen: {
    label: 'Qwen',
    defaultModel: 'qwen-plus',
    baseUrl: 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
    needsKey: true,
    leaksStopMarkers: true,
    load: (reach) => loadCompatible('qwen', reach),
  },
  glm: {
    label: 'GLM',
    defaultModel: 'glm-5.3',
    baseUrl: 'https://open.bigmodel.cn/api/paas/v4',
    needsKey: true,
    leaksStopMarkers: true,
    load: (reach) => loadCompatible('glm', reach),
  },
  open: {
    label: 'OpenAI-compatible',
    defaultModel: null,
    baseUrl: null,
    needsKey: false,
    leaksStopMarkers: true,
    load: (reach) => loadCompatible('open', reach),
  },
};

/** The least that Claude may be given to think. */
const MIN_BUDGET_TOKENS = 1_024;

/**
 * Shown thoughts are thoughts of their own, which take time and tokens. Models up to 4.5 want to be told how many, which
 * the package adds to `max_tokens`: so the answer is given the rest, where that is as much. Others decide by themselves,
 * within `max_tokens`.
 */
function buildClaudeReasoning({ model, maxOutputTokens }: ModelRequest) {
  const isAdaptive =
    model.includes('claude-') && !/claude-(?:(?:opus|sonnet|haiku)-4(?!-[6-9]\b)|3|2|v2|instant)/.test(model);
  if (isAdaptive) return { reasoning: 'low' } as const;
  const budgetTokens = Math.max(MIN_BUDGET_TOKENS, Math.floor(maxOutputTokens / 4));
  if (maxOutputTokens < 2 * budgetTokens) return {};
  const thinking = { type: 'enabled', budgetTokens };
  return { maxOutputTokens: maxOutputTokens - budgetTokens, providerOptions: { anthropic: { thinking } } };
}

/** Speaks OpenAI's chat protocol, which most servers of open models do. An empty key is not sent. */
async function loadCompatible(name: Provider, { apiKey, baseUrl, fetch }: ModelEndpoint) {
  const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
  return createOpenAICompatible({ name, apiKey, baseURL: baseUrl, fetch, includeUsage: true });
}

/** A model by its name, where only the provider is given: its default, which it may not have. */
export function withDefaultModel({ provider, model }: ModelName): ModelName {
  return { provider, model: model ?? (isProvider(provider) ? FAMILIES[provider].defaultModel : null) };
}
