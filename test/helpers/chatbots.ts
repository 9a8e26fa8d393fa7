import type { TestGateway } from './gateway.ts';

/** Makes a chatbot over GraphQL that has read the given Markdown texts; gives its id. */
export async function createChatbot(
  gateway: Pick<TestGateway, 'graphql' | 'key'>,
  { key = gateway.key, sources = [], ...fields }: ChatbotOptions = {},
): Promise<string> {
  const made = await gateway.graphql<{ createChatbot: { chatbot: { id: string } } }>(
    'mutation ($input: CreateChatbotInput!) { createChatbot(input: $input) { ... on CreateChatbotPayload { chatbot { id } } } }',
    { input: { name: 'Helper', ...fields } },
    key,
  );
  const { id } = made.data.createChatbot.chatbot;
  for (const [index, text] of sources.entries()) {
    await gateway.graphql(
      'mutation ($input: CreateSourceInput!) { createSource(input: $input) { __typename } }',
      { input: { chatbotId: id, title: `Source ${index + 1}`, content: { text } } },
      key,
    );
  }
  return id;
}

/** What differs about a chatbot, and with whose key it is made. */
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

/** Sends a message over GraphQL; gives the ids of what came of it. */
export async function send(
  gateway: TestGateway,
  input: {
    chatbotId?: string;
    conversationId?: string;
    sessionId?: string;
    content: string;
    whenBusy?: 'ENQUEUE' | 'REJECT' | 'INTERRUPT';
    clientMessageId?: string;
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
  const sent = data?.sendMessage;
  if (!sent?.reply) throw new Error(`The message was refused: ${JSON.stringify(sent ?? errors)}`);
  return {
    conversationId: sent.conversation.id,
    messageId: sent.userMessage.id,
    replyId: sent.reply.id,
    status: sent.reply.status,
  };
}

interface SentPayload {
  readonly conversation: { id: string };
  readonly userMessage: { id: string };
  readonly reply: { id: string; status: string } | null;
}
