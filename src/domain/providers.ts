/** The families of hosted and self-hosted models, by the name that a chatbot's `provider` says. */
export const PROVIDERS = ['openai', 'anthropic', 'google', 'xai', 'deepseek', 'qwen', 'glm', 'open'] as const;
/** One of `PROVIDERS`. */
export type Provider = (typeof PROVIDERS)[number];

/** The engine that needs no model. */
export const BUILTIN = 'builtin';

/** Whether a name is that of a family of models. */
export function isProvider(name: string): name is Provider {
  return (PROVIDERS as readonly string[]).includes(name);
}
