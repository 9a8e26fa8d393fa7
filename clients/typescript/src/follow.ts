import { retry } from './backoff.ts';
import { ConversationDocument, type ConversationQuery, FollowDocument } from './documents.ts';
import type { ChatGraphError } from './errors.ts';
import { applyEvent, type ConversationEvent } from './messages.ts';
import type { GraphResult, Requests } from './requests.ts';
import type { Store } from './store.ts';
import type { Subscriptions } from './subscriptions.ts';

/** A conversation with its newest messages, and the position in its events. */
export type Snapshot = NonNullable<ConversationQuery['conversation']>;

/** The parts of a conversation's state that following it changes. */
export interface FollowTarget {
  readonly store: Store;
  show(snapshot: Snapshot): void;
  /** Called when the conversation no longer exists. */
  reset(): void;
  /** Called when the gateway refuses the conversation. */
  fail(error: ChatGraphError): void;
}

/**
 * Reads a conversation, and applies every event after that. Reads it again when an event cannot be applied.
 * @returns the function that ends it.
 */
export function followConversation(
  { requests, subscriptions }: { requests: Requests; subscriptions: Subscriptions },
  id: string,
  target: FollowTarget,
): () => void {
  const abortController = new AbortController();
  const { signal } = abortController;
  const { store } = target;

  async function followFromSnapshot(): Promise<void> {
    const read = () => requests.request(ConversationDocument, { id }, { attempts: 1, signal });
    const { conversation: snapshot } = await retry(read, { signal });
    if (snapshot === null) return target.reset();
    target.show(snapshot);
    await applyEvents(snapshot.eventCursor);
  }

  /** Applies events until one of them cannot be applied. */
  function applyEvents(after: string): Promise<void> {
    return new Promise((resolve, reject) => {
      let isReady = false;
      const unsubscribe = subscriptions.subscribe(
        { query: FollowDocument.query, documentId: FollowDocument.id, variables: { conversationId: id, after } },
        {
          next(result) {
            const event = eventIn(result);
            if (event?.__typename === 'ConversationDeleted') return target.reset();
            if (event?.__typename === 'StreamReady' && !isReady) {
              isReady = true;
              return;
            }
            const change = event && applyEvent(store.state, event);
            if (change === undefined) end();
            else store.update(change);
          },
          error: end,
          complete: () => end(),
          setConnected(isConnected) {
            if (store.state.isConnected === isConnected) return;
            store.update({ isConnected, ...(!isConnected && { isPersonTyping: false }) });
          },
        },
      );
      function end(error?: ChatGraphError) {
        signal.removeEventListener('abort', abort);
        unsubscribe();
        if (error === undefined) resolve();
        else reject(error);
      }
      const abort = () => end();
      signal.addEventListener('abort', abort);
    });
  }

  void (async () => {
    if (store.state.error) store.update({ error: undefined });
    while (!signal.aborted) {
      try {
        await followFromSnapshot();
      } catch (error) {
        if (signal.aborted) return;
        if ((error as ChatGraphError).code === 'NOT_FOUND') return target.reset();
        return target.fail(error as ChatGraphError);
      }
    }
  })();
  return () => {
    abortController.abort();
    if (store.state.isConnected) store.update({ isConnected: false });
  };
}

/** The event of a result; undefined for one that has errors instead, such as a too large one. */
function eventIn({ data, errors }: GraphResult): ConversationEvent | undefined {
  return errors?.length ? undefined : (data?.conversationEvents as ConversationEvent | undefined);
}
