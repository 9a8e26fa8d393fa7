import { addMessage } from './conversation.ts';
import { ConversationDocument, SendDocument } from './documents.ts';
import { describeFailure } from './failures.ts';
import { createGraphqlClient, type GraphqlClient, payloadOf } from './graphql-client.ts';
import { openOutbox, type PendingMessage } from './outbox.ts';
import { ExpiredError, type Session, type SessionGrant } from './session.ts';
import { INITIAL_STATE, type Store } from './store.ts';
import { createSync, type Sync } from './sync.ts';
import type { TabStorage } from './tab-storage.ts';

/** One visitor's conversation with one chatbot: the page's state and actions. */
export interface Chat {
  readonly chatbot: SessionGrant['chatbot'];
  /** The maximum length of a message, in UTF-16 code units. */
  readonly maxMessageChars: number;
  /** Example questions that a new conversation offers. */
  readonly examples: readonly string[];
  readonly store: Store;
  readonly client: GraphqlClient;
  readonly sync: Sync;
  /** Sends a message, at once or when the gateway is reachable again. */
  send(content: string): void;
  /** Removes a refused message. */
  discard(message: PendingMessage): void;
  /** Starts a new conversation. */
  startNewConversation(): void;
  /** Loads the next page of earlier messages. */
  loadEarlierMessages(): void;
  /**
   * Runs an action, and shows its failure on the page.
   * @returns whether it succeeded.
   */
  runAction(action: () => Promise<void>): Promise<boolean>;
}

/** The dependencies of the chat. */
export interface ChatDeps {
  readonly session: Session;
  readonly tabStorage: TabStorage;
  readonly store: Store;
}

/** The storage key of the id of the conversation, once its first message has been sent. */
const STARTED_CONVERSATION_KEY = 'begun';

/** Creates the chat of one page, and resumes the conversation of its tab. */
export function createChat({ session, tabStorage, store }: ChatDeps): Chat {
  const { chatbot, maxMessageChars, examples } = session.grant;
  const client = createGraphqlClient(session);
  const sync = createSync(
    { session, client, store },
    { onConnected: () => outbox.wake(), onConversationDeleted: replaceDeletedConversation },
  );
  const outbox = openOutbox(tabStorage, {
    send,
    onChange: updatePending,
    // A gateway that sent a retry delay is reachable.
    onDelay: ({ retryAfterMs }) => retryAfterMs === undefined && store.update({ isOnline: false }),
  });

  function updatePending(): void {
    store.update({
      pending: outbox.pending.filter(({ conversationId }) => conversationId === session.grant.conversationId),
    });
  }

  function followStartedConversation(conversationId: string): void {
    tabStorage.write(STARTED_CONVERSATION_KEY, conversationId);
    sync.follow(conversationId);
  }

  async function send({ clientMessageId, conversationId, content }: PendingMessage): Promise<void> {
    const input = { conversationId, clientMessageId, content };
    const { sendMessage } = await client.request(SendDocument, { input });
    const { conversation, userMessage, reply, notice } = payloadOf(sendMessage);
    store.update({ isOnline: true });
    if (conversationId !== session.grant.conversationId) return;
    store.update({ conversation, notice: notice ?? undefined });
    // After a lost response, the outbox repeats the request, and the branch of the message may no longer be shown.
    for (const message of [userMessage, reply]) {
      if (message?.isShown) sync.applyChange({ messages: addMessage(store.state.messages, message, undefined) });
    }
    followStartedConversation(conversationId);
  }

  async function startNewConversation(notice?: string): Promise<void> {
    if (!(await runAction(() => session.renew()))) return;
    sync.unfollow();
    store.update({ ...INITIAL_STATE, isOnline: store.state.isOnline, notice });
    updatePending();
  }

  function replaceDeletedConversation(): void {
    void startNewConversation('This conversation does not exist any more. You can start a new one.');
  }

  const runAction = (action: () => Promise<void>) => runAndShowFailure({ session, store }, action);

  updatePending();
  if (session.grant.conversationId === tabStorage.read(STARTED_CONVERSATION_KEY)) {
    store.update({ isLoading: true });
    followStartedConversation(session.grant.conversationId);
  }

  return {
    chatbot,
    maxMessageChars,
    examples,
    store,
    client,
    sync,
    runAction,
    send: (content) => outbox.add({ conversationId: session.grant.conversationId, content }),
    discard: ({ clientMessageId }) => outbox.remove(clientMessageId),
    startNewConversation: () => void startNewConversation(),
    loadEarlierMessages() {
      const { conversation, earlierCursor } = store.state;
      if (conversation === undefined || earlierCursor === undefined) return;
      void runAction(() => loadEarlierMessages({ client, store }, conversation.id, earlierCursor));
    },
  };
}

async function runAndShowFailure(
  { session, store }: Pick<ChatDeps, 'session' | 'store'>,
  action: () => Promise<void>,
): Promise<boolean> {
  store.update({ notice: undefined });
  try {
    await action();
    return true;
  } catch (error) {
    if (error instanceof ExpiredError) session.expire();
    else if (!store.state.isExpired) store.update({ notice: describeFailure(error) });
    return false;
  }
}

/** Reads the page of messages before a cursor, and inserts it before the shown messages. */
async function loadEarlierMessages(
  { client, store }: Pick<Chat, 'client' | 'store'>,
  conversationId: string,
  earlierCursor: string,
): Promise<void> {
  const response = await client.request(ConversationDocument, { id: conversationId, before: earlierCursor });
  const page = response.conversation?.messages;
  if (page === undefined || store.state.earlierCursor !== earlierCursor) return;
  store.update({
    messages: [...page.nodes, ...store.state.messages],
    earlierCursor: page.pageInfo.hasPreviousPage ? (page.pageInfo.startCursor ?? undefined) : undefined,
  });
}
