import { DEFAULT_ANSWERING } from '../../src/chatbots/answering.ts';
import { DEFAULT_LEAD_FORM } from '../../src/chatbots/lead-form.ts';
import { createId } from '../../src/domain/ids.ts';
import { toJson } from '../../src/domain/json.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { insertChatbot } from '../../src/store/chatbots.ts';
import { insertConversation } from '../../src/store/conversations.ts';
import type { Database } from '../../src/store/database.ts';
import { insertMessage } from '../../src/store/messages.ts';

/** A conversation of large messages: their number, and the content and the metadata of each message. */
interface LargeConversation {
  readonly messages: number;
  readonly content: string;
  readonly metadata: object;
}

/** Metadata of about the largest size that a message may have. */
export const LARGE_METADATA = { note: 'x'.repeat(16_300) };

/** Stores a conversation of large messages, and returns the ids. */
export async function insertLargeConversation(
  db: Database,
  accountId: string,
  { messages, content, metadata }: LargeConversation,
) {
  const chatbotId = createId('chatbot');
  const conversationId = createId('conversation');
  const messageId = createId('message');
  const at = toTimestamp(Date.now());
  await db.transaction(async (trx) => {
    await insertChatbot(trx, {
      id: chatbotId,
      accountId,
      name: 'Large',
      slug: `large-${chatbotId.slice(-12)}`,
      provider: 'builtin',
      model: null,
      instructions: '',
      fallbackMessage: 'None.',
      handoffMessage: 'None.',
      answering: DEFAULT_ANSWERING,
      leadForm: DEFAULT_LEAD_FORM,
      isActive: true,
      ...{ isPublic: false, allowedOrigins: [], identity: { isRequired: false, jwksUrl: null } },
      metadata: toJson({}),
      persistedOnly: false,
      sessionOperations: null,
      limits: {},
      createdAt: at,
      updatedAt: at,
    });
    await insertConversation(trx, {
      id: conversationId,
      accountId,
      chatbotId,
      visitorId: null,
      sessionId: conversationId,
      channel: 'API',
      status: 'OPEN',
      silentUntil: null,
      assignee: null,
      assignedMemberId: null,
      escalatedAt: null,
      escalationReason: null,
      unreadCount: 0,
      unreadSince: null,
      readUntil: '',
      visitorUnreadCount: 0,
      lastMessageAt: at,
      closedAt: null,
      firstAgentReplyAt: null,
      labels: [],
      priority: 'NORMAL',
      snoozedUntil: null,
      metadata: toJson({}),
      createdAt: at,
      updatedAt: at,
    });
    for (let i = 0; i < messages; i++) {
      await insertMessage(trx, {
        id: i === 0 ? messageId : createId('message'),
        accountId,
        conversationId,
        role: 'USER',
        status: 'COMPLETED',
        content,
        citations: [],
        finishReason: null,
        usage: null,
        generation: null,
        outcome: null,
        confidence: null,
        reasoning: null,
        followUps: [],
        apiKeyId: null,
        rating: null,
        ratingComment: null,
        isShown: true,
        isPrivate: false,
        authorName: null,
        authorId: null,
        parentId: null,
        replacesId: null,
        metadata: toJson(metadata),
        error: null,
        createdAt: at,
        completedAt: at,
        updatedAt: at,
      });
    }
  });
  return { chatbotId, conversationId, messageId };
}
