import { createClient } from 'graphql-ws';
import { createBackoff } from './backoff.ts';
import { FollowDocument, type FollowSubscription, type FollowSubscriptionVariables } from './documents.ts';
import type { Session } from './session.ts';

/** Something that happened in the conversation. */
export type ConversationEvent = FollowSubscription['conversationEvents'];

/** Who is told what happens. */
export interface Listener {
  /** The gateway listens to us: from here on nothing is missed. */
  connected(): void;
  /** The connection is lost; it is being tried again. */
  lost(): void;
  /** There is no such conversation any more; nothing else will be told. */
  gone(): void;
  event(event: ConversationEvent): void;
}

const PING_MS = 10_000;
const PONG_MS = 5_000;
const UNAUTHORIZED = 4401;

/**
 * Follows a conversation until it is told to stop, over as many connections as it takes. Each goes on after the last
 * event that was told. It ends where the gateway does not know the token any more.
 */
export function followConversation(session: Session, conversationId: string, listener: Listener): () => void {
  const backoff = createBackoff();
  let isOver = false;
  // Kept in memory only: a page that is loaded anew reads everything anyway.
  let after: string | null = null;
  let close = () => {};

  /** Listens on one connection; resolves when it has ended, whyever. */
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
        // A network that is gone says nothing: only a missing answer tells.
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
      // The gateway refused. Where it is not the conversation, it may be the place: begin with what is under way.
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
