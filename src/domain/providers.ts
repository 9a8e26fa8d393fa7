/** The names of the providers of hosted and self-hosted models, as in a chatbot's `provider`. */
export const PROVIDERS = ['openai', 'anthropic', 'google', 'xai', 'deepseek', 'qwen', 'glm', 'open'] as const;
/** One of `PROVIDERS`. */
export type Provider = (typeof PROVIDERS)[number];

/** The name of the built-in engine, which needs no model. */
export const BUILTIN = 'builtin';

/** Whether a name is the name of a model provider. */
export function isProvider(name: string): name is Provider {
  return (PROVIDERS as readonly string[]).includes(name);
}
