import { onTestFinished } from 'vitest';
import type { Provider } from '../../../src/domain/providers.ts';
import { type ChatbotOptions, createChatbot, send } from '../chatbots.ts';
import { startGateway, type TestGateway } from '../gateway.ts';
import { type Reader, webSocket } from '../streams.ts';
import { type FakeProvider, startFakeProvider } from './fake-providers/fake-provider.ts';

/** The API key of a provider. A test can search for the key in places where it must not appear. */
export const providerKeyOf = (provider: Provider): string => `sk-secret-of-${provider}-0123456789abcdef`;

const SETTING_NAMES: Readonly<Record<Provider, readonly [key: string, address: string]>> = {
  openai: ['OPENAI_API_KEY', 'OPENAI_BASE_URL'],
  anthropic: ['ANTHROPIC_API_KEY', 'ANTHROPIC_BASE_URL'],
  google: ['GOOGLE_GENERATIVE_AI_API_KEY', 'GOOGLE_BASE_URL'],
  xai: ['XAI_API_KEY', 'XAI_BASE_URL'],
  deepseek: ['DEEPSEEK_API_KEY', 'DEEPSEEK_BASE_URL'],
  qwen: ['DASHSCOPE_API_KEY', 'QWEN_BASE_URL'],
  glm: ['ZHIPU_API_KEY', 'GLM_BASE_URL'],
  open: ['OPENAI_COMPATIBLE_API_KEY', 'OPENAI_COMPATIBLE_BASE_URL'],
};

/** The source of each chatbot of a `HostedGateway`. */
export const SOURCE_TEXT =
  '# Refunds\n\nRefunds are paid within ten days of the return.\n\n# Shipping\n\nWe ship from Oslo to all of Europe.';

/** A gateway, and the fake providers that it calls. */
export interface HostedGateway {
  readonly gateway: TestGateway;
  readonly fakeProviders: Readonly<Partial<Record<Provider, FakeProvider>>>;
  /** Creates a chatbot that answers with one of the providers and has the source `SOURCE_TEXT`. */
  createChatbot(provider: Provider, options?: ChatbotOptions): Promise<string>;
}

/** Starts a gateway with keys for fake providers on this machine. By default no model has a fallback. */
export async function startHostedGateway(
  providers: readonly Provider[],
  env: Readonly<Record<string, string>> = {},
): Promise<HostedGateway> {
  const fakeProviders: Partial<Record<Provider, FakeProvider>> = {};
  const settings: Record<string, string> = { MODEL_FALLBACK_BUILTIN: 'false' };
  for (const provider of providers) {
    const fakeProvider = await startFakeProvider(provider);
    onTestFinished(() => fakeProvider.close());
    const [key, address] = SETTING_NAMES[provider];
    fakeProviders[provider] = fakeProvider;
    settings[key] = providerKeyOf(provider);
    settings[address] = fakeProvider.url;
  }
  const gateway = await startGateway({ env: { ...settings, ...env } });
  onTestFinished(() => gateway.close());
  return {
    gateway,
    fakeProviders,
    createChatbot: (provider, options) =>
      createChatbot(gateway, { provider, model: 'model-1', sources: [SOURCE_TEXT], ...options }),
  };
}

/** Sends a message to a chatbot, and waits for the end of its reply. */
export async function sendAndWait(
  gateway: TestGateway,
  chatbotId: string,
  content = 'When are refunds paid?',
): Promise<{ reader: Reader; replyId: string; conversationId: string }> {
  const { replyId, conversationId } = await send(gateway, { chatbotId, content });
  const reader = webSocket.subscribe(gateway, { messageId: replyId });
  await reader.ended;
  return { reader, replyId, conversationId };
}

/** Lists where a gateway exposes a secret: in its log, its metrics, or a table of its database. */
export async function listSecretLocations(gateway: TestGateway, secret: string): Promise<string[]> {
  const textByLocation: Record<string, string> = {
    log: JSON.stringify(gateway.logs),
    metrics: await (await gateway.fetch('/metrics')).text(),
  };
  const { read } = gateway.deps.db;
  for (const { name } of await read.introspection.getTables()) {
    textByLocation[name] = JSON.stringify(
      await read
        .selectFrom(name as 'messages')
        .selectAll()
        .execute(),
    );
  }
  const forms = [secret, btoa(secret), encodeURIComponent(secret)];
  return Object.keys(textByLocation).filter((location) =>
    forms.some((form) => textByLocation[location]?.includes(form)),
  );
}
