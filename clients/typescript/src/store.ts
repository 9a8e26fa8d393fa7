import type { ChatGraphError } from './errors.ts';
import type { EventState } from './messages.ts';
import type { OutgoingMessage } from './sends.ts';

/** A message that the gateway has not confirmed yet, or has refused. */
export interface PendingMessage extends OutgoingMessage {
  /** The reason why the gateway refused the message; absent while it is being sent. */
  readonly error?: ChatGraphError;
}

/** The state of a conversation, an immutable value: every change creates a new object. */
export interface ConversationState extends EventState {
  /** Messages that the gateway has not confirmed yet, or has refused, oldest first. */
  readonly pending: readonly PendingMessage[];
  /** False until the messages of an earlier visit are loaded. */
  readonly isLoaded: boolean;
  /** True while events arrive. */
  readonly isConnected: boolean;
  /** Whether `loadEarlier` finds more messages. */
  readonly hasEarlier: boolean;
  /** The chatbot's message while a person answers; undefined if the last message got a reply. */
  readonly notice: string | undefined;
  /** The reason why the conversation is not followed any more; undefined while it is. */
  readonly error: ChatGraphError | undefined;
}

/** The state of a conversation that has not started. */
export const INITIAL_STATE: ConversationState = {
  conversation: undefined,
  messages: [],
  isPersonTyping: false,
  pending: [],
  isLoaded: true,
  isConnected: false,
  hasEarlier: false,
  notice: undefined,
  error: undefined,
};

/** Holds the state of a conversation, and notifies listeners of changes. */
export interface Store {
  readonly state: ConversationState;
  readonly listenerCount: number;
  update(change: Partial<ConversationState>): void;
  /** @returns the function that unsubscribes. */
  subscribe(listener: () => void): () => void;
}

/** Creates the store of one conversation. */
export function createStore(initialState: ConversationState): Store {
  const listeners = new Set<() => void>();
  let state = initialState;
  return {
    get state() {
      return state;
    },
    get listenerCount() {
      return listeners.size;
    },
    update(change) {
      state = { ...state, ...change };
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      // A function of its own, because the same listener may subscribe twice.
      const notify = () => listener();
      listeners.add(notify);
      return () => void listeners.delete(notify);
    },
  };
}
