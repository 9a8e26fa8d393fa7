import type { AnswerTool, Question, Turn } from '../answer/engine.ts';
import { retrieveFor } from '../answer/retrieve-for.ts';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';
import { BUILTIN } from '../domain/providers.ts';
import { listHistory } from '../store/branches.ts';
import { findChatbot } from '../store/chatbots.ts';
import { findConversation } from '../store/conversations.ts';
import { findMessage } from '../store/messages.ts';

/** How many passages an engine is given. */
const EVIDENCE_LIMIT = 8;

/** Gathers what an engine is asked for a reply. */
export async function prepareQuestion(deps: Pick<Deps, 'db' | 'config'>, reply: Message): Promise<Question> {
  const { read } = deps.db;
  const { accountId, conversationId } = reply;
  const asked = reply.parentId === null ? undefined : await findMessage(read, accountId, reply.parentId);
  const conversation = await findConversation(read, accountId, conversationId);
  const chatbot = conversation && (await findChatbot(read, accountId, conversation.chatbotId));
  if (asked === undefined || conversation === undefined || chatbot === undefined)
    throw new Error('The question is gone.');

  const limit = deps.config.historyTurns * 2;
  const fromId = asked.parentId;
  const said = fromId === null || limit === 0 ? [] : await listHistory(read, accountId, { fromId, limit });
  const history = said.map(toTurn);
  const { instructions, fallbackMessage, handoverMessage, answering, provider, model } = chatbot;
  // The built-in engine answers each question by itself.
  const known = provider === BUILTIN ? [] : history;
  const tools: AnswerTool[] = [];
  return {
    accountId,
    content: asked.content,
    author: { provider, model },
    ...{ instructions, fallbackMessage, handoverMessage, answering, tools },
    visitor: answering.sharesMetadata ? conversation.metadata : null,
    history,
    retrieval: await retrieveFor(read, accountId, chatbot.id, asked.content, known, EVIDENCE_LIMIT),
  };
}

function toTurn({ role, content }: Message): Turn {
  return { role: role === 'USER' ? 'USER' : 'ASSISTANT', content };
}
