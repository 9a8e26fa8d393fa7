import { createBackoff } from './backoff.ts';
import { addPage } from './conversation.ts';
import { ConversationDocument, type ConversationFieldsFragment, type MessagePageFragment } from './documents.ts';
import { applyEvent, describeChange } from './events.ts';
import { describeFailure, UnreachableError } from './failures.ts';
import { type ConversationEvent, followConversation } from './follow.ts';
import type { GraphqlClient } from './graphql-client.ts';
import type { Session } from './session.ts';
import type { ChatState, Store } from './store.ts';

/** Synchronizes the page with the gateway. */
export interface Sync {
  /** Follows a conversation; does nothing if it is followed already. */
  follow(conversationId: string): void;
  /** Stops following the current conversation. */
  unfollow(): void;
  /** Reads the conversation and its newest messages again. */
  reload(): void;
  /** Changes the state, and announces the change to screen readers; reloads the conversation if it is undefined. */
  applyChange(change: Partial<ChatState> | undefined): void;
  /** Ignores the next `BranchSelected` event of a message, because the page itself selects that branch. */
  ignoreSelection(messageId: string): void;
}

/** A conversation with its newest messages. */
export type ConversationWithMessages = ConversationFieldsFragment & { readonly messages: MessagePageFragment };

/** The callbacks of the synchronization. */
export interface SyncCallbacks {
  /** Called when the gateway is reachable. */
  onConnected(): void;
  /** Called when the conversation no longer exists. */
  onConversationDeleted(): void;
}

/** Creates the synchronization of one conversation at a time. */
export function createSync({ session, client, store }: SyncDeps, callbacks: SyncCallbacks): Sync {
  const ignoredSelections = new Set<string>();
  let currentConversation: { id: string; stop(): void } | undefined;
  /** The events received during a reload; they may be older than its result. Undefined between reloads. */
  let bufferedEvents: ConversationEvent[] | undefined;
  let mustReload = false;

  function applyChange(change: Partial<ChatState> | undefined): void {
    if (change === undefined) {
      reload();
      return;
    }
    const announcement = change.messages && describeChange(store.state.messages, change.messages);
    store.update(announcement === undefined ? change : { ...change, announcement });
  }

  function handleEvent(event: ConversationEvent): void {
    if (event.__typename === 'BranchSelected' && ignoredSelections.delete(event.message.id)) return;
    bufferedEvents?.push(event);
    // A new message waits for the result of the reload: before it, the page may lack the parent of the message.
    if (bufferedEvents !== undefined && event.__typename === 'MessageCreated') return;
    applyChange(applyEvent(store.state, event));
  }

  function reload(): void {
    if (bufferedEvents !== undefined) mustReload = true;
    else if (currentConversation !== undefined) void reloadUntilUpToDate(currentConversation.id);
  }

  async function reloadUntilUpToDate(id: string): Promise<void> {
    const backoff = createBackoff();
    do {
      bufferedEvents = [];
      mustReload = false;
      try {
        const { conversation } = await client.request(ConversationDocument, { id });
        if (currentConversation?.id !== id) break;
        if (conversation === null) callbacks.onConversationDeleted();
        else applyChange(conversationChange(store.state, conversation));
        for (const event of bufferedEvents.splice(0)) applyChange(applyEvent(store.state, event));
      } catch (error) {
        store.update({ isLoading: false });
        if (error instanceof UnreachableError) {
          mustReload = true;
          await backoff.wait(error.retryAfterMs);
        } else store.update({ notice: describeFailure(error) });
      }
    } while (mustReload && currentConversation?.id === id);
    bufferedEvents = undefined;
    // The page may have switched to another conversation meanwhile.
    if (currentConversation !== undefined && currentConversation.id !== id) reload();
  }

  function unfollow(): void {
    currentConversation?.stop();
    currentConversation = undefined;
  }

  return {
    follow(id) {
      if (currentConversation?.id === id) return;
      unfollow();
      const stop = followConversation(session, id, {
        onConnected() {
          store.update({ isOnline: true });
          callbacks.onConnected();
        },
        onConnectionLost: () => store.update({ isOnline: false, isPersonTyping: false }),
        onConversationDeleted: () => callbacks.onConversationDeleted(),
        onEvent: handleEvent,
      });
      currentConversation = { id, stop };
    },
    unfollow,
    reload,
    applyChange,
    ignoreSelection: (messageId) => void ignoredSelections.add(messageId),
  };
}

/** The change of state that shows a reloaded conversation; earlier messages stay. */
function conversationChange(
  state: ChatState,
  { messages: page, ...conversation }: ConversationWithMessages,
): Partial<ChatState> {
  const messages = addPage(state.messages, page.nodes);
  const hasEarlierMessages = messages[0]?.id !== page.nodes[0]?.id;
  const pageCursor = page.pageInfo.hasPreviousPage ? (page.pageInfo.startCursor ?? undefined) : undefined;
  return {
    conversation,
    messages,
    isLoading: false,
    earlierCursor: hasEarlierMessages ? state.earlierCursor : pageCursor,
  };
}

/** The dependencies of the synchronization. */
export interface SyncDeps {
  readonly session: Session;
  readonly client: GraphqlClient;
  readonly store: Store;
}
