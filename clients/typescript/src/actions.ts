import {
  CaptureLeadDocument,
  EditDocument,
  EscalateDocument,
  RateDocument,
  type Rating,
  RegenerateDocument,
  SelectDocument,
  SetTypingDocument,
  StopDocument,
} from './documents.ts';
import { ChatGraphError } from './errors.ts';
import { addMessage, hasEnded, updateMessage } from './messages.ts';
import type { Requests } from './requests.ts';
import { createClientMessageId } from './sends.ts';
import type { Store } from './store.ts';

/** The contact details that a visitor leaves. The lead form of the chatbot says which are required. */
export interface LeadDetails {
  readonly name?: string;
  readonly email?: string;
  readonly phone?: string;
  /** The other fields of the form. */
  readonly customData?: Readonly<Record<string, unknown>>;
}

/** The actions of a visitor on the messages of a conversation. Each rejects with a `ChatGraphError`. */
export interface ConversationActions {
  /** Stops a reply, by default the first one that has not ended; it keeps its text. */
  stop(messageId?: string): Promise<void>;
  /** Rates a reply or a person's message; null removes the rating. */
  rate(messageId: string, rating: Rating | null, comment?: string): Promise<void>;
  /** Generates another version of a reply, and shows it instead. */
  regenerate(messageId: string): Promise<void>;
  /** Stores another version of a visitor's message, and shows it with its reply instead. */
  edit(messageId: string, content: string): Promise<void>;
  /** Shows another version of a message, one of its `siblings`, with the messages that follow it. */
  select(messageId: string): Promise<void>;
  /** Requests a person. */
  escalate(): Promise<void>;
  captureLead(details: LeadDetails): Promise<void>;
  /** Shows a person that the visitor is typing, for 6 seconds. */
  setTyping(isTyping: boolean): Promise<void>;
}

/** Creates the actions of a conversation. */
export function createConversationActions(requests: Requests, store: Store): ConversationActions {
  function requireConversationId(): string {
    const id = store.state.conversation?.id;
    if (id === undefined) throw new ChatGraphError('NOT_FOUND', 'There is no conversation.');
    return id;
  }

  return {
    async stop(messageId = store.state.messages.find((message) => !hasEnded(message))?.id) {
      if (messageId === undefined) return;
      const { reply } = await requests.mutate(StopDocument, { messageId });
      store.update({ messages: updateMessage(store.state.messages, reply) });
    },
    async rate(messageId, rating, comment) {
      const { reply } = await requests.mutate(RateDocument, { messageId, rating, comment });
      store.update({ messages: updateMessage(store.state.messages, reply) });
    },
    async regenerate(messageId) {
      const variables = { messageId, clientMessageId: createClientMessageId() };
      const { reply } = await requests.mutate(RegenerateDocument, variables);
      store.update({ messages: addMessage(store.state.messages, reply, messageId) });
    },
    async edit(messageId, content) {
      const variables = { messageId, content, clientMessageId: createClientMessageId() };
      const { userMessage, reply, notice } = await requests.mutate(EditDocument, variables);
      const messages = addMessage(store.state.messages, userMessage, messageId);
      store.update({ messages: reply ? addMessage(messages, reply) : messages, notice: notice ?? undefined });
    },
    async select(messageId) {
      // The event that reports the selection lets the conversation be read again.
      await requests.mutate(SelectDocument, { messageId });
    },
    async escalate() {
      const variables = { conversationId: requireConversationId() };
      const { conversation } = await requests.mutate(EscalateDocument, variables);
      store.update({ conversation });
    },
    async captureLead(details) {
      const input = { conversationId: requireConversationId(), ...details };
      // A repeated request would store a second lead.
      await requests.mutate(CaptureLeadDocument, { input }, { attempts: 1 });
    },
    async setTyping(isTyping) {
      const variables = { conversationId: requireConversationId(), isTyping };
      await requests.request(SetTypingDocument, variables, { attempts: 1 });
    },
  };
}
