import { onTestFinished } from 'vitest';
import type { Provider } from '../../../src/domain/providers.ts';
import { type ChatbotOptions, createChatbot, send } from '../chatbots.ts';
import { startGateway, type TestGateway } from '../gateway.ts';
import { type Reader, webSocket } from '../streams.ts';
import { startFakeProvider, type Vendor } from './vendors/vendor.ts';

/** A provider's API key, which is easy to search for where it must not appear. */
export const secretOf = (provider: Provider): string => `sk-secret-of-${provider}-0123456789abcdef`;

const NAMES: Readonly<Record<Provider, readonly [key: string, address: string]>> = {
  openai: ['OPENAI_API_KEY', 'OPENAI_BASE_URL'],
  anthropic: ['ANTHROPIC_API_KEY', 'ANTHROPIC_BASE_URL'],
  google: ['GOOGLE_GENERATIVE_AI_API_KEY', 'GOOGLE_BASE_URL'],
  xai: ['XAI_API_KEY', 'XAI_BASE_URL'],
  deepseek: ['DEEPSEEK_API_KEY', 'DEEPSEEK_BASE_URL'],
  qwen: ['DASHSCOPE_API_KEY', 'QWEN_BASE_URL'],
  glm: ['ZHIPU_API_KEY', 'GLM_BASE_URL'],
  open: ['OPENAI_COMPATIBLE_API_KEY', 'OPENAI_COMPATIBLE_BASE_URL'],
};

/** The chatbot's source. */
export const PAGE =
  '# Refunds\n\nRefunds are paid within ten days of the return.\n\n# Shipping\n\nWe ship from Oslo to all of Europe.';

/** A gateway, and the fake providers that it calls. */
export interface Hosted {
  readonly gateway: TestGateway;
  readonly vendors: Readonly<Partial<Record<Provider, Vendor>>>;
  /** Creates a chatbot that answers with one of the providers and has the source `PAGE`. */
  createChatbot(provider: Provider, options?: ChatbotOptions): Promise<string>;
}

/** Starts a gateway with keys for fake providers on this machine. By default no model has a fallback. */
export async function startHosted(
  providers: readonly Provider[],
  env: Readonly<Record<string, string>> = {},
): Promise<Hosted> {
  const vendors: Partial<Record<Provider, Vendor>> = {};
  const settings: Record<string, string> = { MODEL_FALLBACK_BUILTIN: 'false' };
  for (const provider of providers) {
    const vendor = await startFakeProvider(provider);
    onTestFinished(() => vendor.close());
    const [key, address] = NAMES[provider];
    vendors[provider] = vendor;
    settings[key] = secretOf(provider);
    settings[address] = vendor.url;
  }
  const gateway = await startGateway({ env: { ...settings, ...env } });
  onTestFinished(() => gateway.close());
  return {
    gateway,
    vendors,
    createChatbot: (provider, options) =>
      createChatbot(gateway, { provider, model: 'model-1', sources: [PAGE], ...options }),
  };
}

/** Asks a chatbot, and waits for the end of the answer. */
export async function askAndFollow(
  gateway: TestGateway,
  chatbotId: string,
  content = 'When are refunds paid?',
): Promise<{ reader: Reader; replyId: string; conversationId: string }> {
  const { replyId, conversationId } = await send(gateway, { chatbotId, content });
  const reader = webSocket.subscribe(gateway, { messageId: replyId });
  await reader.ended;
  return { reader, replyId, conversationId };
}

/** Lists where a gateway exposes one of the secrets: its log, its metrics, all rows of its database. */
export async function findSecret(gateway: TestGateway, secret: string): Promise<string[]> {
  const textByPlace: Record<string, string> = {
    log: JSON.stringify(gateway.logs),
    metrics: await (await gateway.fetch('/metrics')).text(),
  };
  const { read } = gateway.deps.db;
  for (const { name } of await read.introspection.getTables()) {
    textByPlace[name] = JSON.stringify(
      await read
        .selectFrom(name as 'messages')
        .selectAll()
        .execute(),
    );
  }
  const forms = [secret, btoa(secret), encodeURIComponent(secret)];
  return Object.keys(textByPlace).filter((place) => forms.some((form) => textByPlace[place]?.includes(form)));
}
