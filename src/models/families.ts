import type { LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider';
import type { ModelName } from '../domain/answering.ts';
import { isProvider, type Provider } from '../domain/providers.ts';
import { createChatFetch } from './chat-fetch.ts';

/** A family of models: names, address and protocol. */
export interface ModelFamily {
  readonly label: string;
  /** The model for chatbots that specify none; null when the family has no known models. */
  readonly defaultModel: string | null;
  /** The provider's address; null when there is none. */
  readonly baseUrl: string | null;
  readonly needsKey: boolean;
  /** The credentials without which no model can be called, and the operator's setting for them. */
  readonly credentials: 'key' | 'base URL';
  readonly setting: string;
  /** Whether servers of these models may stream end-of-turn markers as text. */
  readonly leaksStopMarkers?: true;
  /** Returns the family's call options. Reasoning is streamed when requested, or by default in some families. */
  options?(
    request: ModelRequest,
  ): Pick<LanguageModelV4CallOptions, 'providerOptions' | 'reasoning' | 'maxOutputTokens'>;
  /** Loads the package that speaks the family's protocol; sends nothing to the provider. */
  load(endpoint: ModelEndpoint): Promise<CreateModel>;
}

/** The parameters of a call that affect its options. */
export interface ModelRequest {
  readonly model: string;
  /** The limit of reasoning and text together. */
  readonly maxOutputTokens: number;
  readonly showsReasoning: boolean;
}

/** A provider's endpoint. Every field is set, because the packages would read missing ones from the environment. */
export interface ModelEndpoint {
  readonly apiKey: string;
  readonly baseUrl: string;
}

/** Creates a model for one call. */
export type CreateModel = (model: string, connection: ModelConnection) => LanguageModelV4;

/** The connection of one call. */
export interface ModelConnection {
  readonly fetch: typeof globalThis.fetch;
  /** Called when a successful response has an error or cannot be read; only for OpenAI's chat protocol. */
  onServerError(): void;
}

/** Every family, by provider name. */
export const FAMILIES: Readonly<Record<Provider, ModelFamily>> = {
  openai: {
    label: 'OpenAI',
    defaultModel: 'gpt-6-luna',
    baseUrl: 'https://api.openai.com/v1',
    needsKey: true,
    credentials: 'key',
    setting: 'OPENAI_API_KEY',
    // With `store: false` OpenAI stores no messages; it returns encrypted reasoning instead, for the next round.
    options: ({ showsReasoning }) => ({
      providerOptions: { openai: { store: false, ...(showsReasoning && { reasoningSummary: 'auto' }) } },
    }),
    async load({ apiKey, baseUrl }) {
      const { createOpenAI } = await import('@ai-sdk/openai');
      return (model, { fetch }) => createOpenAI({ apiKey, baseURL: baseUrl, fetch })(model);
    },
  },
  anthropic: {
    label: 'Anthropic',
    defaultModel: 'claude-haiku-5-5',
    baseUrl: 'https://api.anthropic.com/v1',
    needsKey: true,
    credentials: 'key',
    setting: 'ANTHROPIC_API_KEY',
    options: (request) => (request.showsReasoning ? buildClaudeReasoning(request) : {}),
    async load({ apiKey, baseUrl }) {
      const { createAnthropic } = await import('@ai-sdk/anthropic');
      return (model, { fetch }) => createAnthropic({ apiKey, baseURL: baseUrl, fetch })(model);
    },
  },
  google: {
    label: 'Google Gemini',
    defaultModel: 'gemini-3.8-flash',
    baseUrl: 'https://generativelanguage.googleapis.com/v1beta',
    needsKey: true,
    credentials: 'key',
    setting: 'GOOGLE_GENERATIVE_AI_API_KEY',
    options: ({ showsReasoning }) =>
      showsReasoning ? { providerOptions: { google: { thinkingConfig: { includeThoughts: true } } } } : {},
    async load({ apiKey, baseUrl }) {
      const { createGoogle } = await import('@ai-sdk/google');
      return (model, { fetch }) => createGoogle({ apiKey, baseURL: baseUrl, fetch })(model);
    },
  },
  xai: {
    label: 'xAI Grok',
    defaultModel: 'grok-4.7',
    baseUrl: 'https://api.x.ai/v1',
    needsKey: true,
    credentials: 'key',
    setting: 'XAI_API_KEY',
    options: () => ({ providerOptions: { xai: { store: false } } }),
    async load({ apiKey, baseUrl }) {
      const { createXai } = await import('@ai-sdk/xai');
      return (model, { fetch }) => createXai({ apiKey, baseURL: baseUrl, fetch })(model);
    },
  },
  deepseek: {
    label: 'DeepSeek',
    defaultModel: 'deepseek-flash',
    baseUrl: 'https://api.deepseek.com',
    needsKey: true,
    credentials: 'key',
    setting: 'DEEPSEEK_API_KEY',
    leaksStopMarkers: true,
    async load({ apiKey, baseUrl }) {
      const { createDeepSeek } = await import('@ai-sdk/deepseek');
      return (model, { fetch, onServerError }) =>
        createDeepSeek({ apiKey, baseURL: baseUrl, fetch: createChatFetch(fetch, onServerError) })(model);
    },
  },
  qwen: {
    label: 'Qwen',
    defaultModel: 'qwen-plus',
    baseUrl: 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
    needsKey: true,
    credentials: 'key',
    setting: 'DASHSCOPE_API_KEY',
    leaksStopMarkers: true,
    load: (endpoint) => loadCompatible('qwen', endpoint),
  },
  glm: {
    label: 'GLM',
    defaultModel: 'glm-5.3',
    baseUrl: 'https://open.bigmodel.cn/api/paas/v4',
    needsKey: true,
    credentials: 'key',
    setting: 'ZHIPU_API_KEY',
    leaksStopMarkers: true,
    load: (endpoint) => loadCompatible('glm', endpoint),
  },
  open: {
    label: 'OpenAI-compatible',
    defaultModel: null,
    baseUrl: null,
    needsKey: false,
    credentials: 'base URL',
    setting: 'OPENAI_COMPATIBLE_BASE_URL',
    leaksStopMarkers: true,
    load: (endpoint) => loadCompatible('open', endpoint),
  },
};

/** The smallest reasoning budget that Claude accepts. */
const MIN_BUDGET_TOKENS = 1_024;

/**
 * Builds the options for Claude's reasoning, which takes time and tokens. Models up to 4.5 need a token budget. This
 * function subtracts the budget from `maxOutputTokens`, because the package adds the budget again. If fewer tokens than
 * the budget would remain for the answer, the model does not reason. Newer models choose a budget within
 * `maxOutputTokens` themselves.
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

/** Loads OpenAI's chat protocol, which most servers of open models speak. An empty key is not sent. */
async function loadCompatible(name: Provider, { apiKey, baseUrl }: ModelEndpoint): Promise<CreateModel> {
  const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
  return (model, connection) => {
    const fetch = createChatFetch(connection.fetch, connection.onServerError);
    return createOpenAICompatible({ name, apiKey, baseURL: baseUrl, fetch, includeUsage: true })(model);
  };
}

/** Replaces a missing model with the provider's default model, which may be null. */
export function withDefaultModel({ provider, model }: ModelName): ModelName {
  return { provider, model: model ?? (isProvider(provider) ? FAMILIES[provider].defaultModel : null) };
}
