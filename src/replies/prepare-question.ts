import type { HistoryMessage, Question } from '../answer/engine.ts';
import { retrieveWithHistory } from '../answer/retrieve-with-history.ts';
import type { Deps } from '../deps.ts';
import type { Chatbot, Conversation, Message } from '../domain/entities.ts';
import { BUILTIN } from '../domain/providers.ts';
import { listHistory } from '../store/branches.ts';
import { findChatbot } from '../store/chatbots.ts';
import { findConversation } from '../store/conversations.ts';
import { findMessage } from '../store/messages.ts';
import { createTools } from './tools.ts';

type QuestionDeps = Pick<Deps, 'db' | 'clock' | 'bus' | 'background' | 'config' | 'embedder'>;

/** The maximum number of passages that an engine receives. */
const MAX_PASSAGES = 8;

/** Reads the user message that a reply answers, and composes the question for an engine from it. */
export async function prepareQuestion(deps: QuestionDeps, reply: Message): Promise<Question> {
  const { read } = deps.db;
  const { accountId, conversationId } = reply;
  const userMessage = reply.parentId === null ? undefined : await findMessage(read, accountId, reply.parentId);
  const conversation = await findConversation(read, accountId, conversationId);
  const chatbot = conversation && (await findChatbot(read, accountId, conversation.chatbotId));
  if (userMessage === undefined || chatbot === undefined) throw new Error('The user message of the reply is deleted.');
  return composeQuestion(
    deps,
    { chatbot, conversation },
    { content: userMessage.content, parentId: userMessage.parentId },
  );
}

/**
 * Composes the question for an engine from a user's text, the messages before the text, the passages that match it, and
 * the chatbot's settings.
 * @param conversation absent if the text starts a conversation.
 * @param parentId the id of the message before the text; null if the text is the first message.
 */
export async function composeQuestion(
  deps: QuestionDeps,
  { chatbot, conversation }: { chatbot: Chatbot; conversation: Conversation | undefined },
  { content, parentId }: { content: string; parentId: string | null },
): Promise<Question> {
  const { read } = deps.db;
  const { accountId, instructions, fallbackMessage, handoffMessage, answering, provider, model } = chatbot;
  const limit = deps.config.historyTurns * 2;
  const previousMessages =
    parentId === null || limit === 0 ? [] : await listHistory(read, accountId, { fromId: parentId, limit });
  const history = previousMessages.map(toHistoryMessage);
  // The built-in engine ignores earlier messages, so the search for passages ignores them too.
  const searchHistory = provider === BUILTIN ? [] : history;
  return {
    accountId,
    chatbotId: chatbot.id,
    content,
    answeringModel: { provider, model },
    ...{ instructions, fallbackMessage, handoffMessage, answering },
    tools: createTools(deps, chatbot, conversation?.id ?? ''),
    visitorMetadata: (answering.sharesMetadata && conversation?.metadata) || null,
    history,
    retrieval: await retrieveWithHistory(
      read,
      accountId,
      chatbot.id,
      content,
      searchHistory,
      MAX_PASSAGES,
      deps.embedder,
    ),
  };
}

function toHistoryMessage({ role, content }: Message): HistoryMessage {
  return { role: role === 'USER' ? 'USER' : 'ASSISTANT', content };
}
