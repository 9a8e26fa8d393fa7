import type { Message } from './conversation.ts';
import type { ConversationFieldsFragment } from './documents.ts';
import type { PendingMessage } from './outbox.ts';

/** The state of the page, an immutable value: every change creates a new object. */
export interface ChatState {
  /** Absent before the first message is sent. */
  readonly conversation: ConversationFieldsFragment | undefined;
  /** The loaded messages of the shown branch, oldest first. */
  readonly messages: readonly Message[];
  /** The cursor for earlier messages; undefined once all messages are loaded. */
  readonly earlierCursor: string | undefined;
  /** Messages from this page that the gateway has not confirmed yet, or has refused. */
  readonly pending: readonly PendingMessage[];
  /** Whether the page is still loading the conversation of an earlier visit. */
  readonly isLoading: boolean;
  /** False while the gateway is unreachable. */
  readonly isOnline: boolean;
  /** Whether the gateway no longer accepts the page's token: the page stays readable, and nothing can be sent. */
  readonly isExpired: boolean;
  readonly isPersonTyping: boolean;
  /** The reason why the last action failed, or the gateway's notice instead of a reply. */
  readonly notice: string | undefined;
  /** The text that screen readers announce. */
  readonly announcement: string;
}

/** Holds the state, and notifies listeners of changes. */
export interface Store {
  readonly state: ChatState;
  update(change: Partial<ChatState>): void;
  /** @returns the function that unsubscribes. */
  subscribe(listener: () => void): () => void;
}

/** The state before anything is loaded. */
export const INITIAL_STATE: ChatState = {
  conversation: undefined,
  messages: [],
  earlierCursor: undefined,
  pending: [],
  isLoading: false,
  isOnline: true,
  isExpired: false,
  isPersonTyping: false,
  notice: undefined,
  announcement: '',
};

/** Creates the store of one page. */
export function createStore(): Store {
  const listeners = new Set<() => void>();
  let state = INITIAL_STATE;
  return {
    get state() {
      return state;
    },
    update(change) {
      state = { ...state, ...change };
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
