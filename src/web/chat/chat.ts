import { addMessage } from './conversation.ts';
import { ConversationDocument, SendDocument } from './documents.ts';
import { describeFailure } from './failures.ts';
import { createGraph, type Graph, payloadOf } from './graph.ts';
import { openOutbox, type PendingMessage } from './outbox.ts';
import { ExpiredError, type Session, type SessionGrant } from './session.ts';
import { EMPTY, type Store } from './store.ts';
import { createSync, type Sync } from './sync.ts';
import type { TabStorage } from './tab-storage.ts';

/** One visitor's conversation with one chatbot: the page's state and actions. */
export interface Chat {
  readonly chatbot: SessionGrant['chatbot'];
  /** Example questions for the start. */
  readonly examples: readonly string[];
  readonly store: Store;
  readonly graph: Graph;
  readonly sync: Sync;
  /** Sends a message, at once or when the gateway is reachable again. */
  send(content: string): void;
  /** Removes a refused message. */
  discard(message: PendingMessage): void;
  /** Starts a new conversation. */
  startNew(): void;
  readEarlier(): void;
  /**
   * Runs an action, and shows its failure on the page.
   * @returns whether it succeeded.
   */
  attempt(task: () => Promise<void>): Promise<boolean>;
}

/** The dependencies of the chat. */
export interface ChatDeps {
  readonly session: Session;
  readonly memory: TabStorage;
  readonly store: Store;
}

/** The storage key for the id of the started conversation. */
const STARTED = 'begun';

/** Creates the chat of one page, and resumes the conversation of its tab. */
export function createChat({ session, memory, store }: ChatDeps): Chat {
  const { chatbot, examples } = session.ticket;
  const graph = createGraph(session);
  const sync = createSync({ session, graph, store }, { connected: () => outbox.wake(), gone });
  const outbox = openOutbox(memory, {
    send,
    changed: showPending,
    // A gateway that sent a retry delay is reachable.
    delayed: ({ retryAfterMs }) => retryAfterMs === undefined && store.update({ isOnline: false }),
  });

  function showPending(): void {
    store.update({
      pending: outbox.pending.filter(({ conversationId }) => conversationId === session.ticket.conversationId),
    });
  }

  function begin(conversationId: string): void {
    memory.write(STARTED, conversationId);
    sync.follow(conversationId);
  }

  async function send({ clientMessageId, conversationId, content }: PendingMessage): Promise<void> {
    const input = { conversationId, clientMessageId, content };
    const { sendMessage } = await graph.request(SendDocument, { input });
    const { conversation, userMessage, reply, notice } = payloadOf(sendMessage);
    store.update({ isOnline: true });
    if (conversationId !== session.ticket.conversationId) return;
    store.update({ conversation, notice: notice ?? undefined });
    // If the response of the first send was lost, the message may be old, and its branch no longer shown.
    for (const message of [userMessage, reply]) {
      if (message?.isShown) sync.change(withMessage(store.state.messages, message));
    }
    begin(conversationId);
  }

  async function startAnew(notice?: string): Promise<void> {
    if (!(await attempt(() => session.renew()))) return;
    sync.leave();
    store.update({ ...EMPTY, isOnline: store.state.isOnline, notice });
    showPending();
  }

  function gone(): void {
    void startAnew('This conversation does not exist any more. You can begin a new one.');
  }

  const attempt = (task: () => Promise<void>) => attemptTask({ session, store }, task);

  showPending();
  if (session.ticket.conversationId === memory.read(STARTED)) {
    store.update({ isLoading: true });
    begin(session.ticket.conversationId);
  }

  return {
    chatbot,
    examples,
    store,
    graph,
    sync,
    attempt,
    send: (content) => outbox.add({ conversationId: session.ticket.conversationId, content }),
    discard: ({ clientMessageId }) => outbox.remove(clientMessageId),
    startNew: () => void startAnew(),
    readEarlier() {
      const { conversation, earlier } = store.state;
      if (conversation === undefined || earlier === undefined) return;
      void attempt(() => addEarlier({ graph, store }, conversation.id, earlier));
    },
  };
}

/** Adds a message to the shown messages; undefined if the conversation must be read again. */
function withMessage(shown: Parameters<typeof addMessage>[0], message: Parameters<typeof addMessage>[1]) {
  const messages = addMessage(shown, message);
  return messages && { messages };
}

async function attemptTask(
  { session, store }: Pick<ChatDeps, 'session' | 'store'>,
  task: () => Promise<void>,
): Promise<boolean> {
  store.update({ notice: undefined });
  try {
    await task();
    return true;
  } catch (error) {
    if (error instanceof ExpiredError) session.expire();
    else if (!store.state.isExpired) store.update({ notice: describeFailure(error) });
    return false;
  }
}

/** Reads the page of messages before the cursor `earlier`, and inserts it before the shown messages. */
async function addEarlier({ graph, store }: Pick<Chat, 'graph' | 'store'>, id: string, earlier: string): Promise<void> {
  const read = await graph.request(ConversationDocument, { id, before: earlier });
  const page = read.conversation?.messages;
  if (page === undefined || store.state.earlier !== earlier) return;
  store.update({
    messages: [...page.nodes, ...store.state.messages],
    earlier: page.pageInfo.hasPreviousPage ? (page.pageInfo.startCursor ?? undefined) : undefined,
  });
}
