import { type ConversationActions, createConversationActions } from './actions.ts';
import { ConversationDocument } from './documents.ts';
import type { ChatGraphError } from './errors.ts';
import { followConversation, type Snapshot } from './follow.ts';
import { addMessage, addPage } from './messages.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import type { Requests } from './requests.ts';
import { createSends, type Sends, type SentMessage } from './sends.ts';
import type { StoredValue } from './storage.ts';
import { type ConversationState, createStore, INITIAL_STATE } from './store.ts';
import type { Subscriptions } from './subscriptions.ts';

/** The visitor's conversation, and what the visitor can do with it. */
export interface Conversation extends ConversationActions, Outbox {
  readonly state: ConversationState;
  /**
   * Calls `listener` after every change of the state. The conversation is followed while there are listeners.
   * @returns the function that unsubscribes.
   */
  subscribe(listener: () => void): () => void;
  /** Loads earlier messages. */
  loadEarlier(): Promise<void>;
  /** Starts a new conversation with the next message. */
  restart(): void;
}

/** The dependencies of a conversation. */
export interface ConversationDeps {
  readonly requests: Requests;
  readonly subscriptions: Subscriptions;
  readonly chatbotId: string;
  /** The id of the current conversation. */
  readonly conversationId: StoredValue<string>;
}

/**
 * Creates the conversation of a client, which exists on the gateway only after the first message, and the sends that
 * continue it.
 */
export function createConversation(deps: ConversationDeps): { conversation: Conversation; sends: Sends } {
  const { requests, chatbotId, conversationId } = deps;
  const sends = createSends({ requests, chatbotId, conversationId, onSent: showSent });
  const store = createStore({ ...INITIAL_STATE, isLoaded: conversationId.read() === undefined });
  let followed: { readonly id: string; stop(): void } | undefined;
  let earlierCursor: string | undefined;

  /** Follows the current conversation, if somebody listens. */
  function follow(): void {
    const id = store.listenerCount > 0 ? conversationId.read() : undefined;
    if (followed?.id === id) return;
    followed?.stop();
    followed = id === undefined ? undefined : { id, stop: followConversation(deps, id, { store, show, reset, fail }) };
  }

  function fail(error: ChatGraphError): void {
    // The next message or listener tries again.
    followed = undefined;
    store.update({ isConnected: false, isLoaded: true, error });
  }

  function show(snapshot: Snapshot): void {
    const { messages: page, eventCursor: _, ...conversation } = snapshot;
    const messages = addPage(store.state.messages, page.nodes);
    // Earlier messages that have been loaded stay.
    if (messages[0]?.id === page.nodes[0]?.id) earlierCursor = cursorBefore(page);
    store.update({ conversation, messages, isLoaded: true, hasEarlier: earlierCursor !== undefined });
  }

  function reset(): void {
    conversationId.write(undefined);
    earlierCursor = undefined;
    store.update({ ...INITIAL_STATE, pending: store.state.pending });
    follow();
  }

  function showSent({ conversation, userMessage, reply, notice }: SentMessage): void {
    // The application may have started another conversation meanwhile.
    if (conversationId.read() !== conversation.id) return;
    // After a lost response the request is repeated, and the branch of the message may no longer be shown.
    const shown = [userMessage, reply].filter((added) => added?.isShown);
    // The conversation that was shown may not exist any more.
    const isSame = store.state.conversation === undefined || store.state.conversation.id === conversation.id;
    const known = isSame ? store.state.messages : [];
    const messages = shown.reduce((list, added) => (added ? addMessage(list, added) : list), known);
    store.update({ conversation, messages, notice: notice ?? undefined, isLoaded: true });
    follow();
  }

  const conversation: Conversation = {
    get state() {
      return store.state;
    },
    subscribe(listener) {
      const unsubscribe = store.subscribe(listener);
      follow();
      return () => {
        unsubscribe();
        follow();
      };
    },
    ...createOutbox(sends, store),
    async loadEarlier() {
      const [id, before] = [conversationId.read(), earlierCursor];
      if (id === undefined || before === undefined) return;
      const { conversation } = await requests.request(ConversationDocument, { id, before });
      if (conversation === null || earlierCursor !== before) return;
      earlierCursor = cursorBefore(conversation.messages);
      const messages = [...conversation.messages.nodes, ...store.state.messages];
      store.update({ messages, hasEarlier: earlierCursor !== undefined });
    },
    restart: reset,
    ...createConversationActions(requests, store),
  };
  return { conversation, sends };
}

const cursorBefore = ({ pageInfo }: Snapshot['messages']): string | undefined =>
  (pageInfo.hasPreviousPage && pageInfo.startCursor) || undefined;
