import type { Message } from './conversation.ts';
import type { ConversationFieldsFragment } from './documents.ts';
import type { PendingMessage } from './outbox.ts';

/** All that the page shows. Every change makes a new one. */
export interface ChatState {
  /** Absent before the first message was sent. */
  readonly conversation: ConversationFieldsFragment | undefined;
  /** The branch that is shown, oldest first, as far as it was read. */
  readonly messages: readonly Message[];
  /** Where what came before begins; absent when everything was read. */
  readonly earlier: string | undefined;
  /** What was written here and not confirmed yet. */
  readonly pending: readonly PendingMessage[];
  /** Whether what an earlier visit has left is still being read. */
  readonly isLoading: boolean;
  /** False while the gateway cannot be reached. */
  readonly isOnline: boolean;
  /** Whether the gateway does not know the page any more: what is shown stays, and nothing can be sent. */
  readonly isExpired: boolean;
  readonly isPersonTyping: boolean;
  /** Why the last action did not work, or what the gateway had to say instead of a reply. */
  readonly notice: string | undefined;
  /** What is read out to those who do not see the page. */
  readonly announcement: string;
}

/** A place for the state, and those who want to know when it changes. */
export interface Store {
  readonly state: ChatState;
  update(change: Partial<ChatState>): void;
  /** @returns what ends the subscription. */
  subscribe(listener: () => void): () => void;
}

/** What a page shows that has not read anything yet. */
export const EMPTY: ChatState = {
  conversation: undefined,
  messages: [],
  earlier: undefined,
  pending: [],
  isLoading: false,
  isOnline: true,
  isExpired: false,
  isPersonTyping: false,
  notice: undefined,
  announcement: '',
};

/** Makes the store of one page. */
export function createStore(): Store {
  const listeners = new Set<() => void>();
  let state = EMPTY;
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
