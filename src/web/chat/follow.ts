import { createClient } from 'graphql-ws';
import { createBackoff } from './backoff.ts';
import { FollowDocument, type FollowSubscription, type FollowSubscriptionVariables } from './documents.ts';
import type { Session } from './session.ts';

/** An event of the conversation. */
export type ConversationEvent = FollowSubscription['conversationEvents'];

/** The callbacks of a subscription. */
export interface Listener {
  /** Called when the subscription is open; later events are not missed. */
  connected(): void;
  /** Called when the connection is lost; it is then reopened. */
  lost(): void;
  /** Called when the conversation no longer exists; no events follow. */
  gone(): void;
  event(event: ConversationEvent): void;
}

const PING_MS = 10_000;
const PONG_MS = 5_000;
const UNAUTHORIZED = 4401;

/**
 * Follows a conversation until it is stopped, over any number of connections. Each resumes after the last received
 * event. Ends when the gateway no longer accepts the token.
 */
export function followConversation(session: Session, conversationId: string, listener: Listener): () => void {
  const backoff = createBackoff();
  let isOver = false;
  // In memory only: a reloaded page reads everything anyway.
  let after: string | null = null;
  let close = () => {};

  /** Listens on one connection; resolves when it has ended, whatever the reason. */
  async function listen(): Promise<void> {
    let lateness: ReturnType<typeof setTimeout> | undefined;
    const client = createClient({
      url: `${location.origin.replace(/^http/, 'ws')}/graphql`,
      connectionParams: { authorization: `Bearer ${session.ticket.token}` },
      retryAttempts: 0,
      keepAlive: PING_MS,
      on: {
        connected: () => {
          backoff.reset();
          listener.connected();
        },
        // A broken network connection reports no error: only a missing pong reveals it.
        ping: (isReceived) => {
          if (!isReceived) lateness = setTimeout(() => client.terminate(), PONG_MS);
        },
        pong: () => clearTimeout(lateness),
      },
    });
    close = () => void client.dispose();
    try {
      const variables: FollowSubscriptionVariables = { conversationId, after };
      const query = FollowDocument.toString();
      for await (const { data } of client.iterate<FollowSubscription>({ query, variables: { ...variables } })) {
        if (!data || isOver) continue;
        const { conversationEvents: event } = data;
        after = event.cursor;
        if (event.__typename === 'ConversationDeleted') {
          isOver = true;
          listener.gone();
        } else listener.event(event);
      }
    } catch (reason) {
      if (!Array.isArray(reason)) {
        isOver ||= (reason as { code?: number }).code === UNAUTHORIZED;
        if (isOver) session.expire();
        return;
      }
      // The gateway refused the subscription. The cursor may be invalid, so the next attempt starts without one.
      after = null;
      if (reason.some(({ extensions }) => extensions?.code === 'NOT_FOUND')) {
        isOver = true;
        listener.gone();
      }
    } finally {
      clearTimeout(lateness);
      void client.dispose();
    }
  }

  void (async () => {
    while (!isOver) {
      await listen().catch(() => {});
      if (isOver) return;
      listener.lost();
      await backoff.wait();
    }
  })();

  return () => {
    isOver = true;
    close();
    backoff.wake();
  };
}
