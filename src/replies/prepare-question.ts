import type { Question, Turn } from '../answer/engine.ts';
import { retrieveWithHistory } from '../answer/retrieve-with-history.ts';
import type { Deps } from '../deps.ts';
import type { Chatbot, Conversation, Message } from '../domain/entities.ts';
import { BUILTIN } from '../domain/providers.ts';
import { listHistory } from '../store/branches.ts';
import { findChatbot } from '../store/chatbots.ts';
import { findConversation } from '../store/conversations.ts';
import { findMessage } from '../store/messages.ts';
import { createTools } from './tools.ts';

type QuestionDeps = Pick<Deps, 'db' | 'clock' | 'bus' | 'background' | 'config'>;

/** How many passages an engine is given. */
const EVIDENCE_LIMIT = 8;

/** Gathers what an engine is asked for a reply. */
export async function prepareQuestion(deps: QuestionDeps, reply: Message): Promise<Question> {
  const { read } = deps.db;
  const { accountId, conversationId } = reply;
  const asked = reply.parentId === null ? undefined : await findMessage(read, accountId, reply.parentId);
  const conversation = await findConversation(read, accountId, conversationId);
  const chatbot = conversation && (await findChatbot(read, accountId, conversation.chatbotId));
  if (asked === undefined || chatbot === undefined) throw new Error('The question is gone.');
  return composeQuestion(deps, { chatbot, conversation }, { content: asked.content, fromId: asked.parentId });
}

/**
 * Makes the question that a text is to an engine.
 * @param conversation absent for one that has yet to begin.
 * @param fromId the last of the messages before it; null when it is the first.
 */
export async function composeQuestion(
  deps: QuestionDeps,
  { chatbot, conversation }: { chatbot: Chatbot; conversation: Conversation | undefined },
  { content, fromId }: { content: string; fromId: string | null },
): Promise<Question> {
  const { read } = deps.db;
  const { accountId, instructions, fallbackMessage, handoffMessage, answering, provider, model } = chatbot;
  const limit = deps.config.historyTurns * 2;
  const said = fromId === null || limit === 0 ? [] : await listHistory(read, accountId, { fromId, limit });
  const history = said.map(toTurn);
  // The built-in engine answers each question by itself.
  const known = provider === BUILTIN ? [] : history;
  return {
    accountId,
    chatbotId: chatbot.id,
    content,
    author: { provider, model },
    ...{ instructions, fallbackMessage, handoffMessage, answering },
    tools: createTools(deps, chatbot, conversation?.id ?? ''),
    visitor: (answering.sharesMetadata && conversation?.metadata) || null,
    history,
    retrieval: await retrieveWithHistory(read, accountId, chatbot.id, content, known, EVIDENCE_LIMIT),
  };
}

function toTurn({ role, content }: Message): Turn {
  return { role: role === 'USER' ? 'USER' : 'ASSISTANT', content };
}
