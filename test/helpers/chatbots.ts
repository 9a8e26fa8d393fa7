import type { TestGateway } from './gateway.ts';

/** Creates a chatbot over GraphQL, with the given Markdown texts as its sources, and returns its id. */
export async function createChatbot(
  gateway: Pick<TestGateway, 'graphql' | 'key'>,
  { key = gateway.key, sources = [], ...fields }: ChatbotOptions = {},
): Promise<string> {
  const created = await gateway.graphql<{ createChatbot: { chatbot: { id: string } } }>(
    'mutation ($input: CreateChatbotInput!) { createChatbot(input: $input) { ... on CreateChatbotPayload { chatbot { id } } } }',
    { input: { name: 'Helper', ...fields } },
    key,
  );
  const { id } = created.data.createChatbot.chatbot;
  for (const [index, text] of sources.entries()) {
    await gateway.graphql(
      'mutation ($input: CreateSourceInput!) { createSource(input: $input) { __typename } }',
      { input: { chatbotId: id, title: `Source ${index + 1}`, content: { text } } },
      key,
    );
  }
  return id;
}

/** The fields in which a chatbot differs from the default, its sources, and the API key that creates the chatbot. */
export interface ChatbotOptions {
  readonly key?: string;
  readonly name?: string;
  readonly instructions?: string;
  readonly fallbackMessage?: string;
  readonly handoffMessage?: string;
  readonly provider?: string;
  readonly model?: string;
  readonly answering?: object;
  readonly sources?: readonly string[];
}

/** Sends a message over GraphQL; returns the ids of the conversation, the message and its reply. */
export async function send(
  gateway: TestGateway,
  input: {
    chatbotId?: string;
    conversationId?: string;
    sessionId?: string;
    content: string;
    whenBusy?: 'ENQUEUE' | 'REJECT' | 'INTERRUPT';
    clientMessageId?: string;
    visitor?: object;
  },
  key = gateway.key,
): Promise<{ conversationId: string; messageId: string; replyId: string; status: string }> {
  const { data, errors } = await gateway.graphql<{ sendMessage: SentPayload }>(
    `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
      ... on SendMessagePayload { conversation { id } userMessage { id } reply { id status } }
      ... on Error { code reason: message }
    } }`,
    { input },
    key,
  );
  const payload = data?.sendMessage;
  if (!payload?.reply) throw new Error(`The message was refused: ${JSON.stringify(payload ?? errors)}`);
  return {
    conversationId: payload.conversation.id,
    messageId: payload.userMessage.id,
    replyId: payload.reply.id,
    status: payload.reply.status,
  };
}

interface SentPayload {
  readonly conversation: { id: string };
  readonly userMessage: { id: string };
  readonly reply: { id: string; status: string } | null;
}
