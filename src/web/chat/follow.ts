import { createClient } from 'graphql-ws';
import { createBackoff } from './backoff.ts';
import { FollowDocument, type FollowSubscription, type FollowSubscriptionVariables } from './documents.ts';
import type { Session } from './session.ts';

/** An event of the followed conversation. */
export type ConversationEvent = FollowSubscription['conversationEvents'];

/** The callbacks of a subscription. */
export interface ConversationListener {
  /** Called when the connection is open. */
  onConnected(): void;
  /** Called when the connection is lost; a new attempt follows. */
  onConnectionLost(): void;
  /** Called when the conversation no longer exists; no events follow. */
  onConversationDeleted(): void;
  onEvent(event: ConversationEvent): void;
}

const PING_INTERVAL_MS = 10_000;
const PONG_TIMEOUT_MS = 5_000;
const UNAUTHORIZED_CLOSE_CODE = 4401;

/**
 * Subscribes to the events of a conversation, and reconnects when the connection is lost. Each connection resumes after
 * the last received event. The subscription ends when the gateway no longer accepts the token.
 * @returns the function that unsubscribes.
 */
export function followConversation(
  session: Session,
  conversationId: string,
  listener: ConversationListener,
): () => void {
  const backoff = createBackoff();
  let isStopped = false;
  // The cursor is not stored, because a reloaded page reads the whole conversation anyway.
  let afterCursor: string | null = null;
  let closeConnection = () => {};

  /** Receives events on one connection until it ends for any reason. */
  async function followOnOneConnection(): Promise<void> {
    let pongTimeout: ReturnType<typeof setTimeout> | undefined;
    const client = createClient({
      url: `${location.origin.replace(/^http/, 'ws')}/graphql`,
      connectionParams: { authorization: `Bearer ${session.grant.token}` },
      retryAttempts: 0,
      keepAlive: PING_INTERVAL_MS,
      on: {
        connected: () => {
          backoff.reset();
          listener.onConnected();
        },
        // A broken network connection causes no error, so a missing pong closes the connection.
        ping: (isReceived) => {
          if (!isReceived) pongTimeout = setTimeout(() => client.terminate(), PONG_TIMEOUT_MS);
        },
        pong: () => clearTimeout(pongTimeout),
      },
    });
    // It rejects if the connection has failed, which the iteration reports.
    closeConnection = () => void Promise.resolve(client.dispose()).catch(() => {});
    try {
      const variables: FollowSubscriptionVariables = { conversationId, after: afterCursor };
      const query = FollowDocument.toString();
      for await (const { data } of client.iterate<FollowSubscription>({ query, variables: { ...variables } })) {
        if (!data || isStopped) continue;
        const { conversationEvents: event } = data;
        afterCursor = event.cursor;
        if (event.__typename === 'ConversationDeleted') {
          isStopped = true;
          listener.onConversationDeleted();
        } else listener.onEvent(event);
      }
    } catch (reason) {
      // After the unsubscription, an error concerns nobody: the session may have another token by then.
      if (isStopped) return;
      if (!Array.isArray(reason)) {
        isStopped = (reason as { code?: number }).code === UNAUTHORIZED_CLOSE_CODE;
        if (isStopped) session.expire();
        return;
      }
      // The gateway refused the subscription. The cursor may be invalid, so the next attempt starts without one.
      afterCursor = null;
      if (reason.some(({ extensions }) => extensions?.code === 'NOT_FOUND')) {
        isStopped = true;
        listener.onConversationDeleted();
      }
    } finally {
      clearTimeout(pongTimeout);
      closeConnection();
    }
  }

  void (async () => {
    while (!isStopped) {
      await followOnOneConnection().catch(() => {});
      if (isStopped) return;
      listener.onConnectionLost();
      await backoff.wait();
    }
  })();

  return () => {
    isStopped = true;
    closeConnection();
    backoff.wake();
  };
}
