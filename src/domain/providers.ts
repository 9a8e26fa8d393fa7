import type { FailureCode } from './failures.ts';
import type { Timestamp } from './time.ts';

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

/** An account's own key for a model provider, without its secret. */
export interface ProviderKey {
  readonly accountId: string;
  readonly provider: Provider;
  /** The last four characters of the key; null without a key, or if the key is too short. */
  readonly keyEnding: string | null;
  /** The base URL of the models' API; null for the provider's own base URL. */
  readonly baseUrl: string | null;
  readonly updatedAt: Timestamp;
}

/** The outcomes of the latest calls to a model that an account has used. */
export interface ProviderModel {
  readonly provider: string;
  readonly model: string;
  /** When a call last succeeded; null if none has succeeded. */
  readonly workedAt: Timestamp | null;
  /** When a call last failed; null if none has failed. */
  readonly failedAt: Timestamp | null;
  /** Why the last call failed; null if it succeeded. */
  readonly failure: FailureCode | null;
}
