import type { Conversation, Message } from '../src/domain/entities.ts';
import type { ObjectFields } from './builder.ts';
import { ConversationRef, MessageRef } from './conversations/conversation.ts';

/** The payload of a mutation that changes a conversation. */
export const conversationPayload = (description: string) => ({
  description,
  outputFields: (t: ObjectFields<{ conversation: Conversation }>) => ({
    conversation: t.expose('conversation', { type: ConversationRef, description: 'The conversation.' }),
  }),
});

/** The payload of a mutation that creates or changes a reply. */
export const replyPayload = (description: string, reply: string) => ({
  description,
  outputFields: (t: ObjectFields<{ reply: Message }>) => ({
    reply: t.expose('reply', { type: MessageRef, description: reply }),
  }),
});

/** The conversation of the stored message, in the payload of a mutation that stores a message. */
export const conversationField = {
  type: ConversationRef,
  description: 'The conversation of the message.',
} as const;

/** The stored message, in the payload of a mutation that stores one. */
export const storedMessageField = { type: MessageRef, description: 'The message as it was stored.' } as const;

/** The reply to the stored message. */
export const replyField = {
  type: MessageRef,
  nullable: true,
  description:
    'The reply, STREAMING or QUEUED; null while a person answers, see `notice`. A repeated request returns the reply in its current state.',
} as const;

/** The notice for the visitor if the stored message gets no reply. */
export const noticeField = {
  nullable: true,
  description: 'The `handoffMessage` of the chatbot, for the visitor; null if there is a reply.',
} as const;
