import { addMessage } from './conversation.ts';
import { ConversationDocument, SendDocument } from './documents.ts';
import { describeFailure } from './failures.ts';
import { createGraph, type Graph, payloadOf } from './graph.ts';
import { openMemory } from './memory.ts';
import { openOutbox, type PendingMessage } from './outbox.ts';
import { createSession } from './session.ts';
import type { Settings } from './settings.ts';
import { createStore, EMPTY, type Store } from './store.ts';
import { createSync, type Sync } from './sync.ts';

/** One visitor's conversation with one chatbot: what the page shows, and what can be done there. */
export interface Chat {
  readonly settings: Settings;
  readonly store: Store;
  readonly graph: Graph;
  readonly sync: Sync;
  /** Sends a message, now or as soon as the gateway can be reached. */
  send(content: string): void;
  /** Forgets a message that was refused. */
  discard(message: PendingMessage): void;
  /** Leaves this conversation for a new one. */
  startAnew(): void;
  readEarlier(): void;
  /** Does something that may fail, and says so on the page. @returns whether it was done. */
  attempt(task: () => Promise<void>): Promise<boolean>;
}

/** Where the visitor is, as the browser keeps it. */
interface Place {
  /** Names the conversation within the chatbot. */
  readonly sessionId: string;
  /** Absent before the first message was confirmed. */
  readonly conversationId?: string;
}

const PLACE = 'place';

/** Makes the conversation of one page, and takes up where an earlier visit has left it. */
export function createChat(settings: Settings): Chat {
  const { chatbotId } = settings;
  const session = createSession(chatbotId);
  const graph = createGraph(session);
  const store = createStore();
  const memory = openMemory(chatbotId);
  const sync = createSync({ session, graph, store }, { connected: () => outbox.wake(), gone });
  let place = memory.read<Place>(PLACE) ?? { sessionId: crypto.randomUUID() };
  const outbox = openOutbox(memory, {
    send,
    changed: showPending,
    // One that asks to wait can be reached.
    delayed: ({ retryAfterMs }) => retryAfterMs === undefined && store.update({ isOnline: false }),
  });

  function showPending(): void {
    store.update({ pending: outbox.pending.filter(({ sessionId }) => sessionId === place.sessionId) });
  }

  function enter(next: Place): void {
    place = next;
    memory.write(PLACE, place);
    if (place.conversationId !== undefined) sync.follow(place.conversationId);
  }

  async function send({ clientMessageId, sessionId, content }: PendingMessage): Promise<void> {
    const input = { chatbotId, sessionId, clientMessageId, content };
    const { sendMessage } = await graph.ask(SendDocument, { input });
    const { conversation, message, reply, notice } = payloadOf(sendMessage);
    store.update({ isOnline: true });
    if (sessionId !== place.sessionId) return;
    store.update({ conversation, notice: notice ?? undefined });
    // One that was stored long ago, and is sent again because its answer was lost, may not be shown any more.
    for (const told of [message, reply]) {
      if (told?.isShown) sync.change(withMessage(told));
    }
    enter({ sessionId, conversationId: conversation.id });
  }

  function withMessage(told: Parameters<typeof addMessage>[1]) {
    const messages = addMessage(store.state.messages, told);
    return messages && { messages };
  }

  function startAnew(notice?: string): void {
    sync.leave();
    store.update({ ...EMPTY, isOnline: store.state.isOnline, notice });
    enter({ sessionId: crypto.randomUUID() });
    showPending();
  }

  function gone(): void {
    startAnew('This conversation does not exist any more. You can begin a new one.');
  }

  async function attempt(task: () => Promise<void>): Promise<boolean> {
    store.update({ notice: undefined });
    try {
      await task();
      return true;
    } catch (error) {
      store.update({ notice: describeFailure(error) });
      return false;
    }
  }

  showPending();
  if (place.conversationId !== undefined) store.update({ isLoading: true });
  enter(place);

  return {
    settings,
    store,
    graph,
    sync,
    attempt,
    send: (content) => outbox.add({ sessionId: place.sessionId, content }),
    discard: ({ clientMessageId }) => outbox.remove(clientMessageId),
    startAnew: () => startAnew(),
    readEarlier() {
      const { conversation, earlier } = store.state;
      if (conversation === undefined || earlier === undefined) return;
      void attempt(async () => {
        const read = await graph.ask(ConversationDocument, { id: conversation.id, before: earlier });
        const page = read.conversation?.messages;
        if (page === undefined || store.state.earlier !== earlier) return;
        store.update({
          messages: [...page.nodes, ...store.state.messages],
          earlier: page.pageInfo.hasPreviousPage ? (page.pageInfo.startCursor ?? undefined) : undefined,
        });
      });
    },
  };
}
