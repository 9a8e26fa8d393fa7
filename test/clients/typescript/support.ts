import { onTestFinished } from 'vitest';
import { type ChatGraph, type ChatGraphOptions, createChatGraph } from '../../../clients/typescript/src/chatgraph.ts';
import type { Conversation } from '../../../clients/typescript/src/conversation.ts';
import { createChatbot } from '../../helpers/chatbots.ts';
import { startProxy } from '../../helpers/clients/tcp-proxy.ts';
import type { TestGateway } from '../../helpers/gateway.ts';

/** Creates a client that reaches the gateway through a proxy, with an API key as a server has it. */
export async function connectClient(gateway: TestGateway, options: Partial<ChatGraphOptions> = {}) {
  const proxy = await startProxy(new URL(gateway.url));
  const chatbot = options.chatbot ?? (await createChatbot(gateway));
  const chat = createChatGraph({
    url: `http://127.0.0.1:${proxy.port}`,
    token: gateway.key,
    ...options,
    chatbot,
  });
  onTestFinished(() => chat.close());
  return { chat, chatbot, cut: proxy.disconnect };
}

/** Follows the conversation of a client until the test ends. */
export function followConversation(chat: ChatGraph): Conversation {
  const conversation = chat.conversation();
  onTestFinished(conversation.subscribe(() => {}));
  return conversation;
}
