import { createBackoff } from './backoff.ts';
import { addPage } from './conversation.ts';
import { ConversationDocument, type ConversationFieldsFragment, type MessagePageFragment } from './documents.ts';
import { applyEvent, describeChange } from './events.ts';
import { describeFailure, UnreachableError } from './failures.ts';
import { type ConversationEvent, followConversation } from './follow.ts';
import type { Graph } from './graph.ts';
import type { Session } from './session.ts';
import type { ChatState, Store } from './store.ts';

/** Synchronizes the page with the gateway. */
export interface Sync {
  /** Follows a conversation; does nothing if it is followed already. */
  follow(conversationId: string): void;
  leave(): void;
  /** Reads the conversation again. */
  read(): void;
  /** Changes the state, and announces the change. */
  change(change: Partial<ChatState> | undefined): void;
  /** Ignores the event of a branch selection, because the page made it. */
  ignoreSelection(messageId: string): void;
}

/** A conversation with its newest messages. */
export type ReadConversation = ConversationFieldsFragment & { readonly messages: MessagePageFragment };

/** The callbacks of the synchronization. */
export interface SyncOwner {
  /** Called when the gateway is reachable. */
  connected(): void;
  /** Called when the conversation no longer exists. */
  gone(): void;
}

/** Creates the synchronization of one conversation at a time. */
export function createSync({ session, graph, store }: SyncDeps, owner: SyncOwner): Sync {
  const expected = new Set<string>();
  let current: { id: string; stop(): void } | undefined;
  /** The events received during a read; they may be older than its result. Undefined between reads. */
  let buffered: ConversationEvent[] | undefined;
  let mustReadAgain = false;

  function change(change: Partial<ChatState> | undefined): void {
    if (change === undefined) {
      read();
      return;
    }
    const announcement = change.messages && describeChange(store.state.messages, change.messages);
    store.update(announcement === undefined ? change : { ...change, announcement });
  }

  function receive(event: ConversationEvent): void {
    if (event.__typename === 'BranchSelected' && expected.delete(event.message.id)) return;
    buffered?.push(event);
    if (buffered !== undefined && event.__typename === 'MessageCreated') return;
    change(applyEvent(store.state, event));
  }

  function read(): void {
    if (buffered !== undefined) mustReadAgain = true;
    else if (current !== undefined) void readUntilDone(current.id);
  }

  async function readUntilDone(id: string): Promise<void> {
    const backoff = createBackoff();
    do {
      buffered = [];
      mustReadAgain = false;
      try {
        const { conversation } = await graph.request(ConversationDocument, { id });
        if (current?.id !== id) break;
        if (conversation === null) owner.gone();
        else change(showConversation(store.state, conversation));
        for (const event of buffered.splice(0)) change(applyEvent(store.state, event));
      } catch (error) {
        store.update({ isLoading: false });
        if (error instanceof UnreachableError) {
          mustReadAgain = true;
          await backoff.wait(error.retryAfterMs);
        } else store.update({ notice: describeFailure(error) });
      }
    } while (mustReadAgain && current?.id === id);
    buffered = undefined;
    // Another conversation may have started meanwhile.
    if (current !== undefined && current.id !== id) read();
  }

  function leave(): void {
    current?.stop();
    current = undefined;
  }

  return {
    follow(id) {
      if (current?.id === id) return;
      leave();
      const stop = followConversation(session, id, {
        connected() {
          store.update({ isOnline: true });
          owner.connected();
          read();
        },
        lost: () => store.update({ isOnline: false, isPersonTyping: false }),
        gone: () => owner.gone(),
        event: receive,
      });
      current = { id, stop };
    },
    leave,
    read,
    change,
    ignoreSelection: (messageId) => void expected.add(messageId),
  };
}

/** The change of state that shows a conversation after a read; earlier messages stay. */
function showConversation(state: ChatState, { messages: page, ...conversation }: ReadConversation): Partial<ChatState> {
  const messages = addPage(state.messages, page.nodes);
  const hasOlder = messages[0]?.id !== page.nodes[0]?.id;
  const earlier = page.pageInfo.hasPreviousPage ? (page.pageInfo.startCursor ?? undefined) : undefined;
  return { conversation, messages, isLoading: false, earlier: hasOlder ? state.earlier : earlier };
}

/** The dependencies of the synchronization. */
export interface SyncDeps {
  readonly session: Session;
  readonly graph: Graph;
  readonly store: Store;
}
